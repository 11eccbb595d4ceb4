"""Offline codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    with op.batch_alter_table("controllers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("code_mark", sa.Text(), server_default="", nullable=False))
    _batches()
    _codes()


def _batches() -> None:
    op.create_table(
        "code_batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("key_mark", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_counter", sa.Integer(), nullable=False),
        sa.Column("last_year", sa.Integer(), server_default="0", nullable=False),
        sa.Column("till", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > 0 AND count > 0", name=op.f("ck_code_batches_code_batches_amount")
        ),
        sa.CheckConstraint(
            "funding IN ('sold', 'promo')", name=op.f("ck_code_batches_code_batches_funding")
        ),
        sa.ForeignKeyConstraint(
            ["controller"],
            ["controllers.id"],
            name=op.f("fk_code_batches_controller_controllers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_batches")),
    )
    with op.batch_alter_table("code_batches", schema=None) as batch_op:
        batch_op.create_index("code_batches_by_age", ["at_ms", "id"], unique=False)
        batch_op.create_index(
            "code_batches_by_controller", ["controller", "at_ms", "id"], unique=False
        )


def _codes() -> None:
    op.create_table(
        "offline_codes",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("key_mark", sa.Text(), nullable=False),
        sa.Column("counter", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="issued", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("movement", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'issued') = (ended_ms IS NULL)",
            name=op.f("ck_offline_codes_offline_codes_ended"),
        ),
        sa.CheckConstraint(
            "state IN ('issued', 'used', 'void')",
            name=op.f("ck_offline_codes_offline_codes_state"),
        ),
        sa.ForeignKeyConstraint(
            ["batch"], ["code_batches.id"], name=op.f("fk_offline_codes_batch_code_batches")
        ),
        sa.ForeignKeyConstraint(
            ["controller"],
            ["controllers.id"],
            name=op.f("fk_offline_codes_controller_controllers"),
        ),
        sa.PrimaryKeyConstraint("controller", "key_mark", "counter", name=op.f("pk_offline_codes")),
    )
    with op.batch_alter_table("offline_codes", schema=None) as batch_op:
        batch_op.create_index("offline_codes_of_batch", ["batch", "counter"], unique=False)
        batch_op.create_index(
            "offline_codes_open", ["controller", "key_mark", "state", "counter"], unique=False
        )
