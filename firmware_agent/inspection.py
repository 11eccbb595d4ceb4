"""Looking into a controller's database without touching it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from firmware_agent.errors import StoreCorrupt
from firmware_agent.journal import Row, read_row
from firmware_agent.store import NUMBER_MAX
from wire import chain
from wire.codec import decode_event
from wire.errors import DecodeError
from wire.events import AnyEvent, Boot, SessionProgress, SessionStarted, UnknownEvent

_META = ("controller", "epoch", "acked_seq", "base_seq", "accounts_revision", "list_revision")


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is open in the journal."""

    session: str
    machine: str
    account: str
    charge_minor: int
    since_ms: int


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller holds.

    Attributes:
        controller: Its name; empty before its first start.
        epoch: Id of its journal.
        last_seq: Last event.
        acked_seq: Last event that the hub has committed.
        unsynced_events: Events that it hasn't.
        stored_events: Rows in the journal.
        cards: Cards in the list.
        list_revision: Revision of the list.
        accounts_revision: Revision of the rights.
        accounts: Accounts with rights or totals here.
        backed_minor: Backed rights that are left, all accounts together.
        last_event_ms: Wall time of the last event; 0: there is none.
        open_sessions: Sessions that run, or ran when the power went.
    """

    controller: str
    epoch: str
    last_seq: int
    acked_seq: int
    unsynced_events: int
    stored_events: int
    cards: int
    list_revision: int
    accounts_revision: int
    accounts: int
    backed_minor: int
    last_event_ms: int
    open_sessions: tuple[OpenSession, ...] = ()


def holdings(connection: sqlite3.Connection) -> Holdings:
    """Collect what a controller holds.

    Raises:
        StoreCorrupt: A part of it can't be read.
    """
    meta = _meta(connection)
    numbers = {key: _number(meta, key) for key in _META[2:]}
    stored, head = connection.execute("SELECT COUNT(*), MAX(seq) FROM journal").fetchone()
    last_seq = head if head is not None else numbers["base_seq"]
    accounts, backed = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(granted + taken_in - spent - released), 0) FROM rights"
    ).fetchone()
    (cards,) = connection.execute("SELECT COUNT(*) FROM cards").fetchone()
    return Holdings(
        controller=str(meta.get("controller", "")),
        epoch=str(meta.get("epoch", "")),
        last_seq=last_seq,
        acked_seq=numbers["acked_seq"],
        unsynced_events=max(0, last_seq - numbers["acked_seq"]),
        stored_events=stored,
        cards=cards,
        list_revision=numbers["list_revision"],
        accounts_revision=numbers["accounts_revision"],
        accounts=accounts,
        backed_minor=backed,
        last_event_ms=_last_event_ms(connection),
        open_sessions=tuple(_open_sessions(connection)),
    )


def rows(connection: sqlite3.Connection, after_seq: int, limit: int) -> Iterator[Row]:
    """Stored events after a seq, in order."""
    found = connection.execute(
        "SELECT seq, data, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
        (after_seq, limit),
    )
    return (read_row(*row) for row in found)


def verify(connection: sqlite3.Connection) -> tuple[int, str]:
    """Check all stored events against the chain: how many are sound, and what is wrong.

    Raises:
        StoreCorrupt: One of them, or the file, can't be read.
    """
    meta = _meta(connection)
    count, previous = 0, None
    for row in rows(connection, -1, -1):
        digest = _before(meta, row.seq) if previous is None else previous.hash
        if previous is not None and row.seq != previous.seq + 1:
            return count, f"event {previous.seq + 1} is missing"
        if digest is not None and chain.link(digest, row.data) != row.hash:
            return count, f"event {row.seq} isn't what was written"
        count, previous = count + 1, row
    return count, ""


def _before(meta: dict[str, Any], seq: int) -> bytes | None:
    """Chain hash before the first stored event, where it is known."""
    if seq == 1:
        return chain.origin(str(meta.get("controller", "")), str(meta.get("epoch", "")))
    if seq == _number(meta, "base_seq") + 1:
        kept = meta.get("base_hash")
        if not isinstance(kept, bytes):
            raise StoreCorrupt("the database is damaged: base_hash is no hash")
        return kept
    return None


def _meta(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def _number(meta: dict[str, Any], key: str) -> int:
    number = meta.get(key, 0)
    if not isinstance(number, int) or not 0 <= number <= NUMBER_MAX:
        raise StoreCorrupt(f"the database is damaged: {key} is no number of an event")
    return number


def _event(data: object) -> AnyEvent | UnknownEvent:
    if not isinstance(data, bytes):
        raise StoreCorrupt("the database is damaged: an event can't be read")
    try:
        return decode_event(data)
    except DecodeError as error:
        raise StoreCorrupt(f"the database is damaged: {error}") from None


def _last_event_ms(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT data FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return _event(row[0]).at.wall_ms if row is not None else 0


def _open_sessions(connection: sqlite3.Connection) -> Iterator[OpenSession]:
    for (data,) in connection.execute("SELECT data FROM open_sessions ORDER BY session"):
        event = _event(data)
        if isinstance(event, SessionStarted | SessionProgress):
            charge = event.charge_minor if isinstance(event, SessionProgress) else 0
            yield OpenSession(
                session=event.session,
                machine=event.machine,
                account=event.account,
                charge_minor=charge,
                since_ms=event.started.wall_ms,
            )


def last_boot(connection: sqlite3.Connection) -> Boot | None:
    """The newest start among the last stored events; None: too long ago."""
    newest = connection.execute("SELECT data FROM journal ORDER BY seq DESC LIMIT 1000")
    for (data,) in newest:
        event = _event(data)
        if isinstance(event, Boot):
            return event
    return None
