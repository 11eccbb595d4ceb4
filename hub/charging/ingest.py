"""A batch from a controller: checked outside the writer, booked whole within one job.

`docs/protocol.md`, "The journal goes up". The sequence check against `journals`, in the
transaction, is the final authority: a batch that comes twice, or by two ways, is booked
once. The ack is sent only after the commit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from hub.charging import confirmation, posting
from hub.charging.posting import Entry
from hub.charging.stream import Booked, Decision, Verdict, chained, decide, nothing_booked
from hub.fleet import controllers as known
from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.fleet.controllers import Controller, ControllerState
from hub.ledger.writer import Tx
from hub.store.tables.charging import events, journals
from hub.store.tables.fleet import controllers, quarantine
from wire.codec import decode_event
from wire.downlink import Ack
from wire.envelope import unseal_batch
from wire.errors import Code, DecodeError
from wire.ids import RANDOM_BYTES, format_id
from wire.keys import HUB, Verifier
from wire.uplink import JournalHeader

QUARANTINED_PER_CONTROLLER_MAX = 50
"""Enough for a person to see what happened; a broken controller sends the same for ever."""

_MINE = (journals.c.controller == bindparam("name")) & (journals.c.epoch == bindparam("of"))
_FIND = select(journals.c.through_seq, journals.c.head_hash).where(_MINE).with_for_update()
_ADVANCE = (
    update(journals)
    .where(_MINE)
    .values(
        through_seq=bindparam("through"), head_hash=bindparam("head"), heard_ms=bindparam("now")
    )
)
_FILL = (
    update(journals).where(_MINE & (journals.c.gap_seq <= bindparam("next"))).values(gap_seq=None)
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that its controller signed, and whose chain is whole.

    Attributes:
        header: Its header.
        entries: Its events, in order.
        payload: As it came, for quarantine.
    """

    header: JournalHeader
    entries: tuple[Entry, ...]
    payload: bytes


def prepare(payload: bytes, verifier: Verifier) -> Batch:
    """Check and decode a batch; needs no database.

    Raises:
        DecodeError: Malformed.
        SignatureError: Not signed by that controller, or not for the hub.
        ChainError: The events aren't those that the header speaks of.
    """
    header, raws = unseal_batch(payload, verifier, HUB)
    if header.first_seq < 1:
        raise DecodeError("a batch begins at seq 1 or later")
    hashes = chained(header, raws)
    entries = tuple(
        _entry(header.first_seq + place, raw, hash_)
        for place, (raw, hash_) in enumerate(zip(raws, hashes, strict=True))
    )
    return Batch(header, entries, payload)


def book_batch(tx: Tx, batch: Batch) -> Ack | None:
    """Book what of a batch isn't booked yet.

    Returns:
        The ack to send after the commit; None: the controller gets none.
    """
    header = batch.header
    controller = known.find_controller(tx.connection, header.sender)
    if controller is None:
        return None
    if controller.state is ControllerState.QUARANTINED:
        _put_apart(tx, batch, controller.quarantine_reason)
        return None
    if controller.state is not ControllerState.ACTIVE:
        return None
    booked = _booked(tx, header)
    decision = _decide(tx, booked, batch)
    if decision.verdict is Verdict.FORK:
        _quarantine(tx, batch, booked)
        return None
    before = booked or nothing_booked(header.sender, header.epoch)
    after = _book(tx, controller, batch, decision, before)
    if decision.verdict is Verdict.OPEN or controller.epoch == header.epoch:
        confirmation.hear(tx, header, after.through_seq)
    return Ack(
        receiver=header.sender,
        epoch=header.epoch,
        through_seq=after.through_seq,
        head_hash=after.head_hash,
        hub_time_ms=tx.now_ms,
    )


def _entry(seq: int, raw: bytes, hash_: str) -> Entry:
    # What is signed and chained but can't be read is kept and flagged: refusing it would
    # hold up every later fact of this journal for ever.
    try:
        event = decode_event(raw)
    except DecodeError as error:
        return Entry(seq, raw, hash_, None, str(error))
    if event.seq != seq:
        return Entry(seq, raw, hash_, None, f"it says seq {event.seq} and stands at {seq}")
    return Entry(seq, raw, hash_, event)


def _booked(tx: Tx, header: JournalHeader) -> Booked | None:
    row = tx.connection.execute(_FIND, {"name": header.sender, "of": header.epoch}).first()
    return None if row is None else Booked(row.through_seq, row.head_hash)


def _decide(tx: Tx, booked: Booked | None, batch: Batch) -> Decision:
    header = batch.header

    def hash_at(seq: int) -> str | None:
        if seq == 0:
            return nothing_booked(header.sender, header.epoch).head_hash
        return tx.connection.execute(
            select(events.c.hash).where(
                (events.c.controller == header.sender)
                & (events.c.epoch == header.epoch)
                & (events.c.seq == seq)
            )
        ).scalar()

    return decide(booked, header, tuple(entry.hash for entry in batch.entries), hash_at)


