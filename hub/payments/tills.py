"""Tills, kiosks and acceptors: where cash is, and whether it may move there now.

Cash at a registered till moves only within an open shift (`hub.payments.shifts`). A name
that isn't registered is just a name in the book, unless the operator's rule asks for
registered tills. What an acceptor of a controller takes is a fact and never refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.fleet.controllers import get_controller
from hub.fleet.sites import get_site
from hub.ledger.writer import Tx
from hub.payments.records import check_till
from hub.payments.rules import read_till_rules
from hub.store.tables.money_in import shifts, tills
from hub.units import find_unit
from wire.errors import AmountError, Code

NAME_LENGTH_MAX = 120


class TillKind(StrEnum):
    """What a till is."""

    TILL = "till"  # a person's drawer
    KIOSK = "kiosk"  # a machine that only takes money in
    ACCEPTOR = "acceptor"  # the coin box of a controller, named as the controller


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A registered till.

    Attributes:
        id: Its name in the book: `cash/<id>`; an acceptor's is its controller's id.
        name: What people read.
        site: Where it stands; empty: nowhere in particular.
        kind: What it is.
        unit: Unit of its cash, for ever.
    """

    id: str
    name: str
    site: str = ""
    kind: TillKind = TillKind.TILL
    unit: str


def put_till(tx: Tx, till: Till) -> Till:
    """Register a till, or change its name and site. The same again: as it is.

    Raises:
        InputError: Something is out of range.
        NotFoundError: No such site, or no controller of an acceptor's name.
        ConflictError: It is registered with another kind or unit.
    """
    _check(tx.connection, till)
    if till.kind is TillKind.ACCEPTOR:
        # An acceptor stands where its controller does.
        site = get_controller(tx.connection, till.id).site
    else:
        site = till.site and get_site(tx.connection, till.site).id
    before = find_till(tx.connection, till.id)
    if before is None:
        tx.connection.execute(
            insert(tills).values(
                id=till.id,
                name=till.name,
                site=site,
                kind=till.kind.value,
                unit=till.unit,
                created_ms=tx.now_ms,
            )
        )
    elif (before.kind, before.unit) != (till.kind, till.unit):
        raise ConflictError(
            f"{till.id} is a {before.kind} in {before.unit} for ever: register another name"
        )
    else:
        tx.connection.execute(
            update(tills).where(tills.c.id == till.id).values(name=till.name, site=site)
        )
    return get_till(tx.connection, till.id)


def find_till(connection: Connection, till: str) -> Till | None:
    """Read a registered till, or None."""
    row = connection.execute(select(tills).where(tills.c.id == till)).first()
    return None if row is None else _till(row)


def get_till(connection: Connection, till: str) -> Till:
    """Read a registered till.

    Raises:
        NotFoundError: It isn't registered.
    """
    found = find_till(connection, till)
    if found is None:
        raise NotFoundError(f"there is no till {till}: register it first")
    return found


def lock_till(tx: Tx, till: str) -> Till:
    """Read a registered till and let nobody else move its cash until the transaction ends.

    Raises:
        NotFoundError: It isn't registered.
    """
    tx.connection.execute(select(tills.c.id).where(tills.c.id == till).with_for_update())
    return get_till(tx.connection, till)


def list_tills(connection: Connection, *, after: str, limit: int) -> list[Till]:
    """Tills in the order of ids, one more than `limit` if there are more."""
    query = select(tills).where(tills.c.id > after).order_by(tills.c.id).limit(limit + 1)
    return [_till(row) for row in connection.execute(query)]


def check_cash(tx: Tx, till: str, unit: str) -> Till | None:
    """Check that cash of a unit may move at a till now, before it is booked.

    Args:
        tx: The transaction that will book it.
        till: Name of the till.
        unit: Unit of the money.

    Returns:
        The till; None: it isn't registered, and needn't be.

    Raises:
        InputError: The name can't be a till's.
        RefusedError: No shift is open there, it is being counted, it must be registered
            first, or its cash is of another unit.
        ConflictError: The clock is before the shift's opening.
    """
    check_till(till)
    # A shift can't begin to be counted or end while this transaction goes on.
    tx.connection.execute(select(tills.c.id).where(tills.c.id == till).with_for_update(read=True))
    found = find_till(tx.connection, till)
    if found is None:
        if read_till_rules(tx.connection).tills_required:
            raise RefusedError(
                f"{till} isn't registered, and cash moves only at registered tills: "
                "register it first. Nothing changed.",
                Code.TILL_CLOSED,
            )
        return None
    if found.unit != unit:
        raise RefusedError(
            f"{till} holds {found.unit}, the account {unit}: use a till in {unit}. "
            "Nothing changed.",
            Code.UNIT_MISMATCH,
        )
    _check_shift(tx, till)
    return found


def site_of(connection: Connection, till: str) -> str:
    """Where a till stands; empty: it isn't known."""
    found = find_till(connection, till) if till else None
    return "" if found is None else found.site


def _check_shift(tx: Tx, till: str) -> None:
    query = select(shifts.c.state, shifts.c.opened_ms).where(
        shifts.c.till == till, shifts.c.state != "closed"
    )
    shift = tx.connection.execute(query).first()
    if shift is None:
        raise RefusedError(
            f"{till} has no open shift: open one first. Nothing changed.", Code.TILL_CLOSED
        )
    if shift.state != "open":
        raise RefusedError(
            f"{till} is being counted: close the shift and open the next, or resume it. "
            "Nothing changed.",
            Code.TILL_CLOSED,
        )
    if tx.now_ms < shift.opened_ms:
        raise ConflictError(
            f"the hub's clock is before the opening of the shift of {till}: set it right. "
            "Nothing changed.",
            Code.PERIOD_CLOSED,
        )


def _check(connection: Connection, till: Till) -> None:
    check_till(till.id)
    if not 1 <= len(till.name) <= NAME_LENGTH_MAX or not till.name.isprintable():
        raise InputError(f"a till needs a name of 1 to {NAME_LENGTH_MAX} printable characters")
    try:
        find_unit(connection, till.unit)
    except AmountError as error:
        raise InputError(str(error)) from None


def _till(row: Row[Any]) -> Till:
    return Till(id=row.id, name=row.name, site=row.site, kind=TillKind(row.kind), unit=row.unit)
