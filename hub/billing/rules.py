"""The operator's rules of billing: the usual calendar, and when unpaid accounts end."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from sqlalchemy import Connection, update

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.settings import read_document, write_document
from hub.store.tables.billing import open_periods
from wire.errors import TariffError
from wire.usage import zone

DISCONTINUE_DAYS_MAX = 3_650
"""Ten years: longer is no date any more."""
MINUTES_PER_DAY = 24 * 60
DAY_MS = 86_400_000
_NAME = "billing"


class BillingPeriod(StrEnum):
    """How long what an account uses is gathered before it is billed."""

    MONTH = "month"
    WEEK = "week"


class BillingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every account that says nothing else.

    Attributes:
        period: How often periods close.
        timezone: IANA name: where days, weeks and months begin.
        discontinue_days: Days after a period's end until an account that didn't pay it
            is discontinued.
        verify_minute: Minute of the local day when the whole book is verified.
    """

    period: BillingPeriod = BillingPeriod.MONTH
    timezone: str = "UTC"
    discontinue_days: int = 30
    verify_minute: int = 3 * 60 + 30


def read_billing_rules(connection: Connection) -> BillingRules:
    """Rules in force."""
    return read_document(connection, _NAME, BillingRules, BillingRules())


def write_billing_rules(tx: Tx, rules: BillingRules) -> BillingRules:
    """Change the rules; periods that run end by the new calendar.

    Raises:
        InputError: One is out of range.
    """
    check_timezone(rules.timezone)
    check_days(rules.discontinue_days)
    if not 0 <= rules.verify_minute < MINUTES_PER_DAY:
        raise InputError(f"verify_minute is 0 to {MINUTES_PER_DAY - 1}, from midnight on")
    write_document(tx, _NAME, rules)
    tx.connection.execute(update(open_periods).values(ends_ms=None))
    tx.touch("billing")
    return rules


def check_timezone(name: str) -> None:
    """Check that a time zone is known.

    Raises:
        InputError: It isn't.
    """
    try:
        zone(name)
    except TariffError as error:
        raise InputError(str(error)) from None


def check_days(days: int) -> None:
    """Check a number of days until an unpaid account is discontinued.

    Raises:
        InputError: It is out of range.
    """
    if not 0 <= days <= DISCONTINUE_DAYS_MAX:
        raise InputError(f"discontinue_days is 0 to {DISCONTINUE_DAYS_MAX}")
