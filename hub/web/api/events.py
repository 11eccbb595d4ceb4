"""Routes of live streams: names of what changed, so that clients read it again."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.response import ServerSentEvent

from hub.people.keys import Scope
from hub.web.auth import SCOPE
from hub.web.routing import local_options, problems
from hub.web.streams import Streams

RETRY_MS = 3_000
"""How long browsers wait before they connect again."""
_SAYS = (
    "Server-sent events: `changed` names what changed (`controllers`, `machines`, "
    "`sessions`, `accounts`, `alarms`, `exposure`), `beat` says that the hub is there."
)


@get(
    "/api/v1/events",
    opt={SCOPE: Scope.FLEET_READ},
    tags=["Events"],
    summary="A live stream of what changes",
    description=_SAYS,
    media_type="text/event-stream",
    responses=problems((401, 403, 503)),
    security=[{"key": []}],
)
async def stream_events(streams: NamedDependency[Streams]) -> ServerSentEvent:
    """Stream to a program."""
    return ServerSentEvent(streams.open(), retry_duration=RETRY_MS)


@get(
    "/events",
    opt=local_options(Scope.FLEET_READ),
    media_type="text/event-stream",
    include_in_schema=False,
)
async def stream_to_page(streams: NamedDependency[Streams]) -> ServerSentEvent:
    """Stream to the live page, under the same rule as the page itself."""
    return ServerSentEvent(streams.open(), retry_duration=RETRY_MS)


ROUTES = (stream_events, stream_to_page)
