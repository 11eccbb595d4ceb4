"""Routes of alarms: what a person should look at."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from hub.fleet import alarms
from hub.fleet.alarms import Alarm
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.problems import title_of
from hub.web.routing import PathId, read, write
from wire.errors import Code

TAG = "Alarms"
OpenOnly = Annotated[
    bool, QueryParameter(name="open", required=False, description="Leave out what is cleared.")
]


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm.

    Attributes:
        id: Its id.
        code: What happened, a number that never changes its meaning.
        title: The code in words.
        controller: Where; empty: the hub itself.
        machine: Which machine; empty: none.
        subject: What of it.
        detail: Words for people.
        raised_ms: When it was raised.
        last_ms: When it happened last.
        count: How often.
        cleared_ms: When it was cleared; null: it is open.
    """

    id: str
    code: int
    title: str
    controller: str
    machine: str
    subject: str
    detail: str
    raised_ms: int
    last_ms: int
    count: int
    cleared_ms: int | None


def view(alarm: Alarm) -> AlarmView:
    """An alarm as the API shows it."""
    return AlarmView(
        id=alarm.id,
        code=alarm.code,
        title=alarm_title(alarm.code),
        controller=alarm.controller,
        machine=alarm.machine,
        subject=alarm.subject,
        detail=alarm.detail,
        raised_ms=alarm.raised_ms,
        last_ms=alarm.last_ms,
        count=alarm.count,
        cleared_ms=alarm.cleared_ms,
    )


def alarm_title(code: int) -> str:
    """A code in words; one of a later version: its number."""
    try:
        return title_of(Code(code))
    except ValueError:
        return f"Code {code}"


@read("/alarms", Scope.FLEET_READ, tag=TAG)
def list_alarms(
    hub: Hub,
    open_only: OpenOnly = True,  # noqa: FBT002 a query parameter is by name
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
) -> Page[AlarmView]:
    """List alarms, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = alarms.list_alarms(connection, open_only=open_only, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.raised_ms, row.id))


@write(
    "/alarms/{alarm:str}/clear",
    Scope.FLEET_WRITE,
    tag=TAG,
    status=200,
)
def clear_alarm(hub: Hub, alarm: PathId) -> AlarmView:
    """Clear an alarm that was seen to."""
    return view(hub.writer.run(lambda tx: alarms.dismiss_alarm(tx, alarm)))


ROUTES = (list_alarms, clear_alarm)
