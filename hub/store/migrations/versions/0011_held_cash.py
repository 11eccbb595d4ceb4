"""Money in the boxes of controllers that no card has claimed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "cash_holdings",
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("claimed_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('held', 'claimed', 'unclaimed')",
            name=op.f("ck_cash_holdings_cash_holdings_state"),
        ),
        sa.CheckConstraint(
            "claimed_minor BETWEEN 0 AND held_minor",
            name=op.f("ck_cash_holdings_cash_holdings_claimed"),
        ),
        sa.ForeignKeyConstraint(
            ["controller"], ["controllers.id"], name=op.f("fk_cash_holdings_controller_controllers")
        ),
        sa.PrimaryKeyConstraint("controller", "epoch", "id", name=op.f("pk_cash_holdings")),
    )
    op.create_index(
        "cash_holdings_by_state",
        "cash_holdings",
        ["state", "at_ms", "controller", "id"],
        unique=False,
    )
