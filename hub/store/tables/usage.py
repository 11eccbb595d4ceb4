"""Tables of usage that other programs report: services, usages, their steps and holds."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.tables.base import metadata

# What is sold and has no controller: a cloud service, a course, a door.
services = Table(
    "services",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tariff", Text, nullable=False),
    Column("tariff_by_group", Text, nullable=False, server_default="{}"),  # JSON: group -> tariff
    Column("removed_ms", BigInteger),
)

usages = Table(
    "usages",
    metadata,
    Column("id", Text, primary_key=True),  # made by the caller
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("member", Text),
    Column("card_ref", Text, nullable=False, server_default=""),
    Column("service", Text, ForeignKey("services.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("tariff", Text, nullable=False),
    Column("tariff_version", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # authorised | partly | captured | released
    Column("held_minor", BigInteger, nullable=False),  # now
    Column("captured_minor", BigInteger, nullable=False, server_default="0"),
    Column("tax_minor", BigInteger, nullable=False, server_default="0"),
    Column("beyond_minor", BigInteger, nullable=False, server_default="0"),  # of the captured
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("time_ms", BigInteger, nullable=False, server_default="0"),
    Column("quantity", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),  # API key id
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("reminded_ms", BigInteger),  # when people were told that it is old
    CheckConstraint(
        "state IN ('authorised', 'partly', 'captured', 'released')", name="usages_state"
    ),
    CheckConstraint("(state IN ('captured', 'released')) = (ended_ms IS NOT NULL)", name="ended"),
    CheckConstraint("held_minor >= 0 AND (ended_ms IS NULL OR held_minor = 0)", name="held"),
    CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refund"),
    Index("usages_by_account", "account", "started_ms", "id"),
    Index("usages_by_member", "member", "started_ms", "id"),
    Index("usages_by_start", "started_ms", "id"),
    Index("usages_open", "ended_ms", "started_ms", "id"),
    Index("usages_old", "ended_ms", "reminded_ms", "started_ms"),
)

# Every step as it was asked for and how it ended: the same step again gets this answer.
usage_steps = Table(
    "usage_steps",
    metadata,
    Column("id", Text, primary_key=True),  # made by the caller; the movement's id too
    Column("usage", Text, ForeignKey("usages.id"), nullable=False),
    Column("place", Integer, nullable=False),  # 1, 2, 3 …: the order of the usage's steps
    Column("kind", Text, nullable=False),  # charging.usage_state.StepKind
    Column("digest", Text, nullable=False),  # of what was asked
    Column("amount_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False, server_default="0"),
    Column("beyond_minor", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),  # of the usage after it
    Column("held_minor", BigInteger, nullable=False),  # after it
    Column("captured_minor", BigInteger, nullable=False),  # after it
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("amount_minor >= 0", name="amount"),
    Index("usage_steps_by_usage", "usage", "place", unique=True),
)

# What a hold keeps in escrow, by the bucket that gave it, in the order of spending.
usage_holds = Table(
    "usage_holds",
    metadata,
    Column("usage", Text, ForeignKey("usages.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),  # 0, 1, 2 …
    Column("account", Text, nullable=False),
    Column("source", Text, nullable=False),  # ledger code that gave: a lot, or the wallet
    Column("code", Text, nullable=False),  # ledger code that holds
    Column("minor", BigInteger, nullable=False),  # left in it
    CheckConstraint("minor >= 0", name="minor"),
    Index("usage_holds_by_account", "account"),
)
