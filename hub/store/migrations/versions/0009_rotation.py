"""Controllers that change their key and keep their offline codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    with op.batch_alter_table("controllers", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("code_public_key", sa.Text(), server_default="", nullable=False)
        )
    op.execute(sa.text("UPDATE controllers SET code_public_key = public_key"))
