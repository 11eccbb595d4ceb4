"""`standpipe-agent journal`: list, verify, export; read-only."""

from __future__ import annotations

from pathlib import Path

from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError
from firmware_agent.inspection import holdings, rows, verify as verify_rows
from firmware_agent.store import open_read_only
from wire.codec import Format, decode_event, encode, format_of
from wire.errors import DecodeError


def list_events(path: Path, after: int, limit: int, *, as_json: bool) -> int:
    """Print events, one a line."""
    try:
        with open_read_only(_folder(path)) as connection:
            start = after or max(0, holdings(connection).last_seq - limit)
            for row in rows(connection, start, limit):
                print(_as_json(row.data) if as_json else _in_words(row.data))
    except (AgentError, DecodeError) as error:
        return complain(str(error))
    return OK


def verify(path: Path) -> int:
    """Check the chain of all stored events."""
    try:
        with open_read_only(_folder(path)) as connection:
            count, broken = verify_rows(connection)
    except AgentError as error:
        return complain(str(error))
    if broken:
        return complain(
            f"{count} events are sound, then: {broken}. Keep the data folder and call the operator"
        )
    print(f"{count} events are as they were written")
    return OK


def export(path: Path, out: Path, limit: int) -> int:
    """Write the stored events to a file, one JSON object a line."""
    count = 0
    try:
        with open_read_only(_folder(path)) as connection, out.open("w", encoding="utf-8") as file:
            for row in rows(connection, 0, limit):
                file.write(_as_json(row.data) + "\n")
                count += 1
    except (AgentError, DecodeError, OSError) as error:
        return complain(str(error))
    print(f"{count} events written to {out}")
    return OK


def _folder(path: Path) -> Path:
    return Path(load_config(path).data_dir)


def _as_json(data: bytes) -> str:
    event = decode_event(data)
    return (data if format_of(data) is Format.JSON else encode(event)).decode()


def _in_words(data: bytes) -> str:
    event = decode_event(data)
    details = []
    for name in ("machine", "session", "account", "reason", "charge_minor", "code", "detail"):
        value = getattr(event, name, None)
        if value not in (None, "", 0):
            details.append(f"{name}={value}")
    kind = str(event.__struct_config__.tag or getattr(event, "kind", "?"))
    return f"{event.seq:>8}  {event.at.wall_ms}  {kind:16} {' '.join(details)}"
