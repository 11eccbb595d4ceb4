"""Plans: what is charged again and again. A plan's price never changes: make another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from hub.billing.spans import Anchor, Every, Proration
from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.billing import plans
from hub.units import find_unit
from wire.errors import Code
from wire.ids import is_name
from wire.money import PPM

NAME_LENGTH_MAX = 120
PRICE_MINOR_MAX = 10**9
"""Ten million euros: more is a slip of the finger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        unit: Unit of its price.
        price_minor: Price of a whole period, tax included, > 0.
        every: How long a period is.
        anchor: From where periods are counted.
        proration: What a part of a period costs.
        tax_rate_ppm: Tax within the price, parts per million.
        revenue: Revenue account that takes it.
        by: Who made it.
        created_ms: When; 0 while it is asked for.
        retired_ms: Since when nobody can subscribe; None: everybody can.
    """

    id: str
    name: str
    unit: str
    price_minor: int
    every: Every
    anchor: Anchor = Anchor.START
    proration: Proration = Proration.NONE
    tax_rate_ppm: int = 0
    revenue: str = "subscriptions"
    by: str = ""
    created_ms: int = 0
    retired_ms: int | None = None


def add_plan(tx: Tx, asked: Plan) -> Plan:
    """Make a plan. The same again: the plan as it is.

    Raises:
        InputError: Something of it can't be.
        ConflictError: Another plan has its id.
    """
    _check(tx.connection, asked)
    before = find_plan(tx.connection, asked.id)
    if before is not None:
        own = replace(before, created_ms=0, retired_ms=None, by=asked.by)
        if own != replace(asked, created_ms=0, retired_ms=None):
            raise ConflictError(
                f"{asked.id} is another plan already, and a plan's terms stay: choose another "
                "id. Nothing changed.",
                Code.ID_CONFLICT,
            )
        return before
    plan = replace(asked, created_ms=tx.now_ms, retired_ms=None)
    tx.connection.execute(
        insert(plans).values(
            id=plan.id,
            name=plan.name,
            unit=plan.unit,
            price_minor=plan.price_minor,
            period=plan.every.value,
            anchor=plan.anchor.value,
            proration=plan.proration.value,
            tax_rate_ppm=plan.tax_rate_ppm,
            revenue=plan.revenue,
            by=plan.by,
            created_ms=plan.created_ms,
        )
    )
    tx.touch("plan", plan.id)
    return plan


def retire_plan(tx: Tx, plan_id: str) -> Plan:
    """Let nobody subscribe to a plan any more; who has stays. Retired before: as it was.

    Raises:
        NotFoundError: No such plan.
    """
    mine = (plans.c.id == plan_id) & plans.c.retired_ms.is_(None)
    tx.connection.execute(update(plans).where(mine).values(retired_ms=tx.now_ms))
    tx.touch("plan", plan_id)
    return get_plan(tx.connection, plan_id)


def get_plan(connection: Connection, plan_id: str) -> Plan:
    """Read a plan.

    Raises:
        NotFoundError: No such plan.
    """
    found = find_plan(connection, plan_id)
    if found is None:
        raise NotFoundError(f"there is no plan {plan_id}")
    return found


def find_plan(connection: Connection, plan_id: str) -> Plan | None:
    """Read a plan, or None."""
    row = connection.execute(select(plans).where(plans.c.id == plan_id)).first()
    return None if row is None else _plan(row)


def list_plans(connection: Connection, *, after: tuple[int, str] | None, limit: int) -> list[Plan]:
    """Plans, newest first, one more than `limit` if there are more."""
    query = select(plans).order_by(plans.c.created_ms.desc(), plans.c.id.desc())
    if after is not None:
        query = query.where(tuple_(plans.c.created_ms, plans.c.id) < after)
    return [_plan(row) for row in connection.execute(query.limit(limit + 1))]


def check_tax(tax_rate_ppm: int) -> None:
    """Check a tax rate.

    Raises:
        InputError: It is out of range.
    """
    if not 0 <= tax_rate_ppm <= PPM:
        raise InputError(f"tax_rate_ppm is 0 to {PPM} parts per million: 19 % is 190000")


def check_revenue(name: str) -> None:
    """Check the name of a revenue account.

    Raises:
        InputError: It can't be one.
    """
    if not is_name(name):
        raise InputError("a revenue account is lower case letters, digits and _ . -, at most 64")


def _check(connection: Connection, plan: Plan) -> None:
    if not is_name(plan.id):
        raise InputError("a plan's id is lower case letters, digits and _ . -, at most 64")
    if not 1 <= len(plan.name.strip()) <= NAME_LENGTH_MAX or not plan.name.isprintable():
        raise InputError(f"a plan has a name of 1 to {NAME_LENGTH_MAX} printable characters")
    if not 1 <= plan.price_minor <= PRICE_MINOR_MAX:
        raise InputError(f"a price is 1 to {PRICE_MINOR_MAX} minor units", Code.AMOUNT_INVALID)
    find_unit(connection, plan.unit)
    check_tax(plan.tax_rate_ppm)
    check_revenue(plan.revenue)


def _plan(row: Row[Any]) -> Plan:
    return Plan(
        id=row.id,
        name=row.name,
        unit=row.unit,
        price_minor=row.price_minor,
        every=Every(row.period),
        anchor=Anchor(row.anchor),
        proration=Proration(row.proration),
        tax_rate_ppm=row.tax_rate_ppm,
        revenue=row.revenue,
        by=row.by,
        created_ms=row.created_ms,
        retired_ms=row.retired_ms,
    )
