"""Plans, subscriptions, periods and receivables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    _accounts()
    _periods()
    _plans()
    _charges_and_jobs()
    _begin_periods()


def _accounts() -> None:
    # Not as a batch: SQLite would make the table anew, and others refer to it.
    op.execute(
        "ALTER TABLE accounts ADD COLUMN billing TEXT DEFAULT 'prepaid' NOT NULL"
        " CONSTRAINT ck_accounts_accounts_billing"
        " CHECK (billing IN ('prepaid', 'postpaid', 'mixed'))"
    )
    op.execute("ALTER TABLE accounts ADD COLUMN discontinued_ms BIGINT")
    op.execute(
        "ALTER TABLE accounts ADD COLUMN also_blocked INTEGER DEFAULT 0 NOT NULL"
        " CONSTRAINT ck_accounts_accounts_also_blocked CHECK (also_blocked IN (0, 1))"
    )


def _periods() -> None:
    op.create_table(
        "billing_terms",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), server_default="", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="", nullable=False),
        sa.Column("discontinue_days", sa.Integer(), nullable=True),
        sa.Column("discontinue_after_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "discontinue_days >= 0", name=op.f("ck_billing_terms_billing_terms_days")
        ),
        sa.CheckConstraint(
            "period IN ('', 'month', 'week')", name=op.f("ck_billing_terms_billing_terms_period")
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name=op.f("fk_billing_terms_account")
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_billing_terms")),
    )
    op.create_table(
        "open_periods",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=True),
        sa.Column("opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("after_transfer", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_open_periods_account")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_open_periods")),
    )
    op.create_index("open_periods_by_end", "open_periods", ["ends_ms"])
    op.create_table(
        "periods",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("closing_minor", sa.BigInteger(), nullable=False),
        sa.Column("sums", sa.Text(), nullable=False),
        sa.Column("due_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_ms", sa.BigInteger(), nullable=True),
        sa.Column("item", sa.Text(), server_default="", nullable=False),
        sa.Column("last_transfer", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "paid_minor BETWEEN 0 AND due_minor", name=op.f("ck_periods_periods_paid")
        ),
        sa.CheckConstraint(
            "(paid_minor = due_minor) = (paid_ms IS NOT NULL)",
            name=op.f("ck_periods_periods_settled"),
        ),
        sa.CheckConstraint("starts_ms < ends_ms", name=op.f("ck_periods_periods_span")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_periods_account")),
        sa.PrimaryKeyConstraint("account", "ends_ms", name=op.f("pk_periods")),
    )
    op.create_index("periods_by_request", "periods", ["request"])
    op.create_index("periods_unpaid", "periods", ["paid_ms", "ends_ms", "account"])


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("proration", sa.Text(), nullable=False),
        sa.Column("tax_rate_ppm", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("retired_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("anchor IN ('start', 'calendar')", name=op.f("ck_plans_plans_anchor")),
        sa.CheckConstraint(
            "period IN ('day', 'week', 'month', 'year')", name=op.f("ck_plans_plans_period")
        ),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_plans_plans_price")),
        sa.CheckConstraint("proration IN ('none', 'daily')", name=op.f("ck_plans_plans_proration")),
        sa.CheckConstraint("tax_rate_ppm BETWEEN 0 AND 1000000", name=op.f("ck_plans_plans_tax")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_index("plans_by_age", "plans", ["created_ms", "id"])
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Text(), nullable=True),
        sa.Column("next_on", sa.Text(), nullable=False),
        sa.Column("try_ms", sa.BigInteger(), nullable=True),
        sa.Column("refusal", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "ends_on IS NULL OR ends_on >= starts_on",
            name=op.f("ck_subscriptions_subscriptions_span"),
        ),
        sa.CheckConstraint(
            "state IN ('active', 'paused', 'unpaid', 'ended')",
            name=op.f("ck_subscriptions_subscriptions_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('paused', 'ended')) = (try_ms IS NULL)",
            name=op.f("ck_subscriptions_subscriptions_tried"),
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name=op.f("fk_subscriptions_account")
        ),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_subscriptions_plan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index("subscriptions_by_account", "subscriptions", ["account", "created_ms", "id"])
    op.create_index("subscriptions_by_try", "subscriptions", ["try_ms"])
    op.create_table(
        "subscription_periods",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("charged_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "starts_on < ends_on", name=op.f("ck_subscription_periods_subscription_periods_span")
        ),
        sa.CheckConstraint(
            "tax_minor BETWEEN 0 AND amount_minor",
            name=op.f("ck_subscription_periods_subscription_periods_tax"),
        ),
        sa.ForeignKeyConstraint(
            ["subscription"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_periods_subscription"),
        ),
        sa.PrimaryKeyConstraint("subscription", "starts_on", name=op.f("pk_subscription_periods")),
    )


def _charges_and_jobs() -> None:
    op.create_table(
        "charges",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_ppm", sa.Integer(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_charges_charges_amount")),
        sa.CheckConstraint(
            "tax_minor BETWEEN 0 AND amount_minor", name=op.f("ck_charges_charges_tax")
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_charges_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charges")),
    )
    op.create_index("charges_by_account", "charges", ["account", "at_ms", "id"])
    op.create_table(
        "jobs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("try_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_jobs_jobs_failures")),
        sa.CheckConstraint(
            "result IN ('', 'ok', 'found', 'failed')", name=op.f("ck_jobs_jobs_result")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )


def _begin_periods() -> None:
    """Accounts that have credit take top-ups as before, and are billed from now on."""
    connection = op.get_bind()
    connection.execute(
        sa.text("UPDATE accounts SET billing = 'mixed' WHERE credit_limit_minor > 0")
    )
    connection.execute(
        sa.text(
            "INSERT INTO open_periods (account, starts_ms, opening_minor, after_transfer)"
            " SELECT p.id, coalesce((SELECT max(at_ms) FROM batches), p.created_ms),"
            " coalesce((SELECT sum(b.balance) FROM ledger_accounts AS b WHERE b.code IN"
            " (p.unit || '\\:wallet/' || p.id, p.unit || '\\:escrow/' || p.id)), 0),"
            " coalesce((SELECT max(id) FROM transfers), 0)"
            " FROM accounts AS p WHERE p.billing = 'mixed'"
        )
    )