def _book(
    tx: Tx, controller: Controller, batch: Batch, decision: Decision, before: Booked
) -> Booked:
    header = batch.header
    match decision.verdict:
        case Verdict.GAP:
            _note_gap(tx, header, before)
            return before
        case Verdict.PAST | Verdict.AHEAD:
            return before
        case Verdict.OPEN:
            _open(tx, controller, header)
        case _:
            pass
    entries = batch.entries[decision.skip :]
    if not entries:
        return before
    posting.post_entries(tx, controller, header.epoch, entries)
    after = Booked(entries[-1].seq, entries[-1].hash)
    _advance(tx, header, after)
    return after


def _open(tx: Tx, controller: Controller, header: JournalHeader) -> None:
    """Begin a new journal. What an earlier one still held is at risk until a person decides."""
    tx.connection.execute(
        insert(journals).values(
            controller=header.sender,
            epoch=header.epoch,
            through_seq=0,
            head_hash=header.prev_hash,
            opened_ms=tx.now_ms,
            heard_ms=tx.now_ms,
        )
    )
    tx.connection.execute(
        update(controllers)
        .where(controllers.c.id == header.sender)
        .values(
            epoch=header.epoch,
            reported_revision=0,
            held_revision=0,
            reported_list_revision=0,
            held_list_revision=0,
        )
    )
    tx.touch("controller", header.sender)
    # What came before its first batch had no journal to note a gap in.
    clear_alarm(tx, Code.JOURNAL_GAP, header.sender, header.epoch)
    if controller.epoch:
        words = (
            f"began a new journal {header.epoch}; what {controller.epoch} still held, and facts"
            " of it that were never sent, are at risk: find its disk, or forfeit its rights"
        )
        matter = Matter(
            code=Code.JOURNAL_CORRUPT,
            controller=header.sender,
            subject=controller.epoch,
            detail=words,
        )
        raise_alarm(tx, matter)


def _advance(tx: Tx, header: JournalHeader, after: Booked) -> None:
    mine = {"name": header.sender, "of": header.epoch}
    reached = {"through": after.through_seq, "head": after.head_hash, "now": tx.now_ms}
    tx.connection.execute(_ADVANCE, mine | reached)
    if tx.connection.execute(_FILL, mine | {"next": after.through_seq + 1}).rowcount:
        clear_alarm(tx, Code.JOURNAL_GAP, header.sender, header.epoch)


def _note_gap(tx: Tx, header: JournalHeader, before: Booked) -> None:
    early = update(journals).where(_MINE & journals.c.gap_seq.is_(None))
    mine = {"name": header.sender, "of": header.epoch}
    tx.connection.execute(early.values(gap_seq=header.first_seq), mine)
    raise_alarm(
        tx,
        Matter(
            code=Code.JOURNAL_GAP,
            controller=header.sender,
            subject=header.epoch,
            detail=f"events {before.through_seq + 1} to {header.first_seq - 1} are missing",
        ),
    )


def _quarantine(tx: Tx, batch: Batch, booked: Booked | None) -> None:
    header = batch.header
    through = 0 if booked is None else booked.through_seq
    reason = (
        f"events from {header.first_seq} on contradict what is booked through {through}:"
        " a restored or copied disk, or a changed journal"
    )
    known.quarantine(tx, header.sender, reason)
    matter = Matter(code=Code.JOURNAL_FORK, controller=header.sender, detail=reason)
    raise_alarm(tx, matter)
    _put_apart(tx, batch, reason)


def _put_apart(tx: Tx, batch: Batch, reason: str) -> None:
    put_apart(tx, batch.header.sender, batch.payload, reason)


def put_apart(tx: Tx, controller: str, payload: bytes, reason: str) -> None:
    """Keep a refused batch for a person; of each controller the newest few."""
    mine = quarantine.c.controller == controller
    same = mine & (quarantine.c.payload == payload)
    if tx.connection.execute(select(quarantine.c.id).where(same).limit(1)).first():
        return
    fingerprint = hashlib.blake2b(payload, digest_size=RANDOM_BYTES).digest()
    tx.connection.execute(
        insert(quarantine).values(
            id=format_id("qua", tx.now_ms, fingerprint),
            controller=controller,
            reason=reason,
            payload=payload,
            received_ms=tx.now_ms,
        )
    )
    oldest_kept = tx.connection.execute(
        select(quarantine.c.id)
        .where(mine)
        .order_by(quarantine.c.received_ms.desc(), quarantine.c.id.desc())
        .offset(QUARANTINED_PER_CONTROLLER_MAX - 1)
        .limit(1)
    ).scalar()
    if oldest_kept is not None:
        tx.connection.execute(delete(quarantine).where(mine & (quarantine.c.id < oldest_kept)))
