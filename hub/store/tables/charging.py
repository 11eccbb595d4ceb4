"""Tables of journals booked, sessions, rights and wants."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from hub.store.tables.base import metadata

# One row per journal (controller, epoch): how far it is booked. The final authority.
journals = Table(
    "journals",
    metadata,
    Column("controller", Text, ForeignKey("controllers.id"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("through_seq", BigInteger, nullable=False),
    Column("head_hash", Text, nullable=False),  # hex
    Column("gap_seq", BigInteger),  # first seq of a batch that came too early; None: no gap
    Column("opened_ms", BigInteger, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
)

# Every event as it came: the hub's copy of each journal.
events = Table(
    "events",
    metadata,
    Column("controller", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("hash", Text, nullable=False),  # chain hash after it, hex
    Column("body", LargeBinary, nullable=False),
    Column("booked_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("controller", Text, ForeignKey("controllers.id"), nullable=False),
    Column("machine", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("card_ref", Text, nullable=False),
    Column("tariff", Text, nullable=False),
    Column("tariff_version", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("state", Text, nullable=False),  # running | ended | undecided | refunded
    Column("reason", Text, nullable=False, server_default=""),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("time_ms", BigInteger, nullable=False, server_default="0"),
    Column("quantity", BigInteger, nullable=False, server_default="0"),
    Column("charge_minor", BigInteger, nullable=False, server_default="0"),
    Column("tax_minor", BigInteger, nullable=False, server_default="0"),
    Column("backed_minor", BigInteger, nullable=False, server_default="0"),
    Column("unbacked_minor", BigInteger, nullable=False, server_default="0"),
    Column("overrun_minor", BigInteger, nullable=False, server_default="0"),
    Column("rerated_minor", BigInteger),  # the hub's own price, when it differs
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("started_online", Integer, nullable=False, server_default="0"),
    Column("booked_ms", BigInteger, nullable=False),
    Column("member", Text),  # whose card it was, of an organisation's members
    Column("kind", Text, nullable=False, server_default=""),  # of the machine, at the start
    CheckConstraint("refunded_minor BETWEEN 0 AND charge_minor", name="sessions_refund"),
    Index("sessions_by_account", "account", "started_ms"),
    Index("sessions_by_machine", "machine", "started_ms"),
    Index("sessions_by_start", "started_ms", "id"),
    Index("sessions_by_state", "state", "started_ms"),
    Index(
        "sessions_by_member",
        "member",
        "started_ms",
        sqlite_where=text("member IS NOT NULL"),
        postgresql_where=text("member IS NOT NULL"),
    ),
)

# Totals per (account, controller, epoch); each only ever grows. Sparse: a row appears
# when the account is first granted or charged there.
allowances = Table(
    "allowances",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("controller", Text, ForeignKey("controllers.id"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("granted_minor", BigInteger, nullable=False, server_default="0"),  # G
    Column("spent_minor", BigInteger, nullable=False, server_default="0"),  # S
    Column("released_minor", BigInteger, nullable=False, server_default="0"),  # R
    Column("taken_in_minor", BigInteger, nullable=False, server_default="0"),  # M
    Column("unbacked_minor", BigInteger, nullable=False, server_default="0"),
    Column("forfeited_minor", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(
        "granted_minor + taken_in_minor - spent_minor - released_minor - forfeited_minor >= 0",
        name="allowances_backed",
    ),
    Index("allowances_by_controller", "controller"),
)

# Floors that a controller may still hold: one row per revision sent, until confirmed past.
floors_sent = Table(
    "floors_sent",
    metadata,
    Column("account", Text, primary_key=True),
    Column("controller", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("as_of_seq", BigInteger, nullable=False),
    Column("unbacked_minor", BigInteger, nullable=False),  # unbacked total booked as of then
    Column("target_minor", BigInteger, nullable=False),
    Column("granted_minor", BigInteger, nullable=False),  # G as of then
    Index("floors_by_controller", "controller", "revision"),
)

# Revisions that a controller said it holds, waiting for its journal to be booked that far.
revisions_reported = Table(
    "revisions_reported",
    metadata,
    Column("controller", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("last_seq", BigInteger, primary_key=True),
    Column("accounts_revision", BigInteger, nullable=False),
    Column("list_revision", BigInteger, nullable=False),
)

wants = Table(
    "wants",
    metadata,
    Column("request", Text, primary_key=True),
    Column("controller", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("wanted_minor", BigInteger, nullable=False),
    Column("granted_minor", BigInteger, nullable=False),
    Column("code", Integer, nullable=False),
    Column("answered_ms", BigInteger, nullable=False),
    Column("member", Text),  # whose card it was
    Column("kind", Text, nullable=False, server_default=""),  # of the machine
    Index("wants_by_age", "answered_ms"),
    Index(
        "wants_by_member",
        "member",
        "answered_ms",
        sqlite_where=text("member IS NOT NULL"),
        postgresql_where=text("member IS NOT NULL"),
    ),
)

# Coins and notes that came in while nobody's card was there, until a card claims them.
cash_holdings = Table(
    "cash_holdings",
    metadata,
    Column("controller", Text, ForeignKey("controllers.id"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("machine", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("claimed_minor", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('held', 'claimed', 'unclaimed')", name="cash_holdings_state"),
    CheckConstraint("claimed_minor BETWEEN 0 AND held_minor", name="cash_holdings_claimed"),
    Index("cash_holdings_by_state", "state", "at_ms", "controller", "id"),
)
