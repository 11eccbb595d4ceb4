"""Members with limits, usage by API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    _members()
    _usages()
    _whose()


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), server_default="[]", nullable=False),
        sa.Column("listed_minor", sa.BigInteger(), nullable=True),
        sa.Column("least_minor", sa.BigInteger(), nullable=True),
        sa.Column("turns_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'suspended', 'left')", name=op.f("ck_members_members_state")
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_members_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index("members_by_account", ["account", "created_ms", "id"], unique=False)
        batch_op.create_index("members_by_turn", ["turns_ms"], unique=False)
    op.create_table(
        "member_spend",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("spent_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "spent_minor >= 0 AND held_minor >= 0", name=op.f("ck_member_spend_member_spend_sums")
        ),
        sa.ForeignKeyConstraint(["member"], ["members.id"], name=op.f("fk_member_spend_member")),
        sa.PrimaryKeyConstraint("member", "day", "kind", name=op.f("pk_member_spend")),
    )


def _usages() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tariff", sa.Text(), nullable=False),
        sa.Column("tariff_by_group", sa.Text(), server_default="{}", nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
    )
    op.create_table(
        "usages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("card_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("tariff", sa.Text(), nullable=False),
        sa.Column("tariff_version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("beyond_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("time_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("reminded_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('captured', 'released')) = (ended_ms IS NOT NULL)",
            name=op.f("ck_usages_ended"),
        ),
        sa.CheckConstraint(
            "state IN ('authorised', 'partly', 'captured', 'released')",
            name=op.f("ck_usages_usages_state"),
        ),
        sa.CheckConstraint(
            "held_minor >= 0 AND (ended_ms IS NULL OR held_minor = 0)", name=op.f("ck_usages_held")
        ),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND captured_minor", name=op.f("ck_usages_refund")
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_usages_account")),
        sa.ForeignKeyConstraint(["service"], ["services.id"], name=op.f("fk_usages_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usages")),
    )
    with op.batch_alter_table("usages", schema=None) as batch_op:
        batch_op.create_index("usages_by_account", ["account", "started_ms", "id"], unique=False)
        batch_op.create_index("usages_by_member", ["member", "started_ms", "id"], unique=False)
        batch_op.create_index("usages_by_start", ["started_ms", "id"], unique=False)
        batch_op.create_index("usages_old", ["ended_ms", "reminded_ms", "started_ms"], unique=False)
        batch_op.create_index("usages_open", ["ended_ms", "started_ms", "id"], unique=False)
    op.create_table(
        "usage_holds",
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("minor >= 0", name=op.f("ck_usage_holds_minor")),
        sa.ForeignKeyConstraint(["usage"], ["usages.id"], name=op.f("fk_usage_holds_usage")),
        sa.PrimaryKeyConstraint("usage", "place", name=op.f("pk_usage_holds")),
    )
    with op.batch_alter_table("usage_holds", schema=None) as batch_op:
        batch_op.create_index("usage_holds_by_account", ["account"], unique=False)
    op.create_table(
        "usage_steps",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("beyond_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_usage_steps_amount")),
        sa.ForeignKeyConstraint(["usage"], ["usages.id"], name=op.f("fk_usage_steps_usage")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_steps")),
    )
    with op.batch_alter_table("usage_steps", schema=None) as batch_op:
        batch_op.create_index("usage_steps_by_usage", ["usage", "place"], unique=True)


def _whose() -> None:
    """Cards, sessions and wants know their member, and of which kind the machine was."""
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.add_column(sa.Column("member", sa.Text(), nullable=True))
        batch_op.create_index("cards_by_member", ["member"], unique=False)
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("member", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(
            "sessions_by_member",
            ["member", "started_ms"],
            unique=False,
            sqlite_where=sa.text("member IS NOT NULL"),
            postgresql_where=sa.text("member IS NOT NULL"),
        )
    with op.batch_alter_table("wants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("member", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(
            "wants_by_member",
            ["member", "answered_ms"],
            unique=False,
            sqlite_where=sa.text("member IS NOT NULL"),
            postgresql_where=sa.text("member IS NOT NULL"),
        )
