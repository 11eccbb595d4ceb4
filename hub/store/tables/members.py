"""Tables of an organisation's members: who they are, what they may and did spend."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.tables.base import metadata

members = Table(
    "members",
    metadata,
    Column("id", Text, primary_key=True),  # mem_…
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),  # active | suspended | left
    Column("timezone", Text, nullable=False),  # by which its days are read; for ever
    Column("limits", Text, nullable=False, server_default="[]"),  # JSON of people.limits.Limit
    Column("listed_minor", BigInteger),  # left to spend, as last listed; None: no limit
    Column("least_minor", BigInteger),  # the same, over limits for single kinds too
    Column("turns_ms", BigInteger),  # when its next period begins; None: no limit
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('active', 'suspended', 'left')", name="members_state"),
    Index("members_by_account", "account", "created_ms", "id"),
    Index("members_by_turn", "turns_ms"),
)

# Running sums of each member, local day and machine kind: weeks and months are sums of days.
member_spend = Table(
    "member_spend",
    metadata,
    Column("member", Text, ForeignKey("members.id"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # 20260131: its local day
    Column("kind", Text, primary_key=True),
    Column("spent_minor", BigInteger, nullable=False, server_default="0"),  # charged - refunded
    Column("held_minor", BigInteger, nullable=False, server_default="0"),  # by open holds
    CheckConstraint("spent_minor >= 0 AND held_minor >= 0", name="member_spend_sums"),
)
