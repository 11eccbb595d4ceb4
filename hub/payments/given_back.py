"""What an item charged, and what of it went back already: read and locked.

The row of `given_back` keeps two refunds of one item apart, and a refund and a
correction: whoever comes second waits here, and sees what the first did.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, select, text, update

from hub.errors import ConflictError, NotFoundError, RefusedError
from hub.ledger.accounts import kind_of
from hub.ledger.items import Transfer
from hub.ledger.writer import Tx
from hub.payments import shares
from hub.payments.shares import BUCKETS, Parts
from hub.store.tables.ledger import items
from hub.store.tables.money_out import given_back
from wire.errors import Code

REFUND = "refund"
"""Kind of an item that gives a charge back, whole or in part."""
SESSION = "session"
"""Kind of the item by which ingest books a session's charge."""
CAPTURE = "capture"
"""Kind of an item that makes revenue of a session's price which was kept apart."""

_TRANSFERS = text("""
    SELECT d.code AS debit, c.code AS credit, t.amount
    FROM transfers AS t
    JOIN ledger_accounts AS d ON d.id = t.debit
    JOIN ledger_accounts AS c ON c.id = t.credit
    WHERE t.item = :item ORDER BY t.ordinal
""")
_REFUNDED = text("""
    SELECT coalesce(sum(t.amount), 0) FROM items AS i JOIN transfers AS t ON t.item = i.id
    WHERE i.reverses = :item AND i.kind = 'refund'
""")
_REMEMBER = text("""
    INSERT INTO given_back (item, charge_minor, refunded_minor)
    VALUES (:item, :charge, :refunded) ON CONFLICT (item) DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """An item that charged someone.

    Attributes:
        item: Its id.
        kind: Its kind: `session`, `fee`, …
        unit: Unit of the money.
        ref: What it is about.
        paid: The buckets that paid, in order.
        taken: The ledger accounts that got it, tax first.
        refunded_minor: What of it was given back.
        transfers: All that it moved, in order.
        corrected_by: Item that took it back whole; empty: none did.
    """

    item: str
    kind: str
    unit: str
    ref: str
    paid: Parts
    taken: Parts
    refunded_minor: int
    transfers: tuple[Transfer, ...]
    corrected_by: str

    @property
    def charge_minor(self) -> int:
        """What it charged in all."""
        return shares.total(self.taken)

    @property
    def left_minor(self) -> int:
        """What of it wasn't given back."""
        return self.charge_minor - self.refunded_minor

    @property
    def account(self) -> str:
        """Whose money paid first; empty: nobody's."""
        return self.paid[0][0].partition("/")[2].partition("/")[0] if self.paid else ""


def lock_item(tx: Tx, item_id: str) -> Charged:
    """Read an item and what went back of it; nobody else changes that meanwhile.

    Raises:
        NotFoundError: There is no such item in the book.
    """
    tx.book.flush()
    item = tx.connection.execute(select(items).where(items.c.id == item_id)).first()
    if item is None:
        raise NotFoundError(f"there is no item {item_id} in the book")
    moved = tuple(
        Transfer(row.debit, row.credit, row.amount)
        for row in tx.connection.execute(_TRANSFERS, {"item": item_id})
    )
    takers = shares.SESSION_TAKERS if item.kind == SESSION else shares.TAKERS
    captured = _captured(tx, item.ref) if item.kind == SESSION else ()
    taken = shares.takers_of(captured or moved, takers)
    refunded, corrected_by = _lock(tx.connection, item_id, shares.total(taken))
    return Charged(
        item=item_id,
        kind=item.kind,
        unit=item.unit,
        ref=item.ref,
        paid=shares.buckets_of(moved, takers),
        taken=taken,
        refunded_minor=refunded,
        transfers=moved,
        corrected_by=corrected_by,
    )


def _captured(tx: Tx, ref: str) -> tuple[Transfer, ...]:
    """What became revenue of a session only when a person had decided; mostly nothing."""
    mine = and_(items.c.ref == ref, items.c.kind == CAPTURE)
    found = tx.connection.execute(select(items.c.id).where(mine)).scalar()
    if found is None:
        return ()
    rows = tx.connection.execute(_TRANSFERS, {"item": found})
    return tuple(Transfer(row.debit, row.credit, row.amount) for row in rows)


def check_refundable(charged: Charged) -> None:
    """Check that there is something to give back, and to whom.

    Raises:
        ConflictError: All of it went back already, or it charged nothing.
        RefusedError: It isn't a charge that someone's wallet, lots or overrun paid.
    """
    name = charged.ref or charged.item
    if charged.corrected_by:
        raise ConflictError(
            f"{name} was taken back whole by {charged.corrected_by}", Code.ALREADY_REFUNDED
        )
    strangers = [code for code, _ in charged.paid if kind_of(code) not in BUCKETS]
    if charged.kind == REFUND or not charged.paid or strangers:
        raise RefusedError(
            f"{charged.item} is no charge that an account paid: correct it, or book an "
            "adjustment. Nothing changed.",
            Code.NOT_PAYABLE,
        )
    if charged.left_minor == 0:
        raise ConflictError(f"{name} was refunded already", Code.ALREADY_REFUNDED)


def note_refund(tx: Tx, charged: Charged, amount_minor: int) -> None:
    """Note that more of a charge went back, in the transaction that books it."""
    tx.connection.execute(
        update(given_back)
        .where(given_back.c.item == charged.item)
        .values(refunded_minor=given_back.c.refunded_minor + amount_minor)
    )


def note_correction(tx: Tx, charged: Charged, correction: str) -> None:
    """Note that an item was taken back whole, in the transaction that books it."""
    tx.connection.execute(
        update(given_back).where(given_back.c.item == charged.item).values(correction=correction)
    )


def _lock(connection: Connection, item_id: str, charge_minor: int) -> tuple[int, str]:
    mine = (
        select(given_back.c.refunded_minor, given_back.c.correction)
        .where(given_back.c.item == item_id)
        .with_for_update()
    )
    row = connection.execute(mine).first()
    if row is None:
        # The first to ask; refunds of a hub's earlier version have no row yet.
        before = int(connection.execute(_REFUNDED, {"item": item_id}).scalar_one())
        values = {"item": item_id, "charge": charge_minor, "refunded": before}
        connection.execute(_REMEMBER, values)
        row = connection.execute(mine).one()
    return row.refunded_minor, row.correction
