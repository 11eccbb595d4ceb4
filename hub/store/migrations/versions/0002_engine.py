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
    _index_corrections()
    if op.get_bind().dialect.name == "postgresql":
        _revoke_changes()
        op.execute(LOCKED_TAIL)


# A function that changes nothing but takes a lock: each statement in it sees what was
# committed until then, so the second one sees what the holder before us wrote.
LOCKED_TAIL = """
    CREATE FUNCTION locked_tail(OUT batch bigint, OUT hash text, OUT place bigint)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(x'57A9D919'::bigint);
        RETURN QUERY SELECT b.id, b.hash, (SELECT coalesce(max(i.place), 0) FROM items AS i)
            FROM batches AS b ORDER BY b.id DESC LIMIT 1;
    END $$
"""
APPEND_ONLY = ("transfers", "items", "batches", "events")


def _index_corrections() -> None:
    """Have an item corrected once at most, and found by what it corrects."""
    corrects = sa.text("reverses IS NOT NULL")
    once = sa.text("kind = 'correction'")
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index(
            "items_by_reversed", ["reverses"], sqlite_where=corrects, postgresql_where=corrects
        )
        batch_op.create_index(
            "items_corrected_once",
            ["reverses"],
            unique=True,
            sqlite_where=once,
            postgresql_where=once,
        )


def _revoke_changes() -> None:
    """Take the right to change the book from the hub's own role, beside the triggers.

    An owner could give it back to itself, but no statement has it by accident. For a
    superuser only the triggers hold.
    """
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN RAISE EXCEPTION '{table} are only ever appended to' "
            "USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC, CURRENT_USER")
    # Whoever checks the key of items.batch locks the row it names, which asks for the right
    # to change some column of it. The trigger refuses the change itself.
    op.execute("GRANT UPDATE (id) ON batches TO CURRENT_USER")
