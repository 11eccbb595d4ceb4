"""What a controller surely holds: a revision counts once the journal is booked that far.

A header says which revisions the controller holds and its last seq at that moment. Until
that seq is booked, spending on an earlier right may still be on its way, so the earlier
right still counts (`docs/protocol.md`, "Exposure").
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, text, update

from hub.ledger.writer import Tx
from hub.store.tables import charging, fleet
from wire.uplink import JournalHeader

WAITING_MAX = 256
"""Reports of one controller that wait for its journal. More are not noted: a later one
confirms as much."""

_CONFIRM = text("""
    UPDATE controllers SET
        held_revision = CASE WHEN held_revision < :accounts
            THEN :accounts ELSE held_revision END,
        held_list_revision = CASE WHEN held_list_revision < :list
            THEN :list ELSE held_list_revision END
    WHERE id = :controller
""")
# Floors before the one that is surely held can't be spent on any more, but for what a session
# that still runs has used of them: that comes with its end, and new rights with it.
_FORGET = text("""
    DELETE FROM floors_sent WHERE controller = :controller AND epoch = :epoch
        AND revision < :held AND account IN (
            SELECT account FROM floors_sent WHERE controller = :controller AND epoch = :epoch
                AND revision > :before AND revision <= :held)
        AND EXISTS (
            SELECT 1 FROM floors_sent AS later
            WHERE later.account = floors_sent.account
                AND later.controller = floors_sent.controller
                AND later.epoch = floors_sent.epoch
                AND later.revision > floors_sent.revision AND later.revision <= :held)
        AND NOT EXISTS (
            SELECT 1 FROM sessions AS running
            WHERE running.account = floors_sent.account AND running.state = 'running'
                AND running.controller = floors_sent.controller)
""")

_REPORTED = charging.revisions_reported
_IS_DUE = (
    (_REPORTED.c.controller == bindparam("name"))
    & (_REPORTED.c.epoch == bindparam("of"))
    & (_REPORTED.c.last_seq <= bindparam("through"))
)
_DUE = select(
    func.max(_REPORTED.c.accounts_revision).label("accounts"),
    func.max(_REPORTED.c.list_revision).label("list"),
).where(_IS_DUE)
_KNOWN = fleet.controllers
_HELD = select(_KNOWN.c.held_revision, _KNOWN.c.held_list_revision).where(
    _KNOWN.c.id == bindparam("name")
)
_HEAR = (
    update(_KNOWN)
    .where(_KNOWN.c.id == bindparam("name"))
    .values(
        heard_ms=bindparam("now"),
        reported_revision=bindparam("accounts"),
        reported_list_revision=bindparam("list"),
        reported_config=bindparam("config"),
    )
)


def hear(tx: Tx, header: JournalHeader, through_seq: int) -> None:
    """Take in what a header of the current journal says, and confirm what is due.

    Args:
        tx: The writer's transaction.
        header: Checked; of the controller's current epoch.
        through_seq: Last seq booked of that epoch, this batch included.
    """
    said = {
        "name": header.sender,
        "now": tx.now_ms,
        "accounts": header.accounts_revision,
        "list": header.list_revision,
        "config": header.config_version,
    }
    tx.connection.execute(_HEAR, said)
    held = tx.connection.execute(_HELD, {"name": header.sender}).one()
    is_news = (
        header.accounts_revision > held.held_revision
        or header.list_revision > held.held_list_revision
    )
    if is_news and header.last_seq > through_seq:
        _note(tx, header)
    elif is_news:
        _confirm(tx, header, header.accounts_revision, header.list_revision)
    _confirm_waiting(tx, header, through_seq)


def _note(tx: Tx, header: JournalHeader) -> None:
    table = charging.revisions_reported
    mine = (table.c.controller == header.sender) & (table.c.epoch == header.epoch)
    same = mine & (table.c.last_seq == header.last_seq)
    newer = update(table).where(same & (table.c.accounts_revision <= header.accounts_revision))
    values = {
        "accounts_revision": header.accounts_revision,
        "list_revision": header.list_revision,
    }
    if tx.connection.execute(newer.values(**values)).rowcount:
        return
    waiting = select(func.count()).select_from(table).where(mine)
    if tx.connection.execute(waiting).scalar_one() >= WAITING_MAX:
        return
    if tx.connection.execute(select(table.c.last_seq).where(same)).first() is None:
        tx.connection.execute(
            insert(table).values(
                controller=header.sender, epoch=header.epoch, last_seq=header.last_seq, **values
            )
        )


def _confirm_waiting(tx: Tx, header: JournalHeader, through_seq: int) -> None:
    due = {"name": header.sender, "of": header.epoch, "through": through_seq}
    row = tx.connection.execute(_DUE, due).one()
    if row.accounts is None:
        return
    tx.connection.execute(delete(charging.revisions_reported).where(_IS_DUE), due)
    _confirm(tx, header, row.accounts, row.list)


def _confirm(tx: Tx, header: JournalHeader, accounts: int, list_: int) -> None:
    held = tx.connection.execute(_HELD, {"name": header.sender}).one()
    if accounts <= held.held_revision and list_ <= held.held_list_revision:
        return
    tx.connection.execute(
        _CONFIRM, {"controller": header.sender, "accounts": accounts, "list": list_}
    )
    if accounts > held.held_revision:
        since = {"before": held.held_revision, "held": accounts}
        tx.connection.execute(_FORGET, {"controller": header.sender, "epoch": header.epoch} | since)
