"""Tables of billing: terms, periods, plans, subscriptions, charges; and of the hub's own jobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.tables.base import metadata

# How an account is billed, where it differs from the operator's rules.
billing_terms = Table(
    "billing_terms",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("period", Text, nullable=False, server_default=""),  # month | week; empty: the rules'
    Column("timezone", Text, nullable=False, server_default=""),  # empty: the rules'
    Column("discontinue_days", Integer),  # None: the rules'
    Column("discontinue_after_ms", BigInteger),  # for what is closed by then; None: no date
    CheckConstraint("period IN ('', 'month', 'week')", name="billing_terms_period"),
    CheckConstraint("discontinue_days >= 0", name="billing_terms_days"),
)

# The period that runs, one row for each account that was ever postpaid or mixed.
open_periods = Table(
    "open_periods",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("starts_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger),  # None: to be worked out by the calendar
    Column("opening_minor", BigInteger, nullable=False),  # wallet and what is held of it
    Column("after_transfer", BigInteger, nullable=False),  # newest before it
    Index("open_periods_by_end", "ends_ms"),
)

periods = Table(
    "periods",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("ends_ms", BigInteger, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("starts_ms", BigInteger, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("opening_minor", BigInteger, nullable=False),
    Column("closing_minor", BigInteger, nullable=False),  # before the receivable was made
    Column("sums", Text, nullable=False),  # JSON: kind of item -> signed minor units
    Column("due_minor", BigInteger, nullable=False),
    Column("paid_minor", BigInteger, nullable=False, server_default="0"),
    Column("paid_ms", BigInteger),  # when nothing was left to pay; None: something is
    Column("item", Text, nullable=False, server_default=""),  # of the book; empty: nothing was due
    Column("last_transfer", BigInteger, nullable=False),
    Column("request", Text, nullable=False, server_default=""),  # id of who closed it early
    Column("by", Text, nullable=False),
    Column("closed_ms", BigInteger, nullable=False),
    CheckConstraint("starts_ms < ends_ms", name="periods_span"),
    CheckConstraint("paid_minor BETWEEN 0 AND due_minor", name="periods_paid"),
    CheckConstraint("(paid_minor = due_minor) = (paid_ms IS NOT NULL)", name="periods_settled"),
    Index("periods_unpaid", "paid_ms", "ends_ms", "account"),
    Index("periods_by_request", "request"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),  # of a whole period, tax included
    Column("period", Text, nullable=False),  # day | week | month | year
    Column("anchor", Text, nullable=False),  # start | calendar
    Column("proration", Text, nullable=False),  # none | daily
    Column("tax_rate_ppm", Integer, nullable=False),
    Column("revenue", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retired_ms", BigInteger),  # None: it may be subscribed to
    CheckConstraint("price_minor > 0", name="plans_price"),
    CheckConstraint("period IN ('day', 'week', 'month', 'year')", name="plans_period"),
    CheckConstraint("anchor IN ('start', 'calendar')", name="plans_anchor"),
    CheckConstraint("proration IN ('none', 'daily')", name="plans_proration"),
    CheckConstraint("tax_rate_ppm BETWEEN 0 AND 1000000", name="plans_tax"),
    Index("plans_by_age", "created_ms", "id"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("plan", Text, ForeignKey("plans.id"), nullable=False),
    Column("state", Text, nullable=False),  # active | paused | unpaid | ended
    Column("timezone", Text, nullable=False),
    Column("starts_on", Text, nullable=False),  # local day, ISO 8601
    Column("ends_on", Text),  # first day that isn't paid any more; None: until it is ended
    Column("next_on", Text, nullable=False),  # first day that isn't charged yet
    Column("try_ms", BigInteger),  # when to charge next; None: never
    Column("refusal", Integer, nullable=False, server_default="0"),  # code of the last refusal
    Column("by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'paused', 'unpaid', 'ended')", name="subscriptions_state"),
    CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name="subscriptions_span"),
    CheckConstraint(
        "(state IN ('paused', 'ended')) = (try_ms IS NULL)", name="subscriptions_tried"
    ),
    Index("subscriptions_by_account", "account", "created_ms", "id"),
    Index("subscriptions_by_try", "try_ms"),
)

# Each period that was charged, once.
subscription_periods = Table(
    "subscription_periods",
    metadata,
    Column("subscription", Text, ForeignKey("subscriptions.id"), primary_key=True),
    Column("starts_on", Text, primary_key=True),
    Column("ends_on", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("item", Text, nullable=False),  # of the book; empty: it cost nothing
    Column("charged_ms", BigInteger, nullable=False),
    CheckConstraint("starts_on < ends_on", name="subscription_periods_span"),
    CheckConstraint("tax_minor BETWEEN 0 AND amount_minor", name="subscription_periods_tax"),
)

charges = Table(
    "charges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("what", Text, nullable=False),  # revenue account
    Column("text", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("tax_rate_ppm", Integer, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("amount_minor > 0", name="charges_amount"),
    CheckConstraint("tax_minor BETWEEN 0 AND amount_minor", name="charges_tax"),
    Index("charges_by_account", "account", "at_ms", "id"),
)

# When each of the hub's own jobs is due, and how it went.
jobs = Table(
    "jobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("due_ms", BigInteger, nullable=False),  # the due time that wasn't run for yet
    Column("try_ms", BigInteger, nullable=False),  # later than that after a failure
    Column("started_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("result", Text, nullable=False, server_default=""),  # ok | found | failed
    Column("detail", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),  # one after the other
    CheckConstraint("result IN ('', 'ok', 'found', 'failed')", name="jobs_result"),
    CheckConstraint("failures >= 0", name="jobs_failures"),
)
