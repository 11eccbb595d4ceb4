"""The schema's steps lead to the tables that the code knows."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from hub.errors import ConfigError, StoreError
from hub.store.engine import open_store
from hub.store.migrations import check_current, upgrade
from hub.store.tables import metadata


def test_the_steps_lead_to_the_tables_in_the_code(store):
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_check_in_the_code_is_in_the_database(store):
    with store.read() as connection:
        named = (
            "SELECT coalesce(sql, '') FROM sqlite_master"
            if store.is_sqlite
            else "SELECT conname FROM pg_constraint WHERE contype = 'c'"
        )
        ddl = "\n".join(connection.execute(text(named)).scalars())
    wanted = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert wanted
    assert [name for name in sorted(wanted) if name not in ddl] == []


def test_a_second_upgrade_changes_nothing(store):
    first = upgrade(store)

    assert upgrade(store) == first
    check_current(store)


def test_an_empty_database_is_not_taken_for_current(tmp_path):
    store = open_store(str(tmp_path / "new.db"))
    with store.writing.connect() as connection, connection.begin():
        pass
    with pytest.raises(ConfigError, match="schema none"):
        check_current(store)
    store.close()


def test_a_schema_of_a_later_version_is_left_alone(store):
    with store.writing.connect() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="later version"):
        upgrade(store)
