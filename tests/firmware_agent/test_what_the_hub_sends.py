"""Messages from above: rights, configuration, commands, and what only looks like them."""

from __future__ import annotations

import msgspec
import pytest

from firmware_agent.link import Came
from tests.firmware_agent.rig import HUB_SIGNER, MACHINES, NAME, PER_MINUTE, entry
from wire.downlink import Accounts, Action, Command, ListPage, Right
from wire.envelope import Signed, seal
from wire.errors import Code
from wire.events import ConfigApplied, Ended, Released, SessionEnded
from wire.keys import HUB, Signer
from wire.machines import Config
from wire.topics import DOWN_ACCOUNTS, DOWN_ACK, DOWN_COMMAND, DOWN_CONFIG
from wire.uplink import Outcome

THIEF = Signer(b"t" * 32, HUB)


def dropped(rig):
    return rig.agent._wires.downlink.dropped


def grant(rig, signer, receiver=NAME, granted_minor=1_000_000):
    right = Right(account="anna", granted_minor=granted_minor, target_minor=None)
    body = Accounts(receiver=receiver, epoch=rig.agent.state.epoch, revision=99, rights=(right,))
    return Came(DOWN_ACCOUNTS, seal(body, signer))


def backed(rig, account="anna"):
    return rig.agent._wires.records.accounts.load(account).backed_minor


def test_a_forged_grant_makes_no_money(rig):
    rig.deliver(grant(rig, THIEF))

    assert backed(rig) == 0
    assert dropped(rig)[Code.SIGNATURE_INVALID] == 1


def test_a_grant_for_another_controller_is_nothing(rig):
    rig.deliver(grant(rig, HUB_SIGNER, receiver="other"))

    assert backed(rig) == 0
    assert sum(dropped(rig).values()) == 1


def test_a_grant_of_another_journal_is_nothing(rig):
    right = Right(account="anna", granted_minor=500, target_minor=None)
    body = Accounts(receiver=NAME, epoch="epo_other", revision=99, rights=(right,))
    rig.deliver(Came(DOWN_ACCOUNTS, seal(body, HUB_SIGNER)))

    assert backed(rig) == 0


def test_a_signed_message_of_another_kind_is_nothing(rig):
    start = rig.hub.command(action=Action.START, machine="laser", card=entry().card)
    rig.deliver(Came(DOWN_ACK, start.payload), Came(DOWN_CONFIG, start.payload))

    assert dropped(rig)[Code.SIGNATURE_INVALID] == 2
    assert rig.state("laser") == "free"


@pytest.mark.parametrize("payload", [b"", b"{", b"null", b"[]", b"\x00" * 50, b"{" * 200_000])
def test_rubbish_is_dropped(rig, payload):
    for leaf in (DOWN_ACK, DOWN_ACCOUNTS, DOWN_CONFIG, DOWN_COMMAND, "down/other"):
        rig.deliver(Came(leaf, payload))

    assert dropped(rig)[Code.BODY_MALFORMED] == 5


def test_a_huge_payload_is_dropped(rig):
    huge = msgspec.json.encode(Signed(msgspec.Raw(b'"' + b"x" * (2 << 20) + b'"'), ""))
    rig.deliver(Came(DOWN_ACCOUNTS, huge))

    assert dropped(rig)[Code.BODY_MALFORMED] == 1


def test_a_forged_ack_forgets_nothing(rig):
    rig.hub.acks = False
    rig.tap("front")
    rig.run(3_000)
    acked = rig.agent._wires.records.journal.acked_seq
    forged = rig.hub.ack()
    envelope = msgspec.json.decode(forged.payload, type=Signed)
    rig.deliver(Came(DOWN_ACK, msgspec.json.encode(Signed(envelope.body, "AAAA"))))
    assert rig.agent._wires.records.journal.acked_seq == acked
    rig.deliver(forged)

    assert rig.agent._wires.records.journal.acked_seq == len(rig.journal())


def test_a_hub_restored_from_its_backup_gets_everything_again(rig):
    rig.tap("front")
    rig.run(30_000)
    backup, head = list(rig.hub.events), rig.hub.head
    rig.tap("front")
    rig.run(30_000)
    everything = list(rig.hub.events)
    assert len(everything) > len(backup)
    rig.hub.events, rig.hub.head = list(backup), head

    rig.deliver(rig.hub.ack())
    rig.run(5_000)

    assert rig.hub.events[: len(everything)] == everything
    assert rig.agent._wires.records.journal.acked_seq == len(rig.hub.events)


