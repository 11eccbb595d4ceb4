"""Closing periods: what an account owes for one becomes a receivable, once.

What is due at a period's end is what the account's own money, its wallet and what is
held of it, was below zero then. Money that a machine merely holds isn't billed; what
the machine makes of it is, in the period in which that is booked. A session whose facts
come late belongs to the period that runs when they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, update

from hub.billing.period_rows import Period, keep_period, period_by_request
from hub.billing.rules import BillingRules
from hub.billing.sums import CLOSE, last_before, sums_by_kind
from hub.billing.terms import rules_of
from hub.errors import ConflictError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.records import check_id, conflict
from hub.people.accounts import Account, get_account
from hub.people.credit import Billing, follow_receivable, own_money
from hub.people.periods import Period as Span, period_bounds
from hub.store.tables.billing import open_periods
from wire.errors import Code

CATCH_UP_MAX = 6
"""Periods of one account that are closed in one go; a hub that was off longer goes on then."""
EVERYTHING_MS = 2**62
"""Later than any movement."""
CALENDAR = "calendar"
"""Who closes periods when their time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyClose:
    """A period that staff close before its time.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        by: Id of the API key.
    """

    id: str
    account: str
    by: str


def close_now(tx: Tx, asked: EarlyClose) -> Period:
    """Close an account's period at this moment. The same again: the period as it was closed.

    Raises:
        InputError: The id can't be one.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, the account is billed for nothing, or the
            clock is before an earlier close.
    """
    check_id(asked.id)
    account = get_account(tx.connection, asked.account, lock=True)
    before = period_by_request(tx.connection, asked.id)
    if before is not None:
        if (before.account, before.by) != (asked.account, asked.by):
            raise conflict(asked.id)
        return before
    running = _lock(tx, asked.account)
    if running is None:
        raise ConflictError(
            f"{asked.account} is prepaid: it has no period to close. Nothing changed."
        )
    if tx.now_ms <= running.starts_ms:
        raise ConflictError(
            f"{asked.account} is closed through {running.starts_ms} ms already, and the hub's "
            f"clock says {tx.now_ms}: see that the clock is right. Nothing changed.",
            Code.PERIOD_CLOSED,
        )
    return _close(tx, account, running, tx.now_ms, (asked.id, asked.by))


def due_accounts(connection: Connection, now_ms: int, after: str, limit: int) -> list[str]:
    """Accounts whose period is over, or of which it isn't known when it will be.

    Args:
        connection: A connection for reading.
        now_ms: Hub's wall time.
        after: Only accounts behind this one, in the order of names.
        limit: Accounts at most.
    """
    ends = open_periods.c.ends_ms
    query = (
        select(open_periods.c.account)
        .where(or_(ends.is_(None), ends <= now_ms), open_periods.c.account > after)
        .order_by(open_periods.c.account)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def close_due(tx: Tx, name: str) -> None:
    """Close an account's periods whose time is over, in order, at most `CATCH_UP_MAX`."""
    account = get_account(tx.connection, name, lock=True)
    for _ in range(CATCH_UP_MAX):
        running = _lock(tx, name)
        if running is None:
            return
        ends_ms = running.ends_ms
        if ends_ms is None:
            ends_ms = end_of(running.starts_ms, rules_of(tx.connection, name))
            mine = open_periods.c.account == name
            tx.connection.execute(update(open_periods).where(mine).values(ends_ms=ends_ms))
        if ends_ms > tx.now_ms:
            return
        _close(tx, account, running, ends_ms, ("", CALENDAR))


def end_of(starts_ms: int, rules: BillingRules) -> int:
    """When a period ends that began at a time: at its calendar's next edge."""
    return period_bounds(starts_ms, Span(rules.period.value), rules.timezone)[1]


def _close(
    tx: Tx, account: Account, running: Row[Any], ends_ms: int, asked: tuple[str, str]
) -> Period:
    name, unit = account.id, account.unit
    own_money(tx, name, unit)  # from here on nobody else moves it
    edge = EVERYTHING_MS if asked[0] else ends_ms  # by hand: all that is booked by now
    last = last_before(tx.connection, name, unit, running.after_transfer, edge)
    sums = sums_by_kind(tx.connection, name, unit, running.after_transfer, last)
    closing = running.opening_minor + sum(sums.values())
    # Who became prepaid meanwhile had to pay all of it first.
    due = 0 if account.terms.billing is Billing.PREPAID else max(0, -closing)
    period = Period(
        account=name,
        unit=unit,
        starts_ms=running.starts_ms,
        ends_ms=ends_ms,
        timezone=rules_of(tx.connection, name).timezone,
        opening_minor=running.opening_minor,
        closing_minor=closing,
        sums=sums,
        due_minor=due,
        paid_minor=0,
        paid_ms=None if due else tx.now_ms,
        item=f"close:{name}:{ends_ms}" if due else "",
        last_transfer=last,
        request=asked[0],
        by=asked[1],
        closed_ms=tx.now_ms,
    )
    keep_period(tx, period)
    if due:
        _book(tx, period)
    _begin_next(tx, account, period)
    tx.touch("account", name)
    return period


def _book(tx: Tx, period: Period) -> None:
    name, unit = period.account, period.unit
    leg = Move(chart.receivable(name, unit), chart.wallet(name, unit), period.due_minor)
    tx.book.must_post(Item(id=period.item, unit=unit, kind=CLOSE, legs=(leg,), ref=name))
    follow_receivable(tx, name, unit)


def _begin_next(tx: Tx, account: Account, period: Period) -> None:
    mine = open_periods.c.account == account.id
    if account.terms.billing is Billing.PREPAID:
        tx.connection.execute(delete(open_periods).where(mine))
        return
    next_ms = end_of(period.ends_ms, rules_of(tx.connection, account.id))
    tx.connection.execute(
        update(open_periods)
        .where(mine)
        .values(
            starts_ms=period.ends_ms,
            ends_ms=next_ms,
            opening_minor=period.closing_minor + period.due_minor,
            after_transfer=period.last_transfer,
        )
    )


def _lock(tx: Tx, account: str) -> Row[Any] | None:
    query = select(open_periods).where(open_periods.c.account == account)
    return tx.connection.execute(query.with_for_update()).first()
