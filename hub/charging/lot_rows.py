"""Rows of lots: which an account has, and which of them pay now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Label,
    Row,
    bindparam,
    exists,
    insert,
    select,
    tuple_,
    update,
)

from hub.charging.lot import Lot, LotState, in_order
from hub.errors import NotFoundError
from hub.ledger.statements import balances_of
from hub.ledger.writer import Tx
from hub.store.tables.lots import lots

_OF_ACCOUNTS = lots.c.account.in_(bindparam("wanted", expanding=True))
_NOT_CLOSED = lots.c.state != LotState.CLOSED.value
_LIVE = select(lots).where(_OF_ACCOUNTS, _NOT_CLOSED).order_by(lots.c.account, lots.c.id)
_LIVE_LOCKED = _LIVE.with_for_update()


def has_lots(account: ColumnElement[str]) -> Label[bool]:
    """A column `has_lots`: whether an account has lots that aren't closed."""
    mine = exists(select(lots.c.id).where(lots.c.account == account, _NOT_CLOSED))
    return mine.label("has_lots")


def find_lot(connection: Connection, lot_id: str) -> Lot | None:
    """Read a lot, or None."""
    row = connection.execute(select(lots).where(lots.c.id == lot_id)).first()
    return None if row is None else lot_of_row(row)


def get_lot(connection: Connection, lot_id: str) -> Lot:
    """Read a lot.

    Raises:
        NotFoundError: No such lot.
    """
    found = find_lot(connection, lot_id)
    if found is None:
        raise NotFoundError(f"there is no lot {lot_id}")
    return found


def open_lots(
    connection: Connection, of: Iterable[str], now_ms: int | None = None
) -> dict[str, list[Lot]]:
    """Lots that pay, by account, in the order in which they are spent.

    Args:
        connection: To read from.
        of: Accounts; at most a statement's worth.
        now_ms: Hub's wall time that their times are held against; None: as last seen
            by `expire`.
    """
    found: dict[str, list[Lot]] = {}
    for row in connection.execute(_LIVE, {"wanted": sorted(set(of))}):
        lot = lot_of_row(row)
        if lot.state is LotState.OPEN if now_ms is None else lot.pays_at(now_ms):
            found.setdefault(lot.account, []).append(lot)
    return {account: in_order(mine) for account, mine in found.items()}


def live_lots(tx: Tx, of: Iterable[str]) -> dict[str, list[Lot]]:
    """Lots that aren't closed, by account, in order; expired ones that are held too.

    On PostgreSQL their rows stay locked: whoever moves an account's lots waits here.
    """
    found: dict[str, list[Lot]] = {}
    for row in tx.connection.execute(_LIVE_LOCKED, {"wanted": sorted(set(of))}):
        found.setdefault(row.account, []).append(lot_of_row(row))
    return {account: in_order(mine) for account, mine in found.items()}


def lot_of_row(row: Row[Any]) -> Lot:
    """A lot of a row of `lots`."""
    return Lot(
        id=row.id,
        account=row.account,
        unit=row.unit,
        giver=row.giver,
        kinds=msgspec.json.decode(row.kinds, type=tuple[str, ...]),
        starts_ms=row.starts_ms,
        expires_ms=row.expires_ms,
        amount_minor=row.amount_minor,
        source=row.source,
        reason=row.reason,
        by=row.by,
        created_ms=row.created_ms,
        state=LotState(row.state),
        closed_ms=row.closed_ms,
    )


def add_lot(tx: Tx, lot: Lot) -> None:
    """Write a new lot."""
    tx.connection.execute(insert(lots).values(**_columns(lot)))


def list_lots(
    connection: Connection, account: str, *, after: tuple[int, str] | None, limit: int
) -> list[Lot]:
    """An account's lots, closed ones too, newest first; one more than `limit` if there are more."""
    query = (
        select(lots)
        .where(lots.c.account == account)
        .order_by(lots.c.created_ms.desc(), lots.c.id.desc())
    )
    if after is not None:
        query = query.where(tuple_(lots.c.created_ms, lots.c.id) < after)
    return [lot_of_row(row) for row in connection.execute(query.limit(limit + 1))]


def left_of(connection: Connection, of: Iterable[Lot]) -> dict[str, tuple[int, int]]:
    """What of each lot is free, and what is held, by id; minor units.

    Args:
        connection: Sees the ledger as committed, or as flushed within the transaction.
        of: At most a statement's worth of lots.
    """
    mine = list(of)
    codes = [code for lot in mine for code in (lot.free_code, lot.held_code)]
    found = balances_of(connection, codes)
    return {lot.id: (found.get(lot.free_code, 0), found.get(lot.held_code, 0)) for lot in mine}


def left_in_lots(connection: Connection, account: str) -> tuple[int, int]:
    """What of all an account's lots is free, and what is held; minor units."""
    rows = connection.execute(_LIVE, {"wanted": [account]})
    left = left_of(connection, map(lot_of_row, rows)).values()
    return sum(free for free, _ in left), sum(held for _, held in left)


def due_to_begin(connection: Connection, now_ms: int, limit: int) -> list[Lot]:
    """Lots whose time has begun since anyone looked, those that began first first."""
    query = (
        select(lots)
        .where((lots.c.state == LotState.WAITING.value) & (lots.c.starts_ms <= now_ms))
        .order_by(lots.c.starts_ms, lots.c.id)
        .limit(limit)
    )
    return [lot_of_row(row) for row in connection.execute(query)]


def due_to_end(connection: Connection, now_ms: int, limit: int) -> list[Lot]:
    """Lots whose time is over and that aren't emptied, those that ended first first."""
    living = lots.c.state.in_((LotState.WAITING.value, LotState.OPEN.value))
    query = (
        select(lots)
        .where(living & (lots.c.expires_ms <= now_ms))
        .order_by(lots.c.expires_ms, lots.c.id)
        .limit(limit)
    )
    return [lot_of_row(row) for row in connection.execute(query)]


def count_sweep(tx: Tx, lot: Lot) -> int:
    """Number the next movement that empties a lot, from 1 on."""
    mine = lots.c.id == lot.id
    tx.connection.execute(update(lots).where(mine).values(sweeps=lots.c.sweeps + 1))
    return int(tx.connection.execute(select(lots.c.sweeps).where(mine)).scalar_one())


def set_state(tx: Tx, lot: Lot, state: LotState) -> None:
    """Write how far a lot's life is."""
    closed_ms = tx.now_ms if state is LotState.CLOSED else None
    tx.connection.execute(
        update(lots).where(lots.c.id == lot.id).values(state=state.value, closed_ms=closed_ms)
    )


def _columns(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.id,
        "account": lot.account,
        "unit": lot.unit,
        "giver": lot.giver,
        "kinds": msgspec.json.encode(lot.kinds).decode(),
        "starts_ms": lot.starts_ms,
        "expires_ms": lot.expires_ms,
        "amount_minor": lot.amount_minor,
        "source": lot.source,
        "reason": lot.reason,
        "by": lot.by,
        "created_ms": lot.created_ms,
        "state": lot.state.value,
        "closed_ms": lot.closed_ms,
    }
