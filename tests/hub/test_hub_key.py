"""A new signing key for a hub that works: at once, over restarts, and in a backup."""

from __future__ import annotations

import dataclasses
import stat

import pytest
from desk import Cable, Desk, card_of

from hub.bootstrap import build_hub
from hub.config import HubConfig
from hub.errors import ConfigError, ConflictError
from hub.fleet import hub_key
from hub.fleet.code_keys import code_key
from hub.keystore import SIGNING_FILE, SIGNING_NEXT_FILE, load_keys
from hub.ledger.writer import Writer
from hub.mqtt_link import NoLink
from wire import topics
from wire.keys import HUB, Verifier
from wire.succession import follow, key_mark


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    desk.add_site()
    yield desk
    desk.close()


def rotate(desk):
    hub = desk.hub
    return hub_key.rotate(hub.config.data, hub.writer, hub.keys, desk.entropy)


def keys_sent(desk, name):
    wanted = topics.topic(topics.partition_of(name), name, topics.DOWN_KEY)
    return [one for one in desk.cable.sent if one.topic == wanted]


def test_everything_is_signed_by_the_new_key_and_controllers_are_led_there(desk):
    first = desk.hub.signer.public
    box = desk.add_controller("box", "laser")
    desk.add_account("ana", 1_000)

    assert rotate(desk) == 2
    desk.step()

    [told] = keys_sent(desk, "box")
    assert told.retain
    assert follow(told.payload, first) == (desk.hub.signer.public,)
    desk.verifier = Verifier(desk.hub.signer.public, HUB)
    desk.cable.sent = [one for one in desk.cable.sent if one != told]
    box.boot()
    desk.journal(box)
    desk.deliver(box, topics.UP_WANT, box.want("w1", "ana", card_of("ana"), "laser", 300))
    desk.step()
    assert desk.taken("box", topics.DOWN_ACK)[-1].through_seq == 1
    assert desk.taken("box", topics.DOWN_CONFIG)


def test_a_controller_that_says_an_older_key_is_told_again_and_one_of_the_newest_is_not(desk):
    first = desk.hub.signer.public
    box = desk.add_controller("box")
    rotate(desk)
    desk.step()
    desk.cable.sent.clear()

    for mark, count in ((key_mark(first), 1), (key_mark(desk.hub.signer.public), 0), ("", 0)):
        desk.deliver(box, topics.UP_JOURNAL, box.report(hub_key=mark))
        desk.step()
        assert len(keys_sent(desk, "box")) == count
        desk.cable.sent.clear()


def test_no_other_secret_changes(desk):
    before = dataclasses.asdict(dataclasses.replace(desk.hub.keys, signer=None))
    code = code_key(desk.hub.keys, "box", "key")
    rotate(desk)

    again = load_keys(desk.hub.config.data)
    assert dataclasses.asdict(dataclasses.replace(again, signer=None)) == before
    assert code_key(again, "box", "key") == code


def test_a_restarted_hub_signs_with_its_newest_key(desk, tmp_path):
    for number in (2, 3):
        assert rotate(desk) == number
    desk.close()

    assert stat.S_IMODE((tmp_path / SIGNING_FILE).stat().st_mode) == 0o600
    assert not (tmp_path / SIGNING_NEXT_FILE).exists()
    hub = build_hub(HubConfig(data=tmp_path), link=NoLink(), alone=True)
    assert hub.signer.public == desk.hub.signer.public
    hub.close()


@pytest.mark.parametrize("counted", [False, True])
def test_a_rotation_that_was_cut_off_counted_or_never_was(desk, tmp_path, monkeypatch, counted):
    before = desk.hub.signer.public
    monkeypatch.setattr(hub_key, "keep_signing_key", lambda _: None)
    if not counted:
        monkeypatch.setattr(Writer, "run", lambda *_: (_ for _ in ()).throw(ConflictError("cut")))
        with pytest.raises(ConflictError):
            rotate(desk)
    else:
        rotate(desk)
    monkeypatch.undo()
    desk.close()
    assert (tmp_path / SIGNING_NEXT_FILE).exists()

    hub = build_hub(HubConfig(data=tmp_path), link=NoLink(), alone=True)

    assert (hub.signer.public == before) is not counted
    assert (tmp_path / SIGNING_NEXT_FILE).exists() is not counted
    hub.writer.start()
    assert hub_key.rotate(tmp_path, hub.writer, hub.keys, hub.entropy) == (3 if counted else 2)
    hub.close()


def test_a_hub_without_the_newest_key_does_not_work_on_the_database(desk, tmp_path):
    rotate(desk)
    desk.close()
    (tmp_path / SIGNING_FILE).unlink()

    with pytest.raises(ConfigError, match=r"hub\.signing"):
        build_hub(HubConfig(data=tmp_path), link=Cable(), alone=True)


def test_of_two_hubs_that_make_a_key_at_once_one_is_told_no(desk, tmp_path):
    other = load_keys(tmp_path)
    rotate(desk)

    with pytest.raises(ConflictError):
        hub_key.rotate(tmp_path, desk.hub.writer, other, desk.entropy)
