"""Totals of backed rights: G, S, R, M for each account at each controller.

Each total only ever grows, so loss, repetition and reordering can't change what they
mean (`docs/protocol.md`, "Rights come down"). Backed = G + M - S - R - forfeited is
what the hub holds in escrow for that controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, delete, select, text

from hub.charging.backing import grow_right, move_right
from hub.charging.backing_sql import load_backings, save_backings
from hub.charging.bulk import insert_rows
from hub.errors import ConflictError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Fill,
    Item,
    Leg,
    Move,
    Outcome,
    Refused,
)
from hub.ledger.writer import Tx
from hub.store.tables.charging import allowances, floors_sent
from hub.store.tables.fleet import controllers
from hub.store.tables.people import accounts
from wire.errors import Code


@dataclass(slots=True)
class Totals:
    """An account's totals at one controller in one epoch, minor units."""

    granted: int = 0
    spent: int = 0
    released: int = 0
    taken_in: int = 0
    unbacked: int = 0
    forfeited: int = 0

    @property
    def backed(self) -> int:
        """What the hub holds for it, ≥ 0."""
        return self.granted + self.taken_in - self.spent - self.released - self.forfeited


_COLUMNS = (
    "account",
    "controller",
    "epoch",
    "granted_minor",
    "spent_minor",
    "released_minor",
    "taken_in_minor",
    "unbacked_minor",
    "forfeited_minor",
)
_LOAD = (
    select(allowances)
    .where(
        (allowances.c.controller == bindparam("controller"))
        & (allowances.c.epoch == bindparam("epoch"))
        & allowances.c.account.in_(bindparam("wanted", expanding=True))
    )
    .order_by(allowances.c.account)
    .with_for_update()
)
_MAKE = text(
    "INSERT INTO allowances (account, controller, epoch) VALUES (:account, :controller, :epoch)"
    " ON CONFLICT (account, controller, epoch) DO NOTHING"
)


def load_totals(
    connection: Connection, controller: str, epoch: str, of: Iterable[str], *, make: bool = False
) -> dict[str, Totals]:
    """Totals of accounts at a controller; those never used there are 0.

    On PostgreSQL the rows stay locked to the end of the transaction.

    Args:
        connection: In a transaction.
        controller: Where.
        epoch: In which of its journals.
        of: Accounts.
        make: Whether totals will be saved: what has no row yet gets one, since only a row
            can be locked, and two hubs must not begin it both.
    """
    wanted = sorted(set(of))
    asked = {"controller": controller, "epoch": epoch, "wanted": wanted}
    found = {row.account: totals_of(row) for row in connection.execute(_LOAD, asked)}
    missing = [account for account in wanted if account not in found]
    if missing and make and connection.dialect.name != "sqlite":
        places = [{"account": a, "controller": controller, "epoch": epoch} for a in missing]
        connection.execute(_MAKE, places)
        rows = connection.execute(_LOAD, asked | {"wanted": missing})
        found |= {row.account: totals_of(row) for row in rows}
    return {account: found.get(account) or Totals() for account in wanted}


def totals_of(row: Row[tuple[object, ...]]) -> Totals:
    """Totals of a row of `allowances`."""
    return Totals(
        granted=row.granted_minor,
        spent=row.spent_minor,
        released=row.released_minor,
        taken_in=row.taken_in_minor,
        unbacked=row.unbacked_minor,
        forfeited=row.forfeited_minor,
    )


def save_totals(tx: Tx, controller: str, epoch: str, totals: Mapping[str, Totals]) -> None:
    """Write totals of accounts at a controller."""
    rows = [
        (
            account,
            controller,
            epoch,
            one.granted,
            one.spent,
            one.released,
            one.taken_in,
            one.unbacked,
            one.forfeited,
        )
        for account, one in totals.items()
    ]
    insert_rows(tx.connection, "allowances", _COLUMNS, rows, _COLUMNS[:3])


