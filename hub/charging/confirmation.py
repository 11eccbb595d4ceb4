"""What a controller surely holds: a revision counts once the journal is booked that far.

A header says which revisions the controller holds and its last seq at that moment. Until
that seq is booked, spending on an earlier right may still be on its way, so the earlier
right still counts (`docs/protocol.md`, "Exposure").
"""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, text, update

from hub.store.tables import charging, fleet
from hub.store.writer import Tx
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
# Floors before the one that is surely held can't be spent on any more.
_FORGET = text("""
    DELETE FROM floors_sent WHERE controller = :controller AND epoch = :epoch
        AND revision < :held AND EXISTS (
            SELECT 1 FROM floors_sent AS later
            WHERE later.account = floors_sent.account
                AND later.controller = floors_sent.controller
                AND later.epoch = floors_sent.epoch
                AND later.revision > floors_sent.revision AND later.revision <= :held)
""")


def hear(tx: Tx, header: JournalHeader, through_seq: int) -> None:
    """Take in what a header of the current journal says, and confirm what is due.

    Args:
        tx: The writer's transaction.
        header: Checked; of the controller's current epoch.
        through_seq: Last seq booked of that epoch, this batch included.
    """
    tx.connection.execute(
        update(fleet.controllers)
        .where(fleet.controllers.c.id == header.sender)
        .values(
            heard_ms=tx.now_ms,
            reported_revision=header.accounts_revision,
            reported_list_revision=header.list_revision,
            reported_config=header.config_version,
        )
    )
    if header.last_seq <= through_seq:
        _confirm(tx, header, header.accounts_revision, header.list_revision)
    else:
        _note(tx, header)
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
    table = charging.revisions_reported
    due = (
        (table.c.controller == header.sender)
        & (table.c.epoch == header.epoch)
        & (table.c.last_seq <= through_seq)
    )
    row = tx.connection.execute(
        select(
            func.max(table.c.accounts_revision).label("accounts"),
            func.max(table.c.list_revision).label("list"),
        ).where(due)
    ).one()
    if row.accounts is None:
        return
    tx.connection.execute(delete(table).where(due))
    _confirm(tx, header, row.accounts, row.list)


def _confirm(tx: Tx, header: JournalHeader, accounts: int, list_: int) -> None:
    mine = fleet.controllers.c.id == header.sender
    held = tx.connection.execute(
        select(fleet.controllers.c.held_revision, fleet.controllers.c.held_list_revision).where(
            mine
        )
    ).one()
    if accounts <= held.held_revision and list_ <= held.held_list_revision:
        return
    tx.connection.execute(
        _CONFIRM, {"controller": header.sender, "accounts": accounts, "list": list_}
    )
    if accounts > held.held_revision:
        tx.connection.execute(
            _FORGET, {"controller": header.sender, "epoch": header.epoch, "held": accounts}
        )
