"""A card laid on a controller's reader is linked at the hub, also when the hub is away first.

The real driver reads a virtual card; the real hub answers over HTTP.
"""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from firmware_agent.card_links import FOLDER_NAME, CardLink, keep, tell, waiting
from firmware_agent.commands import cards as command
from firmware_agent.errors import CardDeskError
from firmware_agent.identity import save_identity
from firmware_agent.store import lock_folder
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Ntag, make_tag
from tests.firmware_agent.rig import identity
from wire.ids import card_ref

UID = bytes.fromhex("04a1b2c3d4e5f6")
REF = card_ref(identity().card_salt, UID)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def config(tmp_path) -> Path:
    save_identity(tmp_path, identity())
    path = tmp_path / "agent.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[[readers]]\nid = "front"\nport = "{tmp_path / "front"}"\n'
    )
    return path


@pytest.fixture
def chip(tmp_path):
    chip = Pn532Chip(tmp_path / "front")
    chip.plug()
    yield chip
    chip.unplug()


def test_a_card_is_read_at_the_reader(config, chip, capsys):
    chip.place(Ntag(UID))

    assert command.read(config, "") == 0

    said = capsys.readouterr().out
    assert UID.hex().upper() in said
    assert REF in said
    assert "UID only" in said


def test_while_the_agent_runs_the_reader_is_its_own(config, chip, tmp_path, capsys):
    with lock_folder(tmp_path):
        assert command.read(config, "front") == 1

    assert "stop it" in capsys.readouterr().err


def test_a_phone_is_no_card(config, chip, capsys):
    chip.place(make_tag("uid", bytes.fromhex("08010203"), None))

    assert command.read(config, "") == 1

    assert "makes up a new UID" in capsys.readouterr().err


def test_two_cards_are_one_too_many(config, chip, capsys):
    chip.place(Ntag(UID))
    chip.place(Ntag(UID[:-1] + b"\x00"))

    assert command.read(config, "") == 1

    assert "one only" in capsys.readouterr().err


def test_a_reader_that_is_not_there_is_said(config, capsys):
    assert command.read(config, "back") == 1
    assert "--reader front" in capsys.readouterr().err


def test_a_card_issued_while_the_hub_is_away_is_kept_and_told_later(
    config, chip, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv(command.KEY_VARIABLE, "sp_some_key")
    chip.place(Ntag(UID))

    assert command.link(config, "", NOWHERE, ("ana", "fob")) == 1

    (kept,) = waiting(tmp_path)
    assert (kept.card, kept.account, kept.label) == (REF, "ana", "fob")
    assert "card send" in capsys.readouterr().err
    path = tmp_path / FOLDER_NAME / f"{REF}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert UID.hex() not in path.read_text().lower()
    assert "sp_some_key" not in path.read_text()
    assert command.send(config, NOWHERE) == 1
    assert waiting(tmp_path) == [kept]


def test_a_card_that_waits_keeps_its_request_and_its_account(tmp_path):
    first = keep(tmp_path, CardLink(request="lnk_1", card=REF, account="ana"))

    assert keep(tmp_path, CardLink(request="lnk_2", card=REF, account="ana")) == first
    with pytest.raises(CardDeskError, match="waits to be linked to ana"):
        keep(tmp_path, CardLink(request="lnk_3", card=REF, account="ben"))


def test_a_card_that_the_hub_refuses_for_good_is_given_up(config, tmp_path, capsys):
    keep(tmp_path, CardLink(request="lnk_1", card=REF, account="nobody"))

    assert command.give_up(config, REF) == 0
    assert command.give_up(config, REF) == 1
    assert waiting(tmp_path) == []


def test_without_an_api_key_nothing_is_sent(config, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(command.KEY_VARIABLE, raising=False)
    keep(tmp_path, CardLink(request="lnk_1", card=REF, account="ana"))

    assert command.send(config, NOWHERE) == 1

    assert command.KEY_VARIABLE in capsys.readouterr().err
    assert len(waiting(tmp_path)) == 1


def test_an_answer_that_is_no_hubs_leaves_the_card_waiting(tmp_path):
    link = keep(tmp_path, CardLink(request="lnk_1", card=REF, account="ana"))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>hello"))
    with (
        httpx.Client(base_url="http://hub", transport=transport) as client,
        pytest.raises(CardDeskError, match="answered 200"),
    ):
        tell(tmp_path, link, client)

    assert waiting(tmp_path) == [link]
