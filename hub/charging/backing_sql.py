"""Reads and writes what stands behind the rights of accounts that have lots.

Accounts without lots cost nothing here: `with_lots` and the statements of ingest leave
them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from hub.charging import lot_rows
from hub.charging.backing import Backing, Part, Place, compose
from hub.charging.bulk import insert_rows
from hub.charging.lot import LotState
from hub.ledger import statements
from hub.ledger.items import Item
from hub.ledger.writer import Tx
from hub.store.tables.charging import allowances
from hub.store.tables.fleet import machines
from hub.store.tables.lots import allowance_lots
from wire.machines import Machine

_COLUMNS = ("account", "controller", "epoch", "lot", "held_minor")
_WANTED: BindParameter[str] = bindparam("wanted", expanding=True)
_BACKED = (
    allowances.c.granted_minor
    + allowances.c.taken_in_minor
    - allowances.c.spent_minor
    - allowances.c.released_minor
    - allowances.c.forfeited_minor
)
_RIGHTS = (
    select(
        allowances.c.account,
        allowances.c.controller,
        allowances.c.epoch,
        _BACKED.label("minor"),
    )
    .where(allowances.c.account.in_(_WANTED), _BACKED > 0)
    .order_by(allowances.c.account, allowances.c.controller, allowances.c.epoch)
    .with_for_update()
)
_HELD = select(allowance_lots).where(
    allowance_lots.c.account.in_(_WANTED), allowance_lots.c.held_minor > 0
)
_KINDS = select(machines.c.controller, machines.c.definition).where(
    machines.c.controller.in_(_WANTED), machines.c.removed_ms.is_(None)
)
_FORGET = delete(allowance_lots).where(
    allowance_lots.c.account.in_(_WANTED), allowance_lots.c.held_minor == 0
)


def load_backings(tx: Tx, of: Iterable[str], also: str = "") -> dict[str, Backing]:
    """What stands behind the rights of those of these accounts that have lots.

    On PostgreSQL their lots and rights stay locked to the end of the transaction.

    Args:
        tx: The writer's transaction.
        of: Accounts, at most a statement's worth.
        also: A controller whose machines matter though it holds nothing yet.
    """
    live = lot_rows.live_lots(tx, of)
    if not live:
        return {}
    tx.book.flush()
    wanted = {"wanted": sorted(live)}
    rights: dict[str, dict[Place, int]] = {account: {} for account in live}
    for row in tx.connection.execute(_RIGHTS, wanted):
        rights[row.account][row.controller, row.epoch] = row.minor
    held: dict[str, dict[Place, int]] = {}
    for row in tx.connection.execute(_HELD, wanted):
        held.setdefault(row.lot, {})[row.controller, row.epoch] = row.held_minor
    lots = [lot for mine in live.values() for lot in mine]
    free = statements.balances_of(tx.connection, [lot.free_code for lot in lots])
    kinds: Mapping[str, frozenset[str]] = {}
    if any(lot.kinds for lot in lots):
        places = {place[0] for mine in rights.values() for place in mine}
        kinds = kinds_at(tx.connection, places | {also})
    return {
        account: Backing(
            account=account,
            unit=mine[0].unit,
            parts=[
                Part(lot, lot.pays_at(tx.now_ms), free.get(lot.free_code, 0), held.get(lot.id, {}))
                for lot in mine
            ],
            rights_minor=rights[account],
            kinds=kinds,
        )
        for account, mine in live.items()
    }


def save_backings(tx: Tx, backings: Mapping[str, Backing]) -> None:
    """Write what is held of which lot, once the movements are posted; close what is used up."""
    if not backings:
        return
    now_held = {
        (backing.account, *place, part.lot.id): minor
        for backing in backings.values()
        for part in backing.parts
        for place, minor in part.held_minor.items()
    }
    wanted = {"wanted": sorted(backings)}
    before = {
        (row.account, row.controller, row.epoch, row.lot): row.held_minor
        for row in tx.connection.execute(_HELD, wanted)
    }
    rows = [
        (*key, now_held.get(key, 0))
        for key in sorted({*before, *now_held})
        if now_held.get(key, 0) != before.get(key, 0)
    ]
    insert_rows(tx.connection, "allowance_lots", _COLUMNS, rows, _COLUMNS[:4])
    if any(minor == 0 for *_, minor in rows):
        tx.connection.execute(_FORGET, wanted)
    for backing in backings.values():
        for part in backing.parts:
            _close_if_empty(tx, part)


def recompose(tx: Tx, account: str, item_id: str) -> None:
    """Hold an account's lots before its paid money, after it was given one.

    Args:
        tx: The writer's transaction.
        account: Whose.
        item_id: Id of the movement, if anything moves.
    """
    backing = load_backings(tx, (account,)).get(account)
    legs = () if backing is None else compose(backing)
    if backing is None or not legs:
        return
    tx.book.must_post(Item(id=item_id, unit=backing.unit, kind="hold", legs=legs, ref=account))
    save_backings(tx, {account: backing})


def kinds_at(connection: Connection, controllers: Iterable[str]) -> dict[str, frozenset[str]]:
    """Kinds of the machines in use, by controller."""
    found: dict[str, set[str]] = {}
    wanted = {"wanted": sorted(controllers)}
    for row in connection.execute(_KINDS, wanted):
        kind = msgspec.json.decode(row.definition, type=Machine).kind
        found.setdefault(row.controller, set()).add(kind)
    return {controller: frozenset(kinds) for controller, kinds in found.items()}


def _close_if_empty(tx: Tx, part: Part) -> None:
    if part.pool_minor or part.lot.state is LotState.WAITING:
        return
    lot = part.lot
    if tx.book.balance(lot.free_code) == 0 and tx.book.balance(lot.held_code) == 0:
        lot_rows.set_state(tx, lot, LotState.CLOSED)
