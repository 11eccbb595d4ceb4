"""How one account is billed: its calendar, and its own date of being discontinued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hub.billing import standing
from hub.billing.rules import (
    BillingPeriod,
    BillingRules,
    check_days,
    check_timezone,
    read_billing_rules,
)
from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.people.accounts import get_account
from hub.people.credit import forget_period_end
from hub.store.tables.billing import billing_terms

TIME_MS_MAX = 2**53
"""The largest whole number that JSON readers keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingTerms:
    """What is decided about one account; what isn't is as the rules say.

    Attributes:
        period: How often its periods close; None: by the rules.
        timezone: Where its days begin; empty: by the rules.
        discontinue_days: Days after a period's end until it is discontinued; None: by
            the rules.
        discontinue_after_ms: A date of its own for all that was billed before it, sooner
            or later than the days say; None: none.
    """

    period: BillingPeriod | None = None
    timezone: str = ""
    discontinue_days: int | None = None
    discontinue_after_ms: int | None = None

    def in_force(self, rules: BillingRules) -> BillingRules:
        """The rules with what is decided about this account."""
        return BillingRules(
            period=self.period or rules.period,
            timezone=self.timezone or rules.timezone,
            discontinue_days=(
                rules.discontinue_days if self.discontinue_days is None else self.discontinue_days
            ),
            verify_minute=rules.verify_minute,
        )


def read_terms(connection: Connection, account: str) -> BillingTerms:
    """Terms of an account; those of one that nobody decided about are all open."""
    query = select(billing_terms).where(billing_terms.c.account == account)
    row = connection.execute(query).first()
    if row is None:
        return BillingTerms()
    return BillingTerms(
        period=BillingPeriod(row.period) if row.period else None,
        timezone=row.timezone,
        discontinue_days=row.discontinue_days,
        discontinue_after_ms=row.discontinue_after_ms,
    )


def rules_of(connection: Connection, account: str) -> BillingRules:
    """The rules by which an account is billed."""
    return read_terms(connection, account).in_force(read_billing_rules(connection))


def change_terms(tx: Tx, account: str, given: Mapping[str, Any]) -> BillingTerms:
    """Change how an account is billed; what isn't given stays.

    A later date opens it again when it was discontinued, and nothing is due by then. An
    earlier one takes effect when the hub looks next.

    Args:
        tx: The writer's transaction.
        account: Which.
        given: Fields of `BillingTerms` with their new values.

    Raises:
        InputError: One is out of range.
        NotFoundError: No such account.
    """
    get_account(tx.connection, account, lock=True)
    before = read_terms(tx.connection, account)
    terms = replace(before, **given)
    _check(terms)
    if terms == before:
        return before
    columns = asdict(terms) | {"period": terms.period.value if terms.period else ""}
    mine = billing_terms.c.account == account
    changed = tx.connection.execute(update(billing_terms).where(mine).values(**columns))
    if changed.rowcount == 0:
        tx.connection.execute(insert(billing_terms).values(account=account, **columns))
    forget_period_end(tx, account)
    standing.review(tx, account)
    tx.touch("account", account)
    return terms


def _check(terms: BillingTerms) -> None:
    if terms.timezone:
        check_timezone(terms.timezone)
    if terms.discontinue_days is not None:
        check_days(terms.discontinue_days)
    date = terms.discontinue_after_ms
    if date is not None and not 0 <= date <= TIME_MS_MAX:
        raise InputError("discontinue_after_ms is a time in ms, or null: no date of its own")
