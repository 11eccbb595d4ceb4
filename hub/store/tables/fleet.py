"""Tables of sites, controllers, machines, tariffs, enrolment, commands and alarms."""

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

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),  # unit, loss_budget_minor, …
    Column("value", Text, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default="UTC"),
    Column("floor_level0_minor", BigInteger, nullable=False, server_default="200"),
    Column("floor_level1_minor", BigInteger, nullable=False, server_default="500"),
    Column("floor_level2_minor", BigInteger, nullable=False, server_default="500"),
    Column("standing_minor", BigInteger, nullable=False, server_default="0"),  # target per account
    Column("policy", Text, nullable=False, server_default="{}"),  # JSON of wire.machines.Policy
)

# What floors a site's rule gave from a list revision on: exposure looks back here.
site_floors = Table(
    "site_floors",
    metadata,
    Column("site", Text, ForeignKey("sites.id"), primary_key=True),
    Column("list_revision", BigInteger, primary_key=True),
    Column("floor_level0_minor", BigInteger, nullable=False),
    Column("floor_level1_minor", BigInteger, nullable=False),
    Column("floor_level2_minor", BigInteger, nullable=False),
)

controllers = Table(
    "controllers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("partition", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("public_key", Text, nullable=False, server_default=""),
    Column("code_public_key", Text, nullable=False, server_default=""),  # what codes hang on
    Column("code_mark", Text, nullable=False, server_default=""),  # of its key for offline codes
    Column("epoch", Text, nullable=False, server_default=""),  # the current journal
    Column("accounts_revision", BigInteger, nullable=False, server_default="0"),  # newest sent
    Column("reported_revision", BigInteger, nullable=False, server_default="0"),  # as last said
    Column("held_revision", BigInteger, nullable=False, server_default="0"),  # confirmed as held
    Column("held_list_revision", BigInteger, nullable=False, server_default="0"),  # confirmed
    Column("reported_list_revision", BigInteger, nullable=False, server_default="0"),
    Column("config_version", BigInteger, nullable=False, server_default="0"),  # newest made
    Column("config_digest", Text, nullable=False, server_default=""),  # of its content
    Column("reported_config", BigInteger, nullable=False, server_default="0"),  # as last said
    Column("has_acceptor", Integer, nullable=False, server_default="0"),
    Column("quarantine_reason", Text, nullable=False, server_default=""),
    Column("enrolled_ms", BigInteger),
    Column("heard_ms", BigInteger),
    CheckConstraint(
        "state IN ('waiting', 'active', 'quarantined', 'revoked')", name="controllers_state"
    ),
)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("code_hash", Text, primary_key=True),  # SHA-256: a stolen backup enrols nobody
    Column("controller", Text, ForeignKey("controllers.id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("public_key", Text, nullable=False, server_default=""),  # who used it: retries repeat
)

machines = Table(
    "machines",
    metadata,
    Column("id", Text, primary_key=True),
    Column("controller", Text, ForeignKey("controllers.id"), nullable=False),
    Column("definition", Text, nullable=False),  # JSON of wire.machines.Machine
    Column("removed_ms", BigInteger),
    Index("machines_by_controller", "controller"),
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("definition", Text, nullable=False),  # JSON of wire.tariff.Tariff
    Column("created_ms", BigInteger, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("controller", Text, ForeignKey("controllers.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("machine", Text, nullable=False, server_default=""),
    Column("card", Text, nullable=False, server_default=""),  # for start: who pays
    Column("argument", Text, nullable=False, server_default=""),
    Column("sent_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False, server_default="unknown"),
    Column("code", Integer, nullable=False, server_default="0"),
    Column("detail", Text, nullable=False, server_default=""),
    Column("answered_ms", BigInteger),
    Index("commands_by_controller", "controller", "sent_ms"),
    Index("commands_by_age", "sent_ms"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Text, primary_key=True),
    Column("code", Integer, nullable=False),  # wire.errors.Code
    Column("controller", Text, nullable=False, server_default=""),
    Column("machine", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),  # what it is about: key to clear
    Column("detail", Text, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False, server_default="1"),
    Column("cleared_ms", BigInteger),
    Index("alarms_open", "cleared_ms", "raised_ms"),
    # One open alarm per matter: raising it again counts.
    Index(
        "alarms_matter",
        "code",
        "controller",
        "subject",
        unique=True,
        sqlite_where=text("cleared_ms IS NULL"),
        postgresql_where=text("cleared_ms IS NULL"),
    ),
)

# Batches that were refused for a broken chain: kept for a person, bounded in number.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Text, primary_key=True),
    Column("controller", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Index("quarantine_by_controller", "controller", "received_ms"),
)
