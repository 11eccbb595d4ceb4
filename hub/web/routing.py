"""How routes are declared: a scope, a thread for the work, and its problems documented."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from litestar import delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter

from hub.people.keys import Scope
from hub.web.auth import LOOPBACK, OPEN, SCOPE
from hub.web.idempotency import REPLAYED_HEADER
from hub.web.problems import MEDIA_TYPE, Problem

PathId = Annotated[str, PathParameter(max_length=64)]
"""An id in an address."""
MONEY = "money"
"""Routes with this in `opt` move money."""
Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]

_MEANING = {
    400: "The request is malformed; `faults` says where.",
    401: "No valid API key came along.",
    403: "The API key lacks the scope, or the code or signature isn't right.",
    404: "There is no such thing.",
    409: "The state of things, or the id's earlier use, forbids it; nothing changed.",
    413: "The body is too large.",
    429: "Too many attempts; try again after `Retry-After` seconds.",
    500: "The hub failed.",
    503: "The hub has too much to do; try again after `Retry-After` seconds.",
}
_READS = (400, 401, 403, 404, 500)
_WRITES = (400, 401, 403, 404, 409, 413, 500, 503)


def problems(statuses: tuple[int, ...]) -> Mapping[int, ResponseSpec]:
    """Document the problems that a route can answer with."""
    return {
        status: ResponseSpec(
            Problem, description=_MEANING[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def read(path: str, scope: Scope, *, tag: str) -> Decorator:
    """A GET that reads the database, in a thread."""
    return _route(get, path, {SCOPE: scope}, tag, responses=problems(_READS))


def write(path: str, scope: Scope, *, tag: str, status: int = 201) -> Decorator:
    """A POST that changes something other than money."""
    return _route(post, path, {SCOPE: scope}, tag, responses=problems(_WRITES), status_code=status)


def change(path: str, scope: Scope, *, tag: str) -> Decorator:
    """A PATCH: what the body leaves out stays."""
    return _route(patch, path, {SCOPE: scope}, tag, responses=problems(_WRITES))


def remove(path: str, scope: Scope, *, tag: str) -> Decorator:
    """A DELETE: twice is as good as once."""
    return _route(delete, path, {SCOPE: scope}, tag, responses=problems(_WRITES))


def money(path: str, scope: Scope, *, tag: str) -> Decorator:
    """A POST that moves money: it takes an Idempotency-Key."""
    replayed = ResponseHeader(
        name=REPLAYED_HEADER,
        description="`true` when this is the stored answer to an earlier request.",
        documentation_only=True,
    )
    return _route(
        post,
        path,
        {SCOPE: scope, MONEY: True},
        tag,
        responses=problems(_WRITES),
        response_headers=[replayed],
    )


def _route(
    method: Callable[..., Any], path: str, opt: dict[str, Any], tag: str, **options: Any
) -> Decorator:
    def declare(handler: Callable[..., Any]) -> HTTPRouteHandler:
        # The handler's docstring is what the API's document says of it.
        summary = inspect.getdoc(handler) or ""
        made: HTTPRouteHandler = method(
            path,
            opt=opt,
            tags=[tag],
            summary=summary.partition("\n")[0].removesuffix("."),
            sync_to_thread=True,
            security=[{"key": []}],
            **options,
        )(handler)
        return made

    return declare


def open_options(reason: str) -> dict[str, Any]:
    """`opt` of a route that asks for no key."""
    return {OPEN: reason}


def local_options(scope: Scope) -> dict[str, Any]:
    """`opt` of a page that this machine itself may read without a key."""
    return {SCOPE: scope, LOOPBACK: True}
