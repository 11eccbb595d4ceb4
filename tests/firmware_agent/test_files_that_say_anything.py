"""The controller's own files, damaged or written by hand: words, never a traceback."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from firmware_agent.commands.journal import export, list_events
from firmware_agent.config import ConfigError, parse_config
from firmware_agent.errors import StoreCorrupt
from firmware_agent.inspection import holdings, verify
from firmware_agent.store import DATABASE_NAME, Store, open_read_only
from tests.firmware_agent.rig import Rig


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    rig = Rig(data)
    rig.configure()
    rig.agent.close()
    (tmp_path / "agent.toml").write_text(f'data_dir = "{data}"\n')
    return data


def change(folder, sql, *values):
    with contextlib.closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        connection.execute(sql, values)
        connection.commit()


def test_a_file_nested_without_end_is_refused_in_words():
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_config("a = " + "[" * 5_000)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_event_that_is_no_text_is_complained_about(folder, as_json, capsys):
    toml = folder.parent / "agent.toml"
    change(folder, "UPDATE journal SET data = ? WHERE seq = 1", b'{"kind":"boot\xff')

    assert list_events(toml, 0, 50, as_json=as_json) != 0
    assert export(toml, folder.parent / "out", 50) != 0
    assert "not a UnknownEvent" in capsys.readouterr().err


@pytest.mark.parametrize("value", [2**63 - 1, -1, "x"])
def test_a_number_that_was_never_written_reads_as_none(folder, value):
    change(folder, "INSERT OR REPLACE INTO meta VALUES ('base_seq', ?)", value)

    store = Store(folder, 1 << 20)
    assert store.number("base_seq") == 0
    store.close()
    with open_read_only(folder) as connection, pytest.raises(StoreCorrupt, match="base_seq"):
        holdings(connection)


@pytest.mark.parametrize("value", [None, 10**12, "x"])
def test_a_hash_that_is_none_is_complained_about(folder, value):
    change(folder, "DELETE FROM journal WHERE seq = 1")
    change(folder, "INSERT OR REPLACE INTO meta VALUES ('base_seq', 1)")
    if value is not None:
        change(folder, "INSERT OR REPLACE INTO meta VALUES ('base_hash', ?)", value)

    with open_read_only(folder) as connection, pytest.raises(StoreCorrupt, match="base_hash"):
        verify(connection)


def test_a_schema_whose_words_are_no_text_is_damage(folder):
    path = folder / DATABASE_NAME
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    path.write_bytes(path.read_bytes().replace(b"outcome TEXT NOT", b"outcome TE\xa3T NOT"))

    with pytest.raises(StoreCorrupt), open_read_only(folder) as connection:
        holdings(connection)
