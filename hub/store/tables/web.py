"""Tables of the HTTP edge: requests that were answered, so that a repeat repeats the answer."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from hub.store.tables.base import metadata

# Written in the transaction that does the work: claimed and done together, or not at all.
idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),  # API key id + the header's value
    Column("digest", Text, nullable=False),  # of method, path and body
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("idempotency_by_age", "created_ms"),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),
    # One of: top_up, deposit_taken, deposit_returned, refund.
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("till", Text, nullable=False, server_default=""),
    Column("session", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),  # API key id
    Column("at_ms", BigInteger, nullable=False),
    # Of money that comes in: through whom, where, what it cost and what it brought.
    Column("provider", Text, nullable=False, server_default=""),
    Column("site", Text, nullable=False, server_default=""),
    Column("fee_minor", BigInteger, nullable=False, server_default="0"),
    Column("bonus_minor", BigInteger, nullable=False, server_default="0"),
    Column("campaign", Text, nullable=False, server_default=""),
    Column("about", Text, nullable=False, server_default=""),  # what was named: a card, a deposit
    Index("payments_by_account", "account", "at_ms"),
    Index("payments_by_campaign", "campaign", "account"),
    Index("payments_by_session", "session"),
)
