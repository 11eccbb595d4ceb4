"""What several hubs on one database need: leases, and who is there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "hubs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), server_default="", nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hubs")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("fence >= 0", name=op.f("ck_leases_leases_fence")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    # Commands that wait for an answer are looked for by age, whoever gave them.
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index("commands_by_age", ["sent_ms"], unique=False)