def grant(tx: Tx, item_id: str, place: tuple[str, str, str], unit: str, minor: int) -> Outcome:
    """Move money of an account into escrow for a controller: lots that fit, then the wallet.

    Args:
        tx: The writer's transaction.
        item_id: Id of the movement.
        place: Account, controller and epoch.
        unit: Unit of the account's money.
        minor: How much, > 0.
    """
    account, controller, epoch = place
    backings = load_backings(tx, (account,), controller)
    legs: tuple[Leg, ...] = (Move(chart.wallet(account, unit), chart.escrow(account, unit), minor),)
    if account in backings:
        legs = grow_right(backings[account], (controller, epoch), minor)
    item = Item(id=item_id, unit=unit, kind="grant", legs=legs, ref=controller)
    outcome = tx.book.post(item)
    if isinstance(outcome, Booked):
        totals = load_totals(tx.connection, controller, epoch, (account,), make=True)
        totals[account].granted += minor
        save_totals(tx, controller, epoch, totals)
        save_backings(tx, backings)
        tx.touch("account", account)
    return outcome


def forfeit(tx: Tx, item_id: str, place: tuple[str, str, str], reason: str) -> int:
    """Give up on what a dead controller holds for an account: the money goes back to it.

    What the controller reports later is booked all the same: wallet up to its limit,
    then overrun. A person decides this and books the risk. Floors of a journal that isn't
    the controller's current one are given up with it, and expose nothing any more.

    Args:
        tx: The writer's transaction.
        item_id: Id of the movement, made by who asks.
        place: Account, controller and epoch.
        reason: Words of the person.

    Returns:
        How much came back; 0: nothing was held, or the same was asked before.

    Raises:
        ConflictError: The id was used for something else, or no such account.
    """
    account, controller, epoch = place
    backings = load_backings(tx, (account,), controller)
    totals = load_totals(tx.connection, controller, epoch, (account,))
    held = totals[account].backed
    _forget_old_floors(tx, place)
    if held == 0:
        return 0
    unit = unit_of_account(tx.connection, account)
    if unit is None:
        raise ConflictError(f"there is no account {account}", Code.ACCOUNT_UNKNOWN)
    legs: tuple[Leg, ...] = (give_back(account, unit, held),)
    if account in backings:
        legs = move_right(backings[account], (controller, epoch), 0)
    outcome = tx.book.post(
        Item(id=item_id, unit=unit, kind="forfeit", legs=legs, ref=controller, reason=reason)
    )
    match outcome:
        case Booked():
            pass
        case Already():
            return 0
        case Conflict():
            raise ConflictError(
                f"{item_id} was used for something else: make a new id", Code.ID_CONFLICT
            )
        case Refused(code, _, detail):
            raise RefusedError(detail, code)
    totals[account].forfeited += held
    save_totals(tx, controller, epoch, totals)
    save_backings(tx, backings)
    tx.touch("account", account)
    return held


def _forget_old_floors(tx: Tx, place: tuple[str, str, str]) -> None:
    account, controller, epoch = place
    current = select(controllers.c.epoch).where(controllers.c.id == controller)
    if tx.connection.execute(current).scalar_one_or_none() != epoch:
        tx.connection.execute(
            delete(floors_sent).where(
                (floors_sent.c.account == account)
                & (floors_sent.c.controller == controller)
                & (floors_sent.c.epoch == epoch)
            )
        )


def give_back(account: str, unit: str, minor: int) -> Fill:
    """The leg that returns held money: an open overrun is settled first.

    So the order in which facts of several controllers arrive can't change a balance.
    """
    return Fill(
        chart.escrow(account, unit),
        (chart.overrun(account, unit), chart.wallet(account, unit)),
        minor,
    )


def unit_of_account(connection: Connection, account: str) -> str | None:
    """Unit of an account's money; None: no such account."""
    query = select(accounts.c.unit).where(accounts.c.id == account)
    return connection.execute(query).scalar_one_or_none()
