"""Payouts, transfers, corrections and second persons."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "account_transfers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_account_transfers_amount")),
        sa.CheckConstraint("sender <> receiver", name=op.f("ck_account_transfers_sides")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_transfers")),
    )
    with op.batch_alter_table("account_transfers", schema=None) as batch_op:
        batch_op.create_index(
            "account_transfers_by_receiver", ["receiver", "at_ms", "id"], unique=False
        )
        batch_op.create_index(
            "account_transfers_by_sender", ["sender", "at_ms", "id"], unique=False
        )

    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), server_default="", nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "(state = 'pending') = (decided_ms IS NULL)",
            name=op.f("ck_approvals_approvals_decided"),
        ),
        sa.CheckConstraint(
            "state <> 'done' OR decided_by <> by", name=op.f("ck_approvals_approvals_second")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'done', 'refused', 'withdrawn', 'expired')",
            name=op.f("ck_approvals_approvals_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
    )
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.create_index("approvals_by_age", ["asked_ms", "id"], unique=False)
        batch_op.create_index("approvals_by_end", ["state", "expires_ms"], unique=False)
        batch_op.create_index("approvals_by_state", ["state", "asked_ms", "id"], unique=False)

    op.create_table(
        "corrections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), server_default="", nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id <> item", name=op.f("ck_corrections_other")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("item", name=op.f("uq_corrections_item")),
    )
    with op.batch_alter_table("corrections", schema=None) as batch_op:
        batch_op.create_index("corrections_by_age", ["at_ms", "id"], unique=False)

    op.create_table(
        "given_back",
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("charge_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("correction", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "correction = '' OR refunded_minor = 0", name=op.f("ck_given_back_once")
        ),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND charge_minor", name=op.f("ck_given_back_refunded")
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_given_back")),
    )
    op.create_table(
        "payouts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("till", sa.Text(), server_default="", nullable=False),
        sa.Column("destination", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("expected_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('done', 'failed', 'cancelled')) = (ended_ms IS NOT NULL)",
            name=op.f("ck_payouts_ended"),
        ),
        sa.CheckConstraint("(till = '') <> (provider = '')", name=op.f("ck_payouts_payouts_way")),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'sent', 'done', 'failed', 'cancelled')",
            name=op.f("ck_payouts_payouts_state"),
        ),
        sa.CheckConstraint(
            "fee_minor >= 0 AND amount_minor > fee_minor", name=op.f("ck_payouts_payouts_amount")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
    )
    with op.batch_alter_table("payouts", schema=None) as batch_op:
        batch_op.create_index("payouts_by_account", ["account", "requested_ms", "id"], unique=False)
        batch_op.create_index("payouts_by_age", ["requested_ms", "id"], unique=False)
        batch_op.create_index("payouts_by_state", ["state", "requested_ms", "id"], unique=False)

    op.create_table(
        "payout_steps",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("payout", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), server_default="", nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["payout"], ["payouts.id"], name=op.f("fk_payout_steps_payout")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_steps")),
    )
    with op.batch_alter_table("payout_steps", schema=None) as batch_op:
        batch_op.create_index("payout_steps_in_order", ["payout", "place"], unique=True)

    op.create_table(
        "refund_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("expected_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'booked', 'refused')",
            name=op.f("ck_refund_requests_refund_requests_state"),
        ),
        sa.CheckConstraint(
            "amount_minor > 0 AND fee_minor >= 0",
            name=op.f("ck_refund_requests_refund_requests_amount"),
        ),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name=op.f("fk_refund_requests_session")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_requests")),
    )
    with op.batch_alter_table("refund_requests", schema=None) as batch_op:
        batch_op.create_index(
            "refund_requests_by_account", ["account", "requested_ms", "id"], unique=False
        )
        batch_op.create_index("refund_requests_by_age", ["requested_ms", "id"], unique=False)
        batch_op.create_index(
            "refund_requests_by_state", ["state", "requested_ms", "id"], unique=False
        )
        batch_op.create_index(
            "refund_requests_waiting",
            ["session"],
            unique=True,
            sqlite_where=sa.text("state IN ('requested', 'approved')"),
            postgresql_where=sa.text("state IN ('requested', 'approved')"),
        )
