"""Lots of bonus and sponsored money, units of one's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    _lots()
    _units_and_purses()
    _programmes()


def _lots() -> None:
    op.create_table(
        "lots",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("giver", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), server_default="[]", nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("sweeps", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'open', 'expired', 'closed')", name=op.f("ck_lots_lots_state")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_lots_lots_amount")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_lots_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.create_index("lots_by_account", ["account", "state"], unique=False)
        batch_op.create_index("lots_by_age", ["account", "created_ms", "id"], unique=False)
        batch_op.create_index("lots_by_end", ["state", "expires_ms"], unique=False)
        batch_op.create_index("lots_by_start", ["state", "starts_ms"], unique=False)
    op.create_table(
        "allowance_lots",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("held_minor >= 0", name=op.f("ck_allowance_lots_allowance_lots_held")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_allowance_lots_lot")),
        sa.PrimaryKeyConstraint(
            "account", "controller", "epoch", "lot", name=op.f("pk_allowance_lots")
        ),
    )
    with op.batch_alter_table("allowance_lots", schema=None) as batch_op:
        batch_op.create_index("allowance_lots_by_lot", ["lot"], unique=False)


def _units_and_purses() -> None:
    op.create_table(
        "units",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("exponent", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("exponent BETWEEN 0 AND 6", name=op.f("ck_units_units_exponent")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_units")),
    )
    op.create_table(
        "card_purses",
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_card_purses_account")),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name=op.f("fk_card_purses_card")),
        sa.PrimaryKeyConstraint("card", "unit", name=op.f("pk_card_purses")),
    )
    with op.batch_alter_table("card_purses", schema=None) as batch_op:
        batch_op.create_index("card_purses_by_account", ["account"], unique=False)


def _programmes() -> None:
    op.create_table(
        "programmes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sponsor", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("kinds", sa.Text(), server_default="[]", nullable=False),
        sa.Column("people", sa.Text(), server_default="[]", nullable=False),
        sa.Column("group", sa.Text(), server_default="", nullable=False),
        sa.Column("every", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("budget_minor", sa.BigInteger(), nullable=True),
        sa.Column("given_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_programmes_programmes_amount")),
        sa.CheckConstraint(
            "every IN ('once', 'month')", name=op.f("ck_programmes_programmes_every")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'stopped')", name=op.f("ck_programmes_programmes_state")
        ),
        sa.CheckConstraint(
            "given_minor >= 0 AND (budget_minor IS NULL OR given_minor <= budget_minor)",
            name=op.f("ck_programmes_programmes_budget"),
        ),
        sa.ForeignKeyConstraint(["sponsor"], ["accounts.id"], name=op.f("fk_programmes_sponsor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_programmes")),
    )
    with op.batch_alter_table("programmes", schema=None) as batch_op:
        batch_op.create_index("programmes_by_sponsor", ["sponsor", "created_ms"], unique=False)
        batch_op.create_index("programmes_by_age", ["created_ms", "id"], unique=False)
        batch_op.create_index("programmes_by_end", ["state", "expires_ms"], unique=False)
    op.create_table(
        "programme_gifts",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(lot IS NULL) = (code <> 0)", name=op.f("ck_programme_gifts_programme_gifts_code")
        ),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name=op.f("fk_programme_gifts_account")
        ),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_programme_gifts_lot")),
        sa.ForeignKeyConstraint(
            ["programme"], ["programmes.id"], name=op.f("fk_programme_gifts_programme")
        ),
        sa.PrimaryKeyConstraint("programme", "period", "account", name=op.f("pk_programme_gifts")),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index("accounts_by_group", ["group", "id"], unique=False)
