"""Tills, vouchers and top-up rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=True),
        sa.Column("budget_minor", sa.BigInteger(), nullable=True),
        sa.Column("given_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "given_minor >= 0 AND (budget_minor IS NULL OR given_minor <= budget_minor)",
            name=op.f("ck_campaigns_campaigns_budget"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
    )
    with op.batch_alter_table("campaigns", schema=None) as batch_op:
        batch_op.create_index("campaigns_by_age", ["created_ms", "id"], unique=False)
        batch_op.create_index("campaigns_by_end", ["unit", "ends_ms"], unique=False)

    op.create_table(
        "deposits",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), server_default="", nullable=False),
        sa.Column("purpose", sa.Text(), server_default="", nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("returned_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kept_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(returned_minor + kept_minor < amount_minor) = (closed_ms IS NULL)",
            name=op.f("ck_deposits_deposits_closed"),
        ),
        sa.CheckConstraint(
            "amount_minor > 0 AND returned_minor >= 0 AND kept_minor >= 0"
            " AND returned_minor + kept_minor <= amount_minor",
            name=op.f("ck_deposits_deposits_left"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposits")),
    )
    with op.batch_alter_table("deposits", schema=None) as batch_op:
        batch_op.create_index("deposits_by_account", ["account", "taken_ms", "id"], unique=False)
        batch_op.create_index(
            "deposits_of_card",
            ["card"],
            unique=True,
            sqlite_where=sa.text("closed_ms IS NULL AND card <> ''"),
            postgresql_where=sa.text("closed_ms IS NULL AND card <> ''"),
        )

    op.create_table(
        "tills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('till', 'kiosk', 'acceptor')", name=op.f("ck_tills_tills_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tills")),
    )
    op.create_table(
        "voucher_batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("funding", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("kinds", sa.Text(), server_default="[]", nullable=False),
        sa.Column("gift_days", sa.Integer(), nullable=True),
        sa.Column("till", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("printed_ms", sa.BigInteger(), nullable=True),
        sa.Column("swept_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "funding IN ('sold', 'promo')", name=op.f("ck_voucher_batches_voucher_batches_funding")
        ),
        sa.CheckConstraint(
            "amount_minor > 0 AND count > 0", name=op.f("ck_voucher_batches_voucher_batches_amount")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_batches")),
    )
    with op.batch_alter_table("voucher_batches", schema=None) as batch_op:
        batch_op.create_index("voucher_batches_by_age", ["at_ms", "id"], unique=False)
        batch_op.create_index("voucher_batches_to_sweep", ["swept_ms", "expires_ms"], unique=False)

    op.create_table(
        "shifts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("till", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("float_minor", sa.BigInteger(), nullable=False),
        sa.Column("from_safe_minor", sa.BigInteger(), nullable=False),
        sa.Column("opening_difference_minor", sa.BigInteger(), nullable=False),
        sa.Column("opening_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("first_transfer", sa.BigInteger(), nullable=False),
        sa.Column("last_transfer", sa.BigInteger(), nullable=True),
        sa.Column("in_minor", sa.BigInteger(), nullable=True),
        sa.Column("out_minor", sa.BigInteger(), nullable=True),
        sa.Column("expected_minor", sa.BigInteger(), nullable=True),
        sa.Column("counted_minor", sa.BigInteger(), nullable=True),
        sa.Column("denominations", sa.Text(), server_default="[]", nullable=False),
        sa.Column("left_minor", sa.BigInteger(), nullable=True),
        sa.Column("difference_minor", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("close_id", sa.Text(), server_default="", nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_ms IS NOT NULL)", name=op.f("ck_shifts_shifts_closed")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'counting', 'closed')", name=op.f("ck_shifts_shifts_state")
        ),
        sa.ForeignKeyConstraint(["till"], ["tills.id"], name=op.f("fk_shifts_till")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    with op.batch_alter_table("shifts", schema=None) as batch_op:
        batch_op.create_index("shifts_by_age", ["opened_ms", "id"], unique=False)
        batch_op.create_index("shifts_by_till", ["till", "opened_ms", "id"], unique=False)
        batch_op.create_index(
            "shifts_in_progress",
            ["till"],
            unique=True,
            sqlite_where=sa.text("state <> 'closed'"),
            postgresql_where=sa.text("state <> 'closed'"),
        )

    op.create_table(
        "vouchers",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="issued", nullable=False),
        sa.Column("account", sa.Text(), server_default="", nullable=False),
        sa.Column("payment", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'issued') = (ended_ms IS NULL)", name=op.f("ck_vouchers_vouchers_ended")
        ),
        sa.CheckConstraint(
            "state IN ('issued', 'used', 'void', 'expired')",
            name=op.f("ck_vouchers_vouchers_state"),
        ),
        sa.ForeignKeyConstraint(["batch"], ["voucher_batches.id"], name=op.f("fk_vouchers_batch")),
        sa.PrimaryKeyConstraint("batch", "serial", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_vouchers_code_hash")),
    )
    op.create_table(
        "till_movements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shift", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "direction IN ('in', 'out')", name=op.f("ck_till_movements_till_movements_direction")
        ),
        sa.CheckConstraint(
            "amount_minor > 0", name=op.f("ck_till_movements_till_movements_amount")
        ),
        sa.ForeignKeyConstraint(["shift"], ["shifts.id"], name=op.f("fk_till_movements_shift")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_till_movements")),
    )
    with op.batch_alter_table("till_movements", schema=None) as batch_op:
        batch_op.create_index("till_movements_by_shift", ["shift", "at_ms", "id"], unique=False)

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("site", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("fee_minor", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(
            sa.Column("bonus_minor", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("campaign", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("about", sa.Text(), server_default="", nullable=False))
        batch_op.create_index("payments_by_campaign", ["campaign", "account"], unique=False)
    _list_deposits()


def _list_deposits() -> None:
    """Give each deposit that the book holds a row, so that rows and book agree."""
    deposits = sa.table(
        "deposits",
        *(sa.column(name) for name in ("id", "account", "unit", "amount_minor", "taken_ms")),
    )
    connection = op.get_bind()
    held = connection.execute(
        sa.text(
            "SELECT a.unit, a.code, a.balance, max(t.at_ms) AS at_ms"
            " FROM ledger_accounts AS a JOIN transfers AS t ON t.credit = a.id"
            " WHERE a.code LIKE a.unit || '\\:deposit/%' AND a.balance > 0"
            " GROUP BY a.unit, a.code, a.balance"
        )
    )
    rows = [
        {
            "id": f"before:{row.code}",
            "account": row.code.partition("/")[2],
            "unit": row.unit,
            "amount_minor": row.balance,
            "taken_ms": row.at_ms,
        }
        for row in held
    ]
    if rows:
        connection.execute(sa.insert(deposits), rows)
