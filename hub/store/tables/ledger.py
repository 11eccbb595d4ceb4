"""Tables of the book. Transfers, items and batches are only ever appended to."""

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
    UniqueConstraint,
    text,
)

from hub.store.tables.base import metadata

_REVERSES = text("reverses IS NOT NULL")
_CORRECTS = text("kind = 'correction'")
# SQLite counts up only an INTEGER key; PostgreSQL wants 64 bits.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

ledger_accounts = Table(
    "ledger_accounts",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("code", Text, nullable=False),  # EUR:wallet/acc_…
    Column("unit", Text, nullable=False),
    Column("balance", BigInteger, nullable=False, server_default="0"),  # credits - debits
    Column("balance_min", BigInteger),  # None: no limit
    Column("balance_max", BigInteger),
    UniqueConstraint("code"),
    CheckConstraint("balance_min IS NULL OR balance >= balance_min", name="least"),
    CheckConstraint("balance_max IS NULL OR balance <= balance_max", name="most"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("hash", Text, nullable=False),  # over the hash before and this batch's digests
    Column("items", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column(
        "place", ROW_ID, primary_key=True, autoincrement=False
    ),  # 1, 2, 3 …: the order of booking
    Column("id", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of what was asked
    Column("effect", Text, nullable=False),  # digest of the transfers that came of it
    Column("ref", Text, nullable=False, server_default=""),  # what it is about: session, top-up
    Column("reason", Text, nullable=False, server_default=""),
    Column("reverses", Text),  # the item that this one corrects
    Column("batch", ROW_ID, ForeignKey("batches.id"), nullable=False),
    UniqueConstraint("id"),
    Index("items_by_ref", "ref"),
    Index("items_by_reversed", "reverses", sqlite_where=_REVERSES, postgresql_where=_REVERSES),
    Index(
        "items_corrected_once",
        "reverses",
        unique=True,
        sqlite_where=_CORRECTS,
        postgresql_where=_CORRECTS,
    ),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("item", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("debit", ROW_ID, ForeignKey("ledger_accounts.id"), nullable=False),
    Column("credit", ROW_ID, ForeignKey("ledger_accounts.id"), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("debit <> credit", name="sides"),
    Index("transfers_by_debit", "debit", "id"),
    Index("transfers_by_credit", "credit", "id"),
    Index("transfers_by_item", "item", "ordinal"),
)
