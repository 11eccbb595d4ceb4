"""Tables of money that goes back and around: refunds, payouts, transfers, second persons."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from hub.store.tables.base import metadata

_WAITING = text("state IN ('requested', 'approved')")

# What of a charge went back. The row is what keeps two refunds, or a refund and a
# correction, of one item apart, on one hub and on several.
given_back = Table(
    "given_back",
    metadata,
    Column("item", Text, primary_key=True),  # the item that charged
    Column("charge_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("correction", Text, nullable=False, server_default=""),  # the item that took it back
    CheckConstraint("refunded_minor BETWEEN 0 AND charge_minor", name="refunded"),
    CheckConstraint("correction = '' OR refunded_minor = 0", name="once"),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked; the movement's id too
    Column("item", Text, nullable=False, unique=True),  # what is taken back
    Column("kind", Text, nullable=False),  # of that item
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("account", Text, nullable=False, server_default=""),  # whose money moves
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("second", Text, nullable=False, server_default=""),  # who approved it
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("id <> item", name="other"),
    Index("corrections_by_age", "at_ms", "id"),
)

refund_requests = Table(
    "refund_requests",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked; the refund's id too
    Column("session", Text, ForeignKey("sessions.id"), nullable=False),
    Column("account", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False),  # one of the rule's
    Column("words", Text, nullable=False, server_default=""),
    Column("evidence", Text, nullable=False, server_default=""),  # what the record says for it
    Column("approver", Text, nullable=False),  # none | staff | second
    Column("state", Text, nullable=False),  # requested | approved | booked | refused
    Column("by", Text, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("expected_ms", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_ms", BigInteger),
    Column("decision", Text, nullable=False, server_default=""),  # words of who decided
    CheckConstraint(
        "state IN ('requested', 'approved', 'booked', 'refused')", name="refund_requests_state"
    ),
    CheckConstraint("amount_minor > 0 AND fee_minor >= 0", name="refund_requests_amount"),
    Index("refund_requests_by_state", "state", "requested_ms", "id"),
    Index("refund_requests_by_account", "account", "requested_ms", "id"),
    Index("refund_requests_by_age", "requested_ms", "id"),
    Index(
        "refund_requests_waiting",
        "session",
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
)

payouts = Table(
    "payouts",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked; the first movement's id too
    Column("account", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # leaves the wallet
    Column("fee_minor", BigInteger, nullable=False, server_default="0"),  # of it, kept
    Column("provider", Text, nullable=False, server_default=""),
    Column("till", Text, nullable=False, server_default=""),
    Column("destination", Text, nullable=False, server_default=""),  # where to, in words
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),  # why it failed or was cancelled
    Column("by", Text, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("expected_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    CheckConstraint(
        "state IN ('requested', 'approved', 'sent', 'done', 'failed', 'cancelled')",
        name="payouts_state",
    ),
    CheckConstraint(
        "(state IN ('done', 'failed', 'cancelled')) = (ended_ms IS NOT NULL)", name="ended"
    ),
    CheckConstraint("fee_minor >= 0 AND amount_minor > fee_minor", name="payouts_amount"),
    CheckConstraint("(till = '') <> (provider = '')", name="payouts_way"),
    Index("payouts_by_state", "state", "requested_ms", "id"),
    Index("payouts_by_account", "account", "requested_ms", "id"),
    Index("payouts_by_age", "requested_ms", "id"),
)

payout_steps = Table(
    "payout_steps",
    metadata,
    Column("id", Text, primary_key=True),  # made by who took the step; its movement's id too
    Column("payout", Text, ForeignKey("payouts.id"), nullable=False),
    Column("place", Integer, nullable=False),  # 1, 2, 3 …
    Column("step", Text, nullable=False),  # request | approve | send | finish | fail | cancel
    Column("state", Text, nullable=False),  # after it
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),
    Column("second", Text, nullable=False, server_default=""),
    Column("at_ms", BigInteger, nullable=False),
    Index("payout_steps_in_order", "payout", "place", unique=True),
)

account_transfers = Table(
    "account_transfers",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked; the movement's id too
    Column("sender", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("sender <> receiver", name="sides"),
    CheckConstraint("amount_minor > 0", name="amount"),
    Index("account_transfers_by_sender", "sender", "at_ms", "id"),
    Index("account_transfers_by_receiver", "receiver", "at_ms", "id"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked; the id of what is done, too
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),  # JSON: all that is to be done
    Column("digest", Text, nullable=False),  # of id, kind and content
    Column("subject", Text, nullable=False),  # what it is about: an account, an item, a unit
    Column("unit", Text, nullable=False, server_default=""),
    Column("amount_minor", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("decided_ms", BigInteger),
    Column("decision", Text, nullable=False, server_default=""),
    CheckConstraint(
        "state IN ('pending', 'done', 'refused', 'withdrawn', 'expired')", name="approvals_state"
    ),
    CheckConstraint("(state = 'pending') = (decided_ms IS NULL)", name="approvals_decided"),
    CheckConstraint("state <> 'done' OR decided_by <> by", name="approvals_second"),
    Index("approvals_by_state", "state", "asked_ms", "id"),
    Index("approvals_by_end", "state", "expires_ms"),
    Index("approvals_by_age", "asked_ms", "id"),
)
