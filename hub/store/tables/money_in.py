"""Tables of how money comes in: campaigns, vouchers, deposits, tills and their shifts."""

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

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("terms", Text, nullable=False),  # JSON of hub.payments.campaigns.Terms
    Column("starts_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger),  # None: until it is ended
    Column("budget_minor", BigInteger),  # None: no limit
    Column("given_minor", BigInteger, nullable=False, server_default="0"),
    Column("by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint(
        "given_minor >= 0 AND (budget_minor IS NULL OR given_minor <= budget_minor)",
        name="campaigns_budget",
    ),
    Index("campaigns_by_age", "created_ms", "id"),
    Index("campaigns_by_end", "unit", "ends_ms"),
)

voucher_batches = Table(
    "voucher_batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("funding", Text, nullable=False),  # sold | promo
    Column("unit", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # of each voucher
    Column("count", Integer, nullable=False),
    Column("expires_ms", BigInteger),  # of the codes; None: never
    Column("kinds", Text, nullable=False, server_default="[]"),  # JSON: machine kinds of a gift
    Column("gift_days", Integer),  # life of a gift once redeemed; None: for ever
    Column("till", Text, nullable=False, server_default=""),  # where they were paid; sold ones
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("printed_ms", BigInteger),  # None: the codes were never shown
    Column("swept_ms", BigInteger),  # when the last unused one was found expired
    CheckConstraint("funding IN ('sold', 'promo')", name="voucher_batches_funding"),
    CheckConstraint("amount_minor > 0 AND count > 0", name="voucher_batches_amount"),
    Index("voucher_batches_by_age", "at_ms", "id"),
    Index("voucher_batches_to_sweep", "swept_ms", "expires_ms"),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("batch", Text, ForeignKey("voucher_batches.id"), primary_key=True),
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("code_hash", Text, unique=True),  # keyed; None: not printed yet
    Column("state", Text, nullable=False, server_default="issued"),
    Column("account", Text, nullable=False, server_default=""),  # who redeemed it
    Column("payment", Text, nullable=False, server_default=""),  # the movement that ended it
    Column("reason", Text, nullable=False, server_default=""),
    Column("ended_ms", BigInteger),
    CheckConstraint("state IN ('issued', 'used', 'void', 'expired')", name="vouchers_state"),
    CheckConstraint("(state = 'issued') = (ended_ms IS NULL)", name="vouchers_ended"),
)

# The sum of what is left of an account's rows is the balance of its deposit in the book.
deposits = Table(
    "deposits",
    metadata,
    Column("id", Text, primary_key=True),  # the payment that took it
    Column("account", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("card", Text, nullable=False, server_default=""),  # taken for this card
    Column("purpose", Text, nullable=False, server_default=""),  # or for this machine or kind
    Column("amount_minor", BigInteger, nullable=False),
    Column("returned_minor", BigInteger, nullable=False, server_default="0"),
    Column("kept_minor", BigInteger, nullable=False, server_default="0"),
    Column("taken_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),  # None: some of it is left
    CheckConstraint(
        "amount_minor > 0 AND returned_minor >= 0 AND kept_minor >= 0"
        " AND returned_minor + kept_minor <= amount_minor",
        name="deposits_left",
    ),
    CheckConstraint(
        "(returned_minor + kept_minor < amount_minor) = (closed_ms IS NULL)",
        name="deposits_closed",
    ),
    Index("deposits_by_account", "account", "taken_ms", "id"),
    Index(
        "deposits_of_card",
        "card",
        unique=True,
        sqlite_where=text("closed_ms IS NULL AND card <> ''"),
        postgresql_where=text("closed_ms IS NULL AND card <> ''"),
    ),
)

tills = Table(
    "tills",
    metadata,
    Column("id", Text, primary_key=True),  # an acceptor's is its controller's
    Column("name", Text, nullable=False),
    Column("site", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False),  # till | kiosk | acceptor
    Column("unit", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('till', 'kiosk', 'acceptor')", name="tills_kind"),
)

shifts = Table(
    "shifts",
    metadata,
    Column("id", Text, primary_key=True),  # made by who opened it
    Column("till", Text, ForeignKey("tills.id"), nullable=False),
    Column("unit", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("float_minor", BigInteger, nullable=False),  # counted in the drawer at the start
    Column("from_safe_minor", BigInteger, nullable=False),  # of it; below 0: went to the safe
    Column("opening_difference_minor", BigInteger, nullable=False),  # counted more than booked
    Column("opening_reason", Text, nullable=False, server_default=""),
    Column("opened_ms", BigInteger, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("first_transfer", BigInteger, nullable=False),  # newest of the till when it opened
    Column("last_transfer", BigInteger),  # newest before the close
    Column("in_minor", BigInteger),
    Column("out_minor", BigInteger),
    Column("expected_minor", BigInteger),
    Column("counted_minor", BigInteger),
    Column("denominations", Text, nullable=False, server_default="[]"),  # JSON: [[value, count]]
    Column("left_minor", BigInteger),  # stays in the drawer; the rest went to the safe
    Column("difference_minor", BigInteger),  # counted more than expected
    Column("reason", Text, nullable=False, server_default=""),
    Column("close_id", Text, nullable=False, server_default=""),
    Column("closed_ms", BigInteger),
    Column("closed_by", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('open', 'counting', 'closed')", name="shifts_state"),
    CheckConstraint("(state = 'closed') = (closed_ms IS NOT NULL)", name="shifts_closed"),
    Index("shifts_by_till", "till", "opened_ms", "id"),
    Index("shifts_by_age", "opened_ms", "id"),
    Index(
        "shifts_in_progress",
        "till",
        unique=True,
        sqlite_where=text("state <> 'closed'"),
        postgresql_where=text("state <> 'closed'"),
    ),
)

till_movements = Table(
    "till_movements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("shift", Text, ForeignKey("shifts.id"), nullable=False),
    Column("direction", Text, nullable=False),  # in | out
    Column("place", Text, nullable=False),  # safe | bank | other
    Column("amount_minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("direction IN ('in', 'out')", name="till_movements_direction"),
    CheckConstraint("amount_minor > 0", name="till_movements_amount"),
    Index("till_movements_by_shift", "shift", "at_ms", "id"),
)
