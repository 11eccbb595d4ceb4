"""Counts of cards as controllers report them: kept, compared, and told of.

Reports are facts and change no money; what they contradict becomes an alarm for a
person, who blocks or replaces the card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.ledger.writer import Tx
from hub.people.tap_rules import Tap, closes, contradicting, unreported
from hub.store.tables.people import card_taps, cards
from wire.errors import Code
from wire.events import CardRefused, ClockState, SessionStarted
from wire.proof import Proof

TAPS_KEPT_MAX = 64
"""Of each card: the weeks in which controllers that were away report; more than any
outage that isn't an accident of its own."""

_CARDS: Select[Any] = select(
    cards.c.id, cards.c.card_ref, cards.c.key_version, cards.c.keyed_ms
).where(cards.c.card_ref.in_(bindparam("wanted", expanding=True)))
_KNOWN = select(card_taps).where(card_taps.c.card.in_(bindparam("of", expanding=True)))
_FIELDS = ("key_version", "counter", "method", "controller", "epoch", "seq", "wall_ms")

_Report = SessionStarted | CardRefused


def note(tx: Tx, journal: tuple[str, str], events: Iterable[object]) -> None:
    """Take in what the cards of some events proved; other events say nothing.

    Args:
        tx: The writer's transaction, in which the events are booked.
        journal: Controller and epoch.
        events: Events of that journal, each for the first time.
    """
    proved = [
        (event, event.proof)
        for event in events
        if isinstance(event, SessionStarted | CardRefused) and event.proof is not None
    ]
    if not proved:
        return
    rows = tx.connection.execute(_CARDS, {"wanted": sorted({event.card for event, _ in proved})})
    listed = {row.card_ref: row for row in rows}
    known = _known(tx.connection, [row.id for row in listed.values()])
    for event, proof in proved:
        row = listed.get(event.card)
        if row is not None:
            _take(tx, row, known.setdefault(row.id, []), (journal, event, proof))
    _note_versions(tx, listed, proved)


def taps_of(connection: Connection, card: str) -> list[Tap]:
    """The reports that are kept of a card, newest key and highest count first."""
    found = _known(connection, [card]).get(card, [])
    return sorted(found, key=_rank, reverse=True)


def _known(connection: Connection, ids: list[str]) -> dict[str, list[Tap]]:
    found: dict[str, list[Tap]] = {}
    for row in connection.execute(_KNOWN, {"of": sorted(ids)}):
        values = {name: getattr(row, name) for name in _FIELDS}
        found.setdefault(row.card, []).append(Tap(**values, is_synced=bool(row.is_synced)))
    return found


def _take(
    tx: Tx,
    card: Row[Any],
    known: list[Tap],
    report: tuple[tuple[str, str], _Report, Proof],
) -> None:
    (controller, epoch), event, proof = report
    if proof.counter is None:
        return
    tap = Tap(
        key_version=proof.key_version,
        counter=proof.counter,
        method=proof.method,
        controller=controller,
        epoch=epoch,
        seq=event.seq,
        wall_ms=event.at.wall_ms,
        is_synced=event.at.clock is ClockState.SYNCED,
    )
    if tap.is_synced and tap.wall_ms < card.keyed_ms:
        return  # counted before it was given the keys that it has now
    _compare(tx, card.id, known, tap)
    known.append(tap)
    values = {name: getattr(tap, name) for name in _FIELDS}
    tx.connection.execute(
        card_taps.insert().values(card=card.id, is_synced=int(tap.is_synced), **values)
    )
    _drop_old(tx, card.id, known)


def _compare(tx: Tx, card: str, known: Sequence[Tap], tap: Tap) -> None:
    other = contradicting(known, tap)
    if other is not None:
        words = (
            f"count {tap.counter} at {tap.controller} (event {tap.seq}) and count "
            f"{other.counter} at {other.controller} (event {other.seq}) can't be of one card: "
            "block it, and give its owner a new one"
        )
        raise_alarm(tx, Matter(code=Code.CARD_CLONED, subject=card, detail=words))
    missing = unreported(known, tap)
    if missing is not None:
        words = (
            f"{missing[1] - missing[0] + 1} reads, {missing[0]} to {missing[1]}, weren't reported: "
            "a controller is behind or lost its journal, or someone reads the card elsewhere"
        )
        raise_alarm(tx, Matter(code=Code.CARD_TAPS_MISSING, subject=card, detail=words))
    elif closes(known, tap):
        clear_alarm(tx, Code.CARD_TAPS_MISSING, "", card)


def _drop_old(tx: Tx, card: str, known: list[Tap]) -> None:
    if len(known) <= TAPS_KEPT_MAX:
        return
    oldest = min(known, key=_rank)
    known.remove(oldest)
    tx.connection.execute(
        delete(card_taps).where(
            card_taps.c.card == card,
            card_taps.c.key_version == oldest.key_version,
            card_taps.c.counter == oldest.counter,
            card_taps.c.controller == oldest.controller,
            card_taps.c.epoch == oldest.epoch,
            card_taps.c.seq == oldest.seq,
        )
    )


def _note_versions(
    tx: Tx, listed: dict[str, Row[Any]], proved: Sequence[tuple[_Report, Proof]]
) -> None:
    newest: dict[str, int] = {}
    for event, proof in proved:
        newest[event.card] = max(newest.get(event.card, 0), proof.key_version)
    for ref, version in newest.items():
        row = listed.get(ref)
        if row is not None and version > row.key_version:
            tx.connection.execute(
                update(cards).where(cards.c.id == row.id).values(key_version=version)
            )


def _rank(tap: Tap) -> tuple[int, int, int]:
    return tap.key_version, tap.counter, tap.wall_ms