def test_an_ack_from_before_that_comes_late_sends_nothing_again(rig):
    rig.tap("front")
    late = rig.hub.ack()
    rig.run(30_000)
    acked = rig.agent._wires.records.journal.acked_seq

    rig.deliver(late)

    assert rig.agent._wires.records.journal.acked_seq == acked > 0


def test_rights_above_the_target_go_back_at_once_when_nobody_is_there(rig):
    rig.hub.grants["anna"] = 300
    rig.deliver(rig.hub.right("anna", target_minor=100))

    (released,) = rig.kinds(Released)
    assert released.amount_minor == 200
    assert backed(rig) == 100


def test_the_same_grant_twice_counts_once(rig):
    rig.hub.grants["anna"] = 300
    message = rig.hub.right("anna", target_minor=None)
    rig.deliver(message, message)
    rig.deliver(message)

    assert backed(rig) == 300


def test_an_older_revision_changes_no_floor(rig):
    older = rig.hub.right("anna", floor_minor=400)
    newer = rig.hub.right("anna", floor_minor=0)
    rig.deliver(newer, older)

    assert rig.agent._wires.records.accounts.load("anna").floor_minor == 0


def test_a_block_ends_what_is_spent_offline(offline):
    offline.hub.epoch = offline.agent.state.epoch
    offline.deliver(offline.hub.right("anna", floor_minor=0))
    offline.tap("front")

    assert not offline.is_on("laser")


def test_an_older_configuration_is_refused(rig):
    version = rig.agent.state.config_version
    rig.configure(machines=MACHINES[:1])
    old = Config(receiver=NAME, version=version, machines=MACHINES, tariffs=(PER_MINUTE,))
    rig.deliver(Came(DOWN_CONFIG, seal(old, HUB_SIGNER)))

    assert rig.state("washer") == "out_of_service"
    assert [event.version for event in rig.kinds(ConfigApplied)] == [version, version + 1]


def test_a_configuration_with_an_unknown_time_zone_is_refused(rig):
    nowhere = msgspec.structs.replace(PER_MINUTE, timezone="Mars/Olympus")
    rig.configure(tariffs=(nowhere,))

    assert len(rig.kinds(ConfigApplied)) == 1


def test_the_configuration_holds_after_a_restart_without_network(rig):
    rig.link.wanted = False
    rig.restart()
    rig.tap("front")

    assert rig.is_on("laser")


def test_a_command_starts_and_stops_a_machine(rig):
    rig.deliver(rig.hub.command(id="a", action=Action.START, machine="laser", card=entry().card))
    rig.run(60_000)
    assert rig.is_on("laser")
    rig.deliver(rig.hub.command(id="b", action=Action.STOP, machine="laser"))
    rig.run(2_000)

    assert rig.kinds(SessionEnded)[0].reason is Ended.COMMAND
    assert [(r.id, r.outcome) for r in rig.hub.results] == [("a", "done"), ("b", "done")]


def test_a_command_is_obeyed_once_also_after_a_restart(rig):
    start = rig.hub.command(id="a", action=Action.START, machine="laser", card=entry().card)
    rig.deliver(start)
    rig.run(10_000)
    rig.tap("front")
    rig.run(2_000)
    rig.deliver(start)
    assert not rig.is_on("laser")
    rig.restart()
    rig.run(1_000)
    rig.deliver(start)

    assert not rig.is_on("laser")
    assert {(r.id, r.outcome) for r in rig.hub.results} == {("a", Outcome.DONE)}
    assert dropped(rig)[Code.MESSAGE_REPLAYED] == 1


def test_an_expired_command_is_not_obeyed(rig):
    late = rig.hub.command(action=Action.LOCK, machine="laser")
    rig.run(62_000)  # a message takes a second here, so the hub's time is known to a second
    rig.deliver(late)

    assert rig.state("laser") == "free"
    assert dropped(rig)[Code.MESSAGE_EXPIRED] == 1


def test_a_command_is_refused_while_the_time_is_not_known(offline):
    command = Command(receiver=NAME, id="x", action=Action.LOCK, machine="laser", expires_ms=2**50)
    offline.hub.epoch = offline.agent.state.epoch
    offline.restart()
    offline.deliver(Came(DOWN_COMMAND, seal(command, HUB_SIGNER)))

    assert offline.state("laser") == "free"


