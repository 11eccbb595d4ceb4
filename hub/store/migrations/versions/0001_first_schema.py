"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("transfers", "items", "batches", "events")


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), server_default="", nullable=False),
        sa.Column("tariffs", sa.Text(), server_default="{}", nullable=False),
        sa.Column("permissions", sa.Text(), server_default="{}", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("credit_limit_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("floor_cap_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'blocked', 'closed')", name=op.f("ck_accounts_accounts_state")
        ),
        sa.CheckConstraint(
            "credit_limit_minor >= 0", name=op.f("ck_accounts_accounts_credit_limit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index("accounts_by_age", ["created_ms", "id"], unique=False)

    op.create_table(
        "alarms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("controller", sa.Text(), server_default="", nullable=False),
        sa.Column("machine", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("cleared_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.create_index(
            "alarms_matter",
            ["code", "controller", "subject"],
            unique=True,
            sqlite_where=sa.text("cleared_ms IS NULL"),
            postgresql_where=sa.text("cleared_ms IS NULL"),
        )
        batch_op.create_index("alarms_open", ["cleared_ms", "raised_ms"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "card_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_list")),
    )
    op.create_table(
        "events",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("booked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("controller", "epoch", "seq", name=op.f("pk_events")),
    )
    op.create_table(
        "floors_sent",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("as_of_seq", sa.BigInteger(), nullable=False),
        sa.Column("unbacked_minor", sa.BigInteger(), nullable=False),
        sa.Column("target_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "controller", "epoch", "revision", name=op.f("pk_floors_sent")
        ),
    )
    with op.batch_alter_table("floors_sent", schema=None) as batch_op:
        batch_op.create_index("floors_by_controller", ["controller", "revision"], unique=False)

    op.create_table(
        "idempotency",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index("idempotency_by_age", ["created_ms"], unique=False)

    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("balance_min", sa.BigInteger(), nullable=True),
        sa.Column("balance_max", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "balance_max IS NULL OR balance <= balance_max", name=op.f("ck_ledger_accounts_most")
        ),
        sa.CheckConstraint(
            "balance_min IS NULL OR balance >= balance_min", name=op.f("ck_ledger_accounts_least")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        sa.UniqueConstraint("code", name=op.f("uq_ledger_accounts_code")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("till", sa.Text(), server_default="", nullable=False),
        sa.Column("session", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index("payments_by_account", ["account", "at_ms"], unique=False)
        batch_op.create_index("payments_by_session", ["session"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(
            "quarantine_by_controller", ["controller", "received_ms"], unique=False
        )

    op.create_table(
        "revisions_reported",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("accounts_revision", sa.BigInteger(), nullable=False),
        sa.Column("list_revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "controller", "epoch", "last_seq", name=op.f("pk_revisions_reported")
        ),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("floor_level0_minor", sa.BigInteger(), server_default="200", nullable=False),
        sa.Column("floor_level1_minor", sa.BigInteger(), server_default="500", nullable=False),
        sa.Column("floor_level2_minor", sa.BigInteger(), server_default="500", nullable=False),
        sa.Column("standing_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("policy", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
    )
    op.create_table(
        "tariffs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_tariffs")),
    )
    op.create_table(
        "wants",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("wanted_minor", sa.BigInteger(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_wants")),
    )
    with op.batch_alter_table("wants", schema=None) as batch_op:
        batch_op.create_index("wants_by_age", ["answered_ms"], unique=False)
    op.create_table(
        "cards",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("card_ref", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("level", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("replaced_by", sa.Text(), server_default="", nullable=False),
        sa.Column("list_revision", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'blocked', 'replaced')", name=op.f("ck_cards_cards_state")
        ),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("ck_cards_cards_level")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_cards_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("card_ref", name=op.f("uq_cards_card_ref")),
    )
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.create_index("cards_by_account", ["account"], unique=False)
        batch_op.create_index("cards_by_age", ["created_ms", "id"], unique=False)
        batch_op.create_index("cards_by_revision", ["list_revision"], unique=False)

    op.create_table(
        "controllers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("public_key", sa.Text(), server_default="", nullable=False),
        sa.Column("epoch", sa.Text(), server_default="", nullable=False),
        sa.Column("accounts_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reported_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_list_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reported_list_revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("config_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("config_digest", sa.Text(), server_default="", nullable=False),
        sa.Column("reported_config", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("has_acceptor", sa.Integer(), server_default="0", nullable=False),
        sa.Column("quarantine_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("enrolled_ms", sa.BigInteger(), nullable=True),
        sa.Column("heard_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'active', 'quarantined', 'revoked')",
            name=op.f("ck_controllers_controllers_state"),
        ),
        sa.ForeignKeyConstraint(["site"], ["sites.id"], name=op.f("fk_controllers_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controllers")),
    )
    op.create_table(
        "floor_caps",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("list_revision", sa.BigInteger(), nullable=False),
        sa.Column("cap_minor", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_floor_caps_account")),
        sa.PrimaryKeyConstraint("account", "list_revision", name=op.f("pk_floor_caps")),
    )
    with op.batch_alter_table("floor_caps", schema=None) as batch_op:
        batch_op.create_index("floor_caps_by_revision", ["list_revision"], unique=False)

    op.create_table(
        "items",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("reverses", sa.Text(), nullable=True),
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_items_batch")),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_items")),
        sa.UniqueConstraint("id", name=op.f("uq_items_id")),
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index("items_by_ref", ["ref"], unique=False)

    op.create_table(
        "site_floors",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("list_revision", sa.BigInteger(), nullable=False),
        sa.Column("floor_level0_minor", sa.BigInteger(), nullable=False),
        sa.Column("floor_level1_minor", sa.BigInteger(), nullable=False),
        sa.Column("floor_level2_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.id"], name=op.f("fk_site_floors_site")),
        sa.PrimaryKeyConstraint("site", "list_revision", name=op.f("pk_site_floors")),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("debit", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credit", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_transfers_sides")),
        sa.ForeignKeyConstraint(
            ["credit"], ["ledger_accounts.id"], name=op.f("fk_transfers_credit")
        ),
        sa.ForeignKeyConstraint(["debit"], ["ledger_accounts.id"], name=op.f("fk_transfers_debit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index("transfers_by_credit", ["credit", "id"], unique=False)
        batch_op.create_index("transfers_by_debit", ["debit", "id"], unique=False)
        batch_op.create_index("transfers_by_item", ["item", "ordinal"], unique=False)

    op.create_table(
        "allowances",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("granted_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spent_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("released_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("taken_in_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unbacked_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("forfeited_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "granted_minor + taken_in_minor - spent_minor - released_minor - forfeited_minor >= 0",
            name=op.f("ck_allowances_allowances_backed"),
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_allowances_account")),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_allowances_controller")
        ),
        sa.PrimaryKeyConstraint("account", "controller", "epoch", name=op.f("pk_allowances")),
    )
    with op.batch_alter_table("allowances", schema=None) as batch_op:
        batch_op.create_index("allowances_by_controller", ["controller"], unique=False)

    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), server_default="", nullable=False),
        sa.Column("card", sa.Text(), server_default="", nullable=False),
        sa.Column("argument", sa.Text(), server_default="", nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("code", sa.Integer(), server_default="0", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_commands_controller")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index("commands_by_controller", ["controller", "sent_ms"], unique=False)

    op.create_table(
        "enrolment_codes",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("public_key", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_enrolment_codes_controller")
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_enrolment_codes")),
    )
    op.create_table(
        "journals",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("through_seq", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.Text(), nullable=False),
        sa.Column("gap_seq", sa.BigInteger(), nullable=True),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("heard_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_journals_controller")
        ),
        sa.PrimaryKeyConstraint("controller", "epoch", name=op.f("pk_journals")),
    )
    op.create_table(
        "machines",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_machines_controller")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machines")),
    )
    with op.batch_alter_table("machines", schema=None) as batch_op:
        batch_op.create_index("machines_by_controller", ["controller"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("card_ref", sa.Text(), nullable=False),
        sa.Column("tariff", sa.Text(), nullable=False),
        sa.Column("tariff_version", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("time_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("charge_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("backed_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unbacked_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("overrun_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rerated_minor", sa.BigInteger(), nullable=True),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_online", sa.Integer(), server_default="0", nullable=False),
        sa.Column("booked_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND charge_minor", name=op.f("ck_sessions_sessions_refund")
        ),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_sessions_controller")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("sessions_by_account", ["account", "started_ms"], unique=False)
        batch_op.create_index("sessions_by_machine", ["machine", "started_ms"], unique=False)
        batch_op.create_index("sessions_by_start", ["started_ms", "id"], unique=False)
        batch_op.create_index("sessions_by_state", ["state", "started_ms"], unique=False)
    for table in APPEND_ONLY:
        _forbid_change(table)


def _forbid_change(table: str) -> None:
    """Have the database itself refuse to change or delete a row."""
    words = f"{table} are only ever appended to"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{words}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"EXECUTE FUNCTION {table}_append_only()"
    )
