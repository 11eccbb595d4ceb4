"""Who may call what: a Bearer API key with the scope that the route names.

Every route says `opt["scope"]`, or `opt["open"]` with the reason why it asks for no
key; `check_routes` refuses an application with a route that says neither. One guard
for the whole application does the rest, so a route can't forget it.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import Any

from anyio.to_thread import run_sync
from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from hub.errors import HubError
from hub.people.keys import ApiKey, Scope, find_key, is_use_due, note_use
from hub.web.ports import Hub
from hub.web.problems import NotSignedInError, WebError
from wire.errors import Code

Connection = ASGIConnection[Any, Any, Any, Any]
SCOPE = "scope"
OPEN = "open"
LOOPBACK = "loopback"
"""Routes with this in `opt` are readable without a key from this machine itself."""

_FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip")
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_BEARER = "bearer "
_CALLER = "standpipe_caller"


async def require_scope(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Guard of the whole application: the caller's key must have the route's scope.

    Raises:
        NotSignedInError: No valid key came along.
        WebError: The key lacks the scope.
    """
    if handler.opt.get(OPEN) or connection.scope.get("method") == "OPTIONS":
        return  # OPTIONS only names the methods of an address
    needed: Scope = handler.opt[SCOPE]
    header = connection.headers.get("authorization", "")
    if not header and handler.opt.get(LOOPBACK) and is_from_here(connection):
        return
    key = await run_sync(_authenticate, connection.app.state.hub, header)
    if needed not in key.scopes:
        raise WebError(
            f"The key {key.name!r} lacks the scope {needed}: make one that has it.",
            Code.SCOPE_MISSING,
        )
    connection.scope["state"][_CALLER] = key


def caller_of(request: Request[Any, Any, Any]) -> ApiKey:
    """The key that a request came with; only for routes that need one."""
    key: ApiKey = request.scope["state"][_CALLER]
    return key


def is_from_here(connection: Connection) -> bool:
    """Tell whether a request was made on this machine, to this machine.

    A proxy on this machine forwards for others, and a foreign name that resolves to
    this machine is another site's trick to read the page: both are not from here.
    """
    if any(name in connection.headers for name in _FORWARDING) or connection.client is None:
        return False
    host = connection.headers.get("host", "")
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    if name not in _OWN_NAMES:
        return False
    try:
        return ipaddress.ip_address(connection.client.host).is_loopback
    except ValueError:
        return False


def check_routes(app: Litestar) -> None:
    """Check that every route says who may call it.

    Raises:
        ImproperlyConfiguredException: One says neither a scope nor why it is open.
    """
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            own = handler.handler_name != "options_handler"
            if own and not (handler.opt.get(OPEN) or isinstance(handler.opt.get(SCOPE), Scope)):
                raise ImproperlyConfiguredException(f"{handler} says neither scope nor open")


def _authenticate(hub: Hub, header: str) -> ApiKey:
    if not header:
        raise NotSignedInError("Send an API key: Authorization: Bearer sp_…")
    now_ms = hub.clock.now().wall_ms
    token = header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else ""
    with hub.store.read() as connection:
        key = find_key(connection, token, now_ms)
    if key is None:
        raise NotSignedInError("This API key is unknown, revoked or has ended: make another.")
    if is_use_due(key, now_ms):
        with suppress(HubError):  # a fact for people: no reason to refuse the request
            hub.writer.run(lambda tx: note_use(tx, key.id))
    return key