def test_a_lock_survives_a_restart(rig):
    rig.deliver(rig.hub.command(id="a", action=Action.LOCK, machine="laser"))
    rig.restart()
    assert rig.state("laser") == "locked"
    rig.tap("front")
    assert not rig.is_on("laser")
    rig.run(2_000)
    rig.deliver(rig.hub.command(id="b", action=Action.UNLOCK, machine="laser"))

    assert rig.state("laser") == "free"


def test_a_lock_lets_a_running_session_end(rig):
    rig.tap("front")
    rig.run(5_000)
    rig.deliver(rig.hub.command(action=Action.LOCK, machine="laser"))
    assert rig.is_on("laser")
    rig.tap("front")
    rig.run(2_000)

    assert rig.state("laser") == "locked"


def test_a_start_that_cannot_be_paid_is_answered(rig):
    poor = entry(floor_minor=0)
    rig.hub.wallets = {}
    rig.cards(poor)
    rig.deliver(rig.hub.command(action=Action.START, machine="laser", card=poor.card))
    rig.run(3_000)

    (result,) = rig.hub.results
    assert (result.outcome, result.code) == (Outcome.REFUSED, Code.BALANCE_TOO_LOW)


def test_a_machine_in_use_is_not_restarted_under_its_customer(rig):
    rig.tap("front")
    rig.deliver(rig.hub.command(id="a", action=Action.RESTART))
    assert not rig.agent.runtime.wants_restart
    rig.deliver(rig.hub.command(id="b", action=Action.RESTART, detail="now"))

    assert rig.agent.runtime.wants_restart
    assert [r.code for r in rig.hub.results] == [Code.STATE_CONFLICT, 0]


def test_unknown_machines_and_updates_are_refused_in_words(rig):
    rig.deliver(rig.hub.command(id="a", action=Action.STOP, machine="nowhere"))
    rig.deliver(rig.hub.command(id="b", action=Action.UPDATE))
    rig.deliver(rig.hub.command(id="c", action=Action.IDENTIFY, machine="laser"))

    assert [r.code for r in rig.hub.results] == [Code.NOT_FOUND, Code.NOT_FOUND, 0]
    assert rig.lines("laser") == ("This one", "laser")


def test_list_pages_continue_and_a_lost_one_is_asked_for(rig):
    held = rig.agent._wires.records.cards.revision
    card = entry(bytes(7), "carl")
    skipping = ListPage(
        from_revision=held + 5, upto_revision=held + 6, last_revision=held + 6, entries=(card,)
    )
    rig.deliver(rig.hub.accounts(page=skipping))
    assert rig.agent._wires.records.cards.find(card.card) is None
    reports = len(rig.hub.headers)
    rig.run(70_000)
    assert len(rig.hub.headers) > reports + 5
    rig.cards(card)

    assert rig.agent._wires.records.cards.find(card.card) == card
    rig.run(1_000)
    assert rig.hub.headers[-1].list_revision == held + 1


def test_a_lost_answer_is_asked_for_again_with_the_same_id(rig):
    rig.hub.answers_wants = False
    rig.tap("front")
    rig.run(25_000)

    assert len(rig.hub.wants) == 3
    assert len({want.request for want in rig.hub.wants}) == 1


def test_a_tap_that_needs_the_hub_waits_no_longer_than_it_must(rig):
    rig.cards(entry(floor_minor=0))
    rig.hub.answers_wants = False
    rig.tap("front")
    assert rig.state("laser") == "asking"
    rig.run(1_400)
    assert rig.state("laser") == "asking"
    rig.run(200)

    assert rig.state("laser") == "free"
    assert rig.lines("laser")[0] == "Balance not known"


def test_a_grant_that_comes_too_late_goes_back(rig):
    rig.cards(entry(floor_minor=0))
    rig.hub.answers_wants = False
    rig.tap("front")
    rig.run(2_000)
    rig.deliver(*rig.hub._answer(rig.hub.wants[0]))

    assert backed(rig) == 0
    assert rig.kinds(Released)[0].amount_minor == 500


def test_standing_rights_work_without_network_and_without_floor(offline):
    offline.cards(entry(floor_minor=0))
    offline.hub.epoch = offline.agent.state.epoch
    offline.hub.grants["anna"] = 100
    offline.deliver(offline.hub.right("anna", target_minor=100))
    offline.tap("front")
    offline.run(11 * 60_000)

    (ended,) = offline.kinds(SessionEnded)
    assert (ended.reason, ended.backed_minor, ended.unbacked_minor) == ("zero_balance", 100, 0)
