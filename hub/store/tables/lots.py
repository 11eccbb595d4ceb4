"""Tables of given money in lots, of sponsors' programmes, own units, and cards' purses."""

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
)

from hub.store.tables.base import metadata

# Money given, not paid in. What is left of a lot is the ledger's balance, never a column.
lots = Table(
    "lots",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("giver", Text, nullable=False),  # ledger account that gave
    Column("kinds", Text, nullable=False, server_default="[]"),  # JSON; none: every machine
    Column("starts_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),  # None: never
    Column("amount_minor", BigInteger, nullable=False),
    Column("source", Text, nullable=False),  # promo, sponsor, goodwill, voucher …
    Column("reason", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # waiting | open | expired | closed
    Column("closed_ms", BigInteger),
    Column("sweeps", Integer, nullable=False, server_default="0"),  # how often it was emptied
    CheckConstraint("state IN ('waiting', 'open', 'expired', 'closed')", name="lots_state"),
    CheckConstraint("amount_minor > 0", name="lots_amount"),
    Index("lots_by_account", "account", "state"),
    Index("lots_by_age", "account", "created_ms", "id"),
    Index("lots_by_end", "state", "expires_ms"),
    Index("lots_by_start", "state", "starts_ms"),
)

# How much of a lot is held for an account at a controller: a part of its backed right.
allowance_lots = Table(
    "allowance_lots",
    metadata,
    Column("account", Text, primary_key=True),
    Column("controller", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("lot", Text, ForeignKey("lots.id"), primary_key=True),
    Column("held_minor", BigInteger, nullable=False),
    CheckConstraint("held_minor >= 0", name="allowance_lots_held"),
    Index("allowance_lots_by_lot", "lot"),
)

# Units that the operator declared, beside those that ship.
units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("exponent", Integer, nullable=False),
    Column("symbol", Text, nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("exponent BETWEEN 0 AND 6", name="units_exponent"),
)

# Accounts in other units that a card pays from, beside its own account.
card_purses = Table(
    "card_purses",
    metadata,
    Column("card", Text, ForeignKey("cards.id"), primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Index("card_purses_by_account", "account"),
)

# A sponsor's standing decision to give: how much, to whom, for what, how often.
programmes = Table(
    "programmes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sponsor", Text, ForeignKey("accounts.id"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # of each gift
    Column("kinds", Text, nullable=False, server_default="[]"),  # JSON
    Column("people", Text, nullable=False, server_default="[]"),  # JSON: accounts; or a group
    Column("group", Text, nullable=False, server_default=""),
    Column("every", Text, nullable=False),  # once | month
    Column("timezone", Text, nullable=False),  # where its months begin
    Column("starts_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),  # of what is left of every gift, too
    Column("budget_minor", BigInteger),  # of all its gifts; None: what the wallet holds
    Column("given_minor", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),  # open | stopped
    Column("by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("amount_minor > 0", name="programmes_amount"),
    CheckConstraint("every IN ('once', 'month')", name="programmes_every"),
    CheckConstraint("state IN ('open', 'stopped')", name="programmes_state"),
    CheckConstraint(
        "given_minor >= 0 AND (budget_minor IS NULL OR given_minor <= budget_minor)",
        name="programmes_budget",
    ),
    Index("programmes_by_sponsor", "sponsor", "created_ms"),
    Index("programmes_by_age", "created_ms", "id"),
    Index("programmes_by_end", "state", "expires_ms"),
)

# Who got a programme's gift for which time, or why not: the key is what makes it once.
programme_gifts = Table(
    "programme_gifts",
    metadata,
    Column("programme", Text, ForeignKey("programmes.id"), primary_key=True),
    Column("period", Text, primary_key=True),  # empty: once and for all; or 2027-03
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("lot", Text, ForeignKey("lots.id")),  # None: it was refused
    Column("code", Integer, nullable=False, server_default="0"),  # why; 0: it was given
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("(lot IS NULL) = (code <> 0)", name="programme_gifts_code"),
)
