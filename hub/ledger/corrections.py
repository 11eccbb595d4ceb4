"""Taking an item back: never by changing it, always by the opposite one beside it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.errors import ConflictError, NotFoundError
from hub.ledger.items import Item, Move

CORRECTION = "correction"
"""Kind of an item that takes another one back whole; the database allows one for each."""
_ITEM = text("SELECT id, unit, ref FROM items WHERE id = :id")
_REVERSED = text("SELECT id FROM items WHERE reverses = :id ORDER BY place LIMIT 1")
_TRANSFERS = text("""
    SELECT d.code AS debit, c.code AS credit, t.amount
    FROM transfers AS t
    JOIN ledger_accounts AS d ON d.id = t.debit
    JOIN ledger_accounts AS c ON c.id = t.credit
    WHERE t.item = :id ORDER BY t.ordinal DESC
""")


def opposite(connection: Connection, item_id: str, new_id: str, reason: str) -> Item:
    """Make the item that moves back, transfer by transfer, what another one moved.

    It can be refused like any other: who got the money may have spent it.

    Args:
        connection: Within the transaction that will book it.
        item_id: What is taken back.
        new_id: Id of the correction, made and stored by who asks.
        reason: Words of who asks.

    Raises:
        NotFoundError: There is no such item.
        ConflictError: It was taken back, whole or in part, by another item before.
    """
    item = connection.execute(_ITEM, {"id": item_id}).one_or_none()
    if item is None:
        raise NotFoundError(f"there is no item {item_id} in the book")
    before = connection.execute(_REVERSED, {"id": item_id}).scalar_one_or_none()
    if before is not None and before != new_id:
        raise ConflictError(f"{item_id} was corrected by {before}: see there")
    moved = connection.execute(_TRANSFERS, {"id": item_id})
    return Item(
        id=new_id,
        unit=item.unit,
        kind=CORRECTION,
        legs=tuple(Move(row.credit, row.debit, row.amount) for row in moved),
        ref=item.ref,
        reason=reason,
        reverses=item_id,
    )
