"""The keys for cards on a controller's disk: encrypted, this board's, and told to nobody."""

from __future__ import annotations

import io
import stat
import sys

import pytest

from firmware_agent.card_keys import (
    KEYS_NAME,
    MASTERS_MAX,
    MasterKey,
    add_master,
    load_masters,
    remove_master,
)
from firmware_agent.commands import card_keys as command
from firmware_agent.errors import CardKeysError

ONE = bytes.fromhex("00112233445566778899aabbccddeeff")
TWO = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")


@pytest.fixture
def board(tmp_path):
    serial = tmp_path / "serial-number"
    serial.write_bytes(b"10000000abcdef01\0")
    return (serial,)


def test_keys_come_back_newest_first(tmp_path, board):
    add_master(tmp_path, MasterKey(1, ONE), board)
    add_master(tmp_path, MasterKey(2, TWO), board)

    assert load_masters(tmp_path, board) == (MasterKey(2, TWO), MasterKey(1, ONE))


def test_a_controller_without_keys_has_none(tmp_path, board):
    assert load_masters(tmp_path, board) == ()


def test_the_file_shows_no_key_and_is_its_users_only(tmp_path, board):
    add_master(tmp_path, MasterKey(1, ONE), board)
    path = tmp_path / KEYS_NAME

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ONE not in path.read_bytes()
    assert ONE.hex() not in path.read_text()
    assert ONE.hex() not in repr(MasterKey(1, ONE))
    assert repr(ONE) not in repr(MasterKey(1, ONE))


def test_a_copied_disk_does_not_open_on_another_board(tmp_path, board):
    add_master(tmp_path, MasterKey(1, ONE), board)
    board[0].write_bytes(b"10000000abcdef02\0")

    with pytest.raises(CardKeysError, match="another board"):
        load_masters(tmp_path, board)


@pytest.mark.parametrize("place", [5, 60, -5])
def test_a_changed_byte_is_noticed(tmp_path, board, place):
    add_master(tmp_path, MasterKey(1, ONE), board)
    path = tmp_path / KEYS_NAME
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)

    with pytest.raises(CardKeysError, match="damaged"):
        load_masters(tmp_path, board)


def test_a_version_is_one_key_for_ever(tmp_path, board):
    assert add_master(tmp_path, MasterKey(1, ONE), board)
    assert not add_master(tmp_path, MasterKey(1, ONE), board)
    with pytest.raises(CardKeysError, match="another key"):
        add_master(tmp_path, MasterKey(1, TWO), board)

    assert load_masters(tmp_path, board) == (MasterKey(1, ONE),)


@pytest.mark.parametrize(
    ("version", "key"), [(0, ONE), (256, ONE), (1, ONE[:8]), (1, bytes(16)), (1, b"\xff" * 16)]
)
def test_what_is_no_key_is_not_kept(tmp_path, board, version, key):
    with pytest.raises(CardKeysError):
        add_master(tmp_path, MasterKey(version, key), board)

    assert load_masters(tmp_path, board) == ()


def test_there_is_a_most_of_versions(tmp_path, board):
    for version in range(1, MASTERS_MAX + 1):
        add_master(tmp_path, MasterKey(version, ONE), board)
    with pytest.raises(CardKeysError, match="the most"):
        add_master(tmp_path, MasterKey(MASTERS_MAX + 1, ONE), board)


def test_a_removed_key_is_gone(tmp_path, board):
    add_master(tmp_path, MasterKey(1, ONE), board)
    add_master(tmp_path, MasterKey(2, TWO), board)

    remove_master(tmp_path, 1, board)

    assert load_masters(tmp_path, board) == (MasterKey(2, TWO),)
    with pytest.raises(CardKeysError, match="no key of version 1"):
        remove_master(tmp_path, 1, board)


def test_keys_are_piped_in_listed_by_mark_and_removed(tmp_path, monkeypatch, capsys):
    config = tmp_path / "agent.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n')
    monkeypatch.setattr(sys, "stdin", io.StringIO(ONE.hex() + "\n"))

    assert command.import_key(config, 3) == 0
    assert command.list_keys(config, as_json=False) == 0
    assert command.remove_key(config, 3, yes=False) == 1
    assert command.remove_key(config, 3, yes=True) == 0
    assert command.list_keys(config, as_json=False) == 0

    said = capsys.readouterr()
    assert MasterKey(3, ONE).mark in said.out
    assert "no keys" in said.out
    assert "rekey" in said.err
    assert ONE.hex() not in said.out + said.err


def test_what_is_typed_wrong_is_said_and_not_repeated(tmp_path, monkeypatch, capsys):
    config = tmp_path / "agent.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n')
    monkeypatch.setattr(sys, "stdin", io.StringIO(ONE.hex() + "zz\n"))

    assert command.import_key(config, 3) == 1

    said = capsys.readouterr()
    assert "32 hex digits" in said.err
    assert ONE.hex() not in said.out + said.err
