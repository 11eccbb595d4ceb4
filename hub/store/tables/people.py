"""Tables of accounts, cards and staff keys. The ledger knows account ids only."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from hub.store.tables.base import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("unit", Text, nullable=False),
    Column("group", Text, nullable=False, server_default=""),
    Column("tariffs", Text, nullable=False, server_default="{}"),  # JSON: machine or kind -> tariff
    Column("permissions", Text, nullable=False, server_default="{}"),  # JSON: name -> ends_ms
    Column("language", Text, nullable=False, server_default=""),
    Column("credit_limit_minor", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),  # open | blocked | closed
    Column("billing", Text, nullable=False, server_default="prepaid"),
    Column("discontinued_ms", BigInteger),  # blocked since then, as something is unpaid
    Column("also_blocked", Integer, nullable=False, server_default="0"),  # by staff, beside that
    Column("floor_cap_minor", BigInteger, nullable=False, server_default="0"),  # as last listed
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("state IN ('open', 'blocked', 'closed')", name="accounts_state"),
    CheckConstraint("credit_limit_minor >= 0", name="accounts_credit_limit"),
    CheckConstraint("billing IN ('prepaid', 'postpaid', 'mixed')", name="accounts_billing"),
    CheckConstraint("also_blocked IN (0, 1)", name="accounts_also_blocked"),
    Index("accounts_by_age", "created_ms", "id"),
    Index("accounts_by_group", "group", "id"),
)

cards = Table(
    "cards",
    metadata,
    Column("id", Text, primary_key=True),  # crd_…
    Column("card_ref", Text, nullable=False, unique=True),  # wire.ids.card_ref; never a UID
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="active"),  # active | blocked | replaced
    Column("replaced_by", Text, nullable=False, server_default=""),
    Column("list_revision", BigInteger, nullable=False),  # place in the card list
    Column("created_ms", BigInteger, nullable=False),
    Column("member", Text),  # whose of an organisation's members; None: the account's own
    Column("key_version", Integer, nullable=False, server_default="0"),  # of its own key; 0: none
    Column("keyed_ms", BigInteger, nullable=False, server_default="0"),  # counts from then on
    CheckConstraint("state IN ('active', 'blocked', 'replaced')", name="cards_state"),
    CheckConstraint("level BETWEEN 0 AND 2", name="cards_level"),
    Index("cards_by_revision", "list_revision"),
    Index("cards_by_account", "account"),
    Index("cards_by_age", "created_ms", "id"),
    Index("cards_by_member", "member"),
)

# Counts of cards as controllers reported them: the newest of each card.
card_taps = Table(
    "card_taps",
    metadata,
    Column("card", Text, ForeignKey("cards.id"), primary_key=True),
    Column("key_version", Integer, primary_key=True),
    Column("counter", Integer, primary_key=True),
    Column("controller", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("method", Text, nullable=False),
    Column("wall_ms", BigInteger, nullable=False),
    Column("is_synced", Integer, nullable=False),  # whether wall_ms can be trusted
)

# One row: the newest revision of the card list.
card_list = Table(
    "card_list",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

# What floor an account's cards had from a list revision on: exposure looks back here.
floor_caps = Table(
    "floor_caps",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("list_revision", BigInteger, primary_key=True),
    Column("cap_minor", BigInteger, nullable=False),
    Column("level", Integer, nullable=False, server_default="0"),  # highest level of active cards
    Index("floor_caps_by_revision", "list_revision"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),  # key_…; the part shown in lists
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False, unique=True),  # SHA-256 of 32 random bytes
    Column("scopes", Text, nullable=False),  # space separated
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Column("used_ms", BigInteger),
)
