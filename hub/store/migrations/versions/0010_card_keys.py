"""Cards that prove themselves: the version of their keys, and what they counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("key_version", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column("keyed_ms", sa.BigInteger(), server_default="0", nullable=False)
        )
    op.create_table(
        "card_taps",
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_synced", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name=op.f("fk_card_taps_card_cards")),
        sa.PrimaryKeyConstraint(
            "card",
            "key_version",
            "counter",
            "controller",
            "epoch",
            "seq",
            name=op.f("pk_card_taps"),
        ),
    )
