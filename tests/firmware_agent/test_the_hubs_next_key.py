"""The hub's signing key changes while a controller works, and nobody else can change it."""

from __future__ import annotations

import pytest

from firmware_agent.errors import StoreError
from firmware_agent.link import Came
from tests.firmware_agent import rig as rigs
from tests.firmware_agent.rig import ANNA, HUB_SIGNER, MACHINES, NAME, PER_MINUTE, entry
from wire.codec import encode
from wire.downlink import Action, Command
from wire.envelope import seal
from wire.errors import Code
from wire.keys import HUB, Signer
from wire.machines import Config
from wire.succession import hand_over, key_mark, write_succession
from wire.topics import DOWN_COMMAND, DOWN_CONFIG, DOWN_KEY

NEXT = Signer(b"n" * 32, HUB)
THIRD = Signer(b"3" * 32, HUB)
THIEF = Signer(b"t" * 32, HUB)
FIRST_LINK = hand_over(HUB_SIGNER, NEXT.public, 2, 0)
SECOND_LINK = hand_over(NEXT, THIRD.public, 3, 0)


def keys(*links):
    return Came(DOWN_KEY, write_succession(links))


def believed(rig):
    return rig.agent._wires.downlink.hub_key


def lock(rig, signer, name):
    body = Command(
        receiver=NAME,
        id=name,
        action=Action.LOCK,
        machine="washer",
        expires_ms=rig.clock.now().wall_ms + 60_000,
    )
    rig.deliver(Came(DOWN_COMMAND, seal(body, signer)))
    return rig.state("washer") == "locked"


def test_a_new_key_signed_by_the_old_one_is_believed_and_the_old_one_no_more(rig):
    rig.deliver(keys(FIRST_LINK))

    assert believed(rig) == NEXT.public
    assert not lock(rig, HUB_SIGNER, "old")
    assert lock(rig, NEXT, "new")


def test_a_session_runs_on_and_the_hub_is_told_which_key_is_believed(rig, monkeypatch):
    rig.hub.wallets = {"anna": 2_000}
    rig.cards(entry(ANNA, "anna"))
    rig.tap("front")
    rig.run(5_000)
    monkeypatch.setattr(rigs, "HUB_SIGNER", NEXT)

    rig.deliver(keys(FIRST_LINK))
    rig.run(5_000)

    assert rig.is_on("laser")
    assert rig.hub.headers[-1].hub_key == key_mark(NEXT.public)
    rig.tap("front")
    rig.run(5_000)
    assert rig.agent._wires.records.journal.acked_seq == len(rig.journal())


def test_a_key_that_nobody_believed_signed_changes_nothing(rig):
    rig.deliver(keys(hand_over(THIEF, THIEF.public, 2, 0)), keys(SECOND_LINK), keys())

    assert believed(rig) == HUB_SIGNER.public
    assert not lock(rig, THIEF, "stolen")


def test_whoever_missed_one_is_led_over_both(rig):
    rig.deliver(keys(FIRST_LINK, SECOND_LINK))

    assert believed(rig) == THIRD.public
    rig.deliver(keys(FIRST_LINK))  # an old message, once more
    assert believed(rig) == THIRD.public


def test_the_key_and_what_earlier_ones_signed_are_good_after_a_restart_without_network(rig):
    before = rig.agent.state.config_version
    rig.deliver(keys(FIRST_LINK))
    rig.link.wanted = False
    rig.restart()

    assert believed(rig) == NEXT.public
    assert rig.agent.state.config_version == before > 0
    assert rig.state("laser") == "free"


def test_a_stored_configuration_of_a_key_that_was_never_believed_is_not_used(rig):
    config = Config(receiver=NAME, version=99, machines=MACHINES, tariffs=(PER_MINUTE,))
    with rig.agent._wires.records.store.transaction() as sql:
        sql.execute("UPDATE documents SET data = ? WHERE name = 'config'", (seal(config, THIEF),))
    rig.link.wanted = False
    rig.restart()

    assert rig.agent.state.config_version == 0


@pytest.mark.parametrize("payload", [b"", b"{", b'{"links":[{}]}', encode({"links": 3})])
def test_rubbish_is_dropped(rig, payload):
    rig.deliver(Came(DOWN_KEY, payload))

    assert rig.agent._wires.downlink.dropped[Code.BODY_MALFORMED] == 1
    assert believed(rig) == HUB_SIGNER.public


def test_a_key_that_cannot_be_kept_is_not_believed_yet(rig, monkeypatch):
    def full(*_):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.agent._wires.records, "commit", full)
        rig.deliver(keys(FIRST_LINK))

    assert believed(rig) == HUB_SIGNER.public


def test_a_key_is_no_configuration(rig):
    rig.deliver(
        Came(DOWN_CONFIG, FIRST_LINK),
        Came(DOWN_KEY, seal(Config(receiver=NAME, version=9), HUB_SIGNER)),
    )

    assert believed(rig) == HUB_SIGNER.public
