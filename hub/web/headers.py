"""Security headers on every answer, errors included."""

from __future__ import annotations

from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.routes import HTTPRoute
from litestar.types import Message, Scope

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Everything from this host, nothing inline: a page can neither load nor tell a third party."""

_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
ALLOW = "standpipe_allow"
"""Key of the application's state: address as declared to its methods, as `methods_of` gives."""
STATIC_PREFIX = "/static/"


def methods_of(app: Litestar) -> dict[str, str]:
    """The methods of each address; Litestar's own OPTIONS names those declared first only."""
    methods: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            methods.setdefault(route.path_format, set()).update(route.methods)
    return {path: ", ".join(sorted(names)) for path, names in methods.items()}


async def add_headers(message: Message, scope: Scope) -> None:
    """Add the headers as an answer starts; money and names are never cached."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _ALWAYS.items():
        headers[name] = value
    if scope.get("method") == "OPTIONS" and "path_template" in scope:
        allow = scope["litestar_app"].state[ALLOW].get(scope["path_template"])
        headers["Allow"] = allow or headers.get("Allow", "OPTIONS")
    if not str(scope.get("path", "")).startswith(STATIC_PREFIX):
        headers["Cache-Control"] = "no-store"
    else:
        headers["Cache-Control"] = "no-cache"
