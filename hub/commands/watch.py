"""`standpipe-hub watch`: machines, controllers and sessions as a live table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.commands.access import Api, Json, Place, say
from hub.errors import ConfigError, HubError, InputError
from hub.web.pages.words import ago, amount, clock_time, length, use
from wire.money import Unit

ROWS_MAX = 200
"""More rows than a terminal has lines."""
SESSIONS_MAX = 8
RETRY_S = 2
"""Between attempts to reach a hub that went away."""
_STYLES = {"running": "green", "free": "", "fault": "bold red", "offline": "yellow"}


def watch(place: Place, *, once: bool) -> int:
    """Show the hub until interrupted, or once.

    Args:
        place: A running hub and a key for it, with the scope `fleet:read`.
        once: Print one table and end.

    Returns:
        Exit code.
    """
    if not place.hub:
        return say(InputError("watch reads a running hub: --hub http://127.0.0.1:8080 --key sp_…"))
    console = Console()
    try:
        with Api(place) as api:
            if once:
                console.print(picture(read_snapshot(api)))
                return 0
            with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
                _follow(api, live)
    except HubError as error:
        return say(error)
    return 0


def read_snapshot(api: Api) -> Json:
    """Read everything that is shown, in one go."""
    return {
        "settings": api.get("/settings"),
        "machines": api.get("/machines", limit=ROWS_MAX),
        "controllers": api.get("/controllers", limit=ROWS_MAX),
        "sessions": api.get("/sessions", limit=SESSIONS_MAX),
        "exposure": api.get("/exposure"),
    }


def picture(snapshot: Json) -> Group:
    """The tables for a snapshot; pure."""
    settings, exposure = snapshot["settings"], snapshot["exposure"]
    unit = Unit(settings["unit"], settings["exponent"], settings["symbol"])
    now_ms = int(exposure["as_of_ms"])
    risk = (
        f"worst loss if all lines were cut now: {amount(exposure['exposed_minor'], unit)} "
        f"of {amount(settings['loss_budget_minor'], unit)} accepted"
    )
    return Group(
        _machines(snapshot["machines"]["items"], unit, now_ms),
        _controllers(snapshot["controllers"]["items"], now_ms),
        _sessions(snapshot["sessions"]["items"], unit),
        Text(f"{risk} · as of {clock_time(now_ms, 'UTC')} UTC", style="dim"),
    )


def _machines(rows: list[Json], unit: Unit, now_ms: int) -> Table:
    table = _table("Machines", "machine", "state", "used", "charge", "as of")
    for row in rows:
        now = row["now"]
        says = f"{length(now['left_ms'])} left" if now["left_ms"] else now["words"]
        running = bool(now["session"])
        table.add_row(
            row["definition"]["name"],
            Text(says, style=_STYLES.get(now["shape"], "")),
            use(now["time_ms"], now["quantity"], now["unit"]) if running else now["detail"],
            amount(now["charge_minor"], unit) if running else "",
            ago(now["as_of_ms"], now_ms) if now["as_of_ms"] else "never heard",
        )
    return table


def _controllers(rows: list[Json], now_ms: int) -> Table:
    table = _table("Controllers", "controller", "state", "waiting to sync", "clock", "as of")
    for row in rows:
        silent = row["state"] == "active" and row["silent"]
        says = "silent" if silent else "online" if row["state"] == "active" else row["state"]
        table.add_row(
            row["id"],
            Text(says, style="yellow" if silent else ""),
            str(row["outbox_events"]) if row["live_ms"] else "unknown",
            row["clock"],
            ago(row["live_ms"], now_ms) if row["live_ms"] else "never heard",
        )
    return table


def _sessions(rows: list[Json], unit: Unit) -> Table:
    columns = ("began (UTC)", "machine", "account", "used", "charge")
    table = _table("Latest sessions, as booked", *columns)
    for row in rows:
        running = row["state"] == "running"
        table.add_row(
            clock_time(row["started_ms"], "UTC"),
            row["machine"],
            row["account"],
            use(row["time_ms"], 0),
            "running" if running else amount(row["charge_minor"], unit),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True, box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "charge" else "left")
    return table


def _follow(api: Api, live: Live) -> None:
    """Draw again at each event; a hub that went away is said so, and tried again."""
    pause = threading.Event()
    while True:
        try:
            for _ in _events(api):
                live.update(picture(read_snapshot(api)), refresh=True)
        except ConfigError as error:
            live.update(Text(f"{error}; trying again", style="yellow"), refresh=True)
        pause.wait(RETRY_S)


def _events(api: Api) -> Iterator[str]:
    with api.stream("/events") as lines:
        for line in lines:
            if line.startswith("event:"):
                yield line.partition(":")[2].strip()
