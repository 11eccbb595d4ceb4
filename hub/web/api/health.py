"""Routes for whoever watches the process: is it up, and can it work."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import select

from hub.store.tables.people import card_list
from hub.web.ports import Hub
from hub.web.problems import MEDIA_TYPE, Problem
from hub.web.routing import open_options


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the hub is.

    Attributes:
        status: `ok`.
        at_ms: The hub's clock.
    """

    status: str
    at_ms: int


@get(
    "/healthz",
    opt=open_options("a process monitor has no key, and learns nothing but that it runs"),
    tags=["Health"],
    summary="Whether the process answers",
    sync_to_thread=False,
)
def healthz(hub: Hub) -> Health:
    """Answer, without touching anything."""
    return Health(status="ok", at_ms=hub.clock.now().wall_ms)


@get(
    "/readyz",
    opt=open_options("a process monitor has no key, and learns nothing but that it works"),
    tags=["Health"],
    summary="Whether the database can be read and written",
    responses={
        503: ResponseSpec(
            Problem, description="Not ready.", media_type=MEDIA_TYPE, generate_examples=False
        )
    },
    sync_to_thread=True,
)
def readyz(hub: Hub) -> Health:
    """Answer after a read and a pass through the writer."""
    with hub.store.read() as connection:
        connection.execute(select(card_list.c.revision).limit(1)).first()
    hub.writer.run(lambda tx: tx.now_ms)
    return Health(status="ok", at_ms=hub.clock.now().wall_ms)


ROUTES = (healthz, readyz)
