"""Tables of offline codes: batches, and what became of each code."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
)

from hub.store.tables.base import metadata

code_batches = Table(
    "code_batches",
    metadata,
    Column("id", Text, primary_key=True),  # made by who asked for it
    Column("name", Text, nullable=False),
    Column("funding", Text, nullable=False),  # sold | promo
    Column("controller", Text, ForeignKey("controllers.id"), nullable=False),
    Column("key_mark", Text, nullable=False),  # of the controller's key that they are bound to
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # of each code
    Column("count", Integer, nullable=False),
    Column("first_counter", Integer, nullable=False),
    Column("last_year", Integer, nullable=False, server_default="0"),  # 0: they never end
    Column("till", Text, nullable=False, server_default=""),  # where sold ones were paid
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("funding IN ('sold', 'promo')", name="code_batches_funding"),
    CheckConstraint("amount_minor > 0 AND count > 0", name="code_batches_amount"),
    Index("code_batches_by_age", "at_ms", "id"),
    Index("code_batches_by_controller", "controller", "at_ms", "id"),
)

# The digits are kept nowhere: they follow from the counter and a secret of the hub.
offline_codes = Table(
    "offline_codes",
    metadata,
    Column("controller", Text, primary_key=True),
    Column("key_mark", Text, primary_key=True),
    Column("counter", Integer, primary_key=True, autoincrement=False),
    Column("batch", Text, ForeignKey("code_batches.id"), nullable=False),
    Column("state", Text, nullable=False, server_default="issued"),
    Column("account", Text, nullable=False, server_default=""),  # who redeemed it
    Column("movement", Text, nullable=False, server_default=""),  # that ended it
    Column("reason", Text, nullable=False, server_default=""),
    Column("ended_ms", BigInteger),
    ForeignKeyConstraint(["controller"], ["controllers.id"]),
    CheckConstraint("state IN ('issued', 'used', 'void')", name="offline_codes_state"),
    CheckConstraint("(state = 'issued') = (ended_ms IS NULL)", name="offline_codes_ended"),
    Index("offline_codes_of_batch", "batch", "counter"),
    Index("offline_codes_open", "controller", "key_mark", "state", "counter"),
)
