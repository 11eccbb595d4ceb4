"""Machines, configurations, commands, alarms and the live view."""

from __future__ import annotations

import msgspec
import pytest
from desk import MINUTE

from hub.charging import tariffs
from hub.errors import ConflictError, InputError
from hub.fleet import alarms, commands, machines, sites
from hub.fleet.alarms import Matter
from hub.fleet.live import Live
from hub.people import accounts
from wire import topics
from wire.codec import encode
from wire.downlink import Action
from wire.envelope import seal
from wire.errors import Code
from wire.machines import Machine, Policy
from wire.uplink import Outcome, Presence, Result, StateView, Status

DRYER = Machine(id="dryer", name="Dryer", tariff="minute")
WASHER = Machine(id="washer", name="Washer", tariff="minute")


@pytest.fixture
def washer(desk):
    controller = desk.add_controller("pi-1", "washer")
    controller.boot()
    desk.journal(controller)
    desk.step()
    return controller


def configs(desk):
    desk.step()
    return desk.taken("pi-1", topics.DOWN_CONFIG)


def test_a_configuration_is_retained_and_whole(desk, washer):
    (message,) = [m for m in desk.cable.sent if m.topic == washer.topic(topics.DOWN_CONFIG)]

    assert (message.retain, message.qos) == (True, 1)
    (config,) = configs(desk)
    assert [machine.id for machine in config.machines] == ["washer"]
    assert config.tariffs == (MINUTE,)
    assert config.site == "cellar"


def test_its_version_rises_with_each_change_and_with_nothing_else(desk, washer):
    first = configs(desk)[-1].version

    desk.run(lambda tx: tx.touch("config", "pi-1"))
    assert configs(desk)[-1].version == first
    desk.run(lambda tx: machines.put_machine(tx, "pi-1", DRYER))
    assert configs(desk)[-1].version == first + 1
    desk.run(lambda tx: tariffs.add_version(tx, msgspec.structs.replace(MINUTE, version=2)))
    config = configs(desk)[-1]
    assert (config.version, config.tariffs[0].version) == (first + 2, 2)
    desk.run(
        lambda tx: sites.change_site(tx, sites.Site(id="cellar", policy=Policy(low_percent=40)))
    )
    assert configs(desk)[-1].policy.low_percent == 40
    desk.run(lambda tx: machines.remove_machine(tx, "dryer"))
    assert [machine.id for machine in configs(desk)[-1].machines] == ["washer"]


def test_an_accounts_own_price_reaches_the_machines_it_is_for(desk, washer):
    own = msgspec.structs.replace(MINUTE, id="friend")
    desk.run(lambda tx: tariffs.add_version(tx, own))
    desk.add_account("ann", tariffs={"washer": "friend"})
    desk.run(lambda tx: tx.touch("config", "pi-1"))

    assert {tariff.id for tariff in configs(desk)[-1].tariffs} == {"minute", "friend"}


def test_a_version_of_a_tariff_never_changes(desk):
    changed = msgspec.structs.replace(MINUTE, name="other")

    with pytest.raises(ConflictError):
        desk.run(lambda tx: tariffs.add_version(tx, changed))
    with pytest.raises(ConflictError):
        desk.run(lambda tx: tariffs.add_version(tx, msgspec.structs.replace(MINUTE, version=3)))
    assert desk.run(lambda tx: tariffs.add_version(tx, MINUTE)) == MINUTE


@pytest.mark.parametrize(
    "machine",
    [
        Machine(id="Bad Name", name="x", tariff="minute"),
        Machine(id="a", name="", tariff="minute"),
        Machine(id="a", name="x", tariff="unknown"),
        Machine(id="a", name="x"),
        Machine(id="a", name="x", tariff="minute", want_minor=-1),
    ],
)
def test_a_machine_that_could_not_work_is_refused(desk, washer, machine):
    with pytest.raises(InputError):
        desk.run(lambda tx: machines.put_machine(tx, "pi-1", machine))


def test_a_machine_hangs_at_one_controller(desk, washer):
    desk.add_controller("pi-2", "dryer")

    with pytest.raises(ConflictError):
        desk.run(lambda tx: machines.put_machine(tx, "pi-2", WASHER))


def order(number="cmd_1", **changes):
    values = {"id": number, "controller": "pi-1", "action": Action.STOP, "machine": "washer"}
    return commands.Order(**(values | changes))


def test_a_command_is_signed_expires_and_its_result_is_booked_once(desk, washer):
    desk.run(lambda tx: commands.send_command(tx, order()))
    desk.step()
    (message,) = [m for m in desk.cable.sent if m.topic == washer.topic(topics.DOWN_COMMAND)]
    (command,) = desk.taken("pi-1", topics.DOWN_COMMAND)
    assert message.expiry_s == 60
    assert command.expires_ms - command.sent_ms == 60_000
    assert (command.id, command.action, command.machine) == ("cmd_1", Action.STOP, "washer")

    for outcome in (Outcome.DONE, Outcome.FAILED):
        result = Result(sender="pi-1", receiver="hub", id="cmd_1", outcome=outcome)
        desk.deliver(washer, topics.UP_RESULT, seal(result, washer.signer))

    with desk.store.read() as connection:
        assert commands.find_command(connection, "cmd_1").outcome is Outcome.DONE


def test_the_same_command_again_is_the_same_and_another_is_a_conflict(desk, washer):
    first = desk.run(lambda tx: commands.send_command(tx, order()))

    assert desk.run(lambda tx: commands.send_command(tx, order())) == first
    with pytest.raises(ConflictError):
        desk.run(lambda tx: commands.send_command(tx, order(action=Action.LOCK)))


def test_another_controllers_result_answers_nothing(desk, washer):
    other = desk.add_controller("pi-2", "dryer")
    desk.run(lambda tx: commands.send_command(tx, order()))

    result = Result(sender="pi-2", receiver="hub", id="cmd_1", outcome=Outcome.DONE)
    desk.deliver(other, topics.UP_RESULT, seal(result, other.signer))

    assert desk.rows("SELECT outcome FROM commands") == [("unknown",)]


def test_a_command_that_waited_too_long_is_not_sent(desk, washer):
    desk.cable.connected = False
    desk.run(lambda tx: commands.send_command(tx, order()))
    desk.step()
    desk.clock.advance(61_000)
    desk.cable.connected = True

    desk.step()

    assert desk.taken("pi-1", topics.DOWN_COMMAND) == []


def test_commands_name_machines_of_the_controller(desk, washer):
    for wrong in (order(machine="laser"), order(action=Action.START)):
        with pytest.raises(InputError):
            desk.run(lambda tx, one=wrong: commands.send_command(tx, one))


def test_an_alarm_is_one_per_matter_and_opens_again_after_it_was_cleared(desk):
    matter = Matter(code=Code.READER_DOWN, controller="pi-1", subject="door", detail="gone")

    for _ in range(3):
        desk.run(lambda tx: alarms.raise_alarm(tx, matter))
    assert desk.rows("SELECT count, cleared_ms FROM alarms") == [(3, None)]
    assert desk.run(lambda tx: alarms.clear_alarm(tx, Code.READER_DOWN, "pi-1", "door"))
    assert not desk.run(lambda tx: alarms.clear_alarm(tx, Code.READER_DOWN, "pi-1", "door"))
    desk.run(lambda tx: alarms.raise_alarm(tx, matter))
    desk.clock.advance(1)
    desk.run(lambda tx: alarms.clear_alarm(tx, Code.READER_DOWN, "pi-1", "door"))
    desk.run(lambda tx: alarms.raise_alarm(tx, matter))

    assert desk.alarm_codes() == [Code.READER_DOWN]


def test_the_late_will_of_an_earlier_start_is_ignored():
    live = Live()
    live.hear_status("pi-1", Status(state=Presence.ONLINE, boot_id="b1"), 1)
    live.hear_status("pi-1", Status(state=Presence.ONLINE, boot_id="b2"), 2)

    live.hear_status("pi-1", Status(state=Presence.OFFLINE, boot_id="b1"), 3)
    assert live.of("pi-1").online
    live.hear_status("pi-1", Status(state=Presence.OFFLINE, boot_id="b2"), 4)
    assert not live.of("pi-1").online
    assert live.of("pi-1").status_ms == 4


def test_the_live_view_tells_listeners_until_they_leave():
    live = Live()
    heard = []
    leave = live.listen(heard.append)

    live.hear_state("pi-1", StateView(at_ms=1), 5)
    leave()
    live.hear_state("pi-1", StateView(at_ms=2), 6)

    assert heard == ["pi-1"]
    assert (live.of("pi-1").state.at_ms, live.of("pi-1").state_ms) == (2, 6)


def test_status_and_state_are_shown_only_of_known_controllers(desk, washer):
    status = encode(Status(state=Presence.ONLINE, boot_id="b1", version="1"))
    desk.deliver(washer, topics.UP_STATUS, status)
    washer.name = "pi-7"
    desk.deliver(washer, topics.UP_STATUS, status)

    assert [one.controller for one in desk.hub.live.all()] == ["pi-1"]
    assert desk.hub.live.of("pi-1").version == "1"


def test_a_long_card_list_goes_page_by_page_as_it_is_held(desk, washer, monkeypatch):
    monkeypatch.setattr("hub.downlink.LIST_ENTRIES_PER_PAGE_MAX", 2)
    for number in range(5):
        desk.add_account(f"acc-{number}")
    pages = []
    for _ in range(6):
        desk.clock.advance(5_000)
        desk.step()
        desk.journal(washer, washer.report())
        desk.step()
        for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS):
            if body.page and body.page.from_revision == washer.list_revision:
                pages.append(body.page)
                washer.list_revision = body.page.upto_revision

    cards = [entry.account for page in pages for entry in page.entries]
    assert sorted(set(cards)) == [f"acc-{number}" for number in range(5)]
    assert pages[-1].upto_revision == pages[-1].last_revision
    assert len(pages) >= 3


def test_a_closed_account_is_in_the_next_page(desk, washer):
    desk.add_account("ann", 1_000)
    desk.clock.advance(5_000)
    desk.step()
    body = desk.taken("pi-1", topics.DOWN_ACCOUNTS)[-1]
    washer.list_revision = body.page.upto_revision
    desk.journal(washer, washer.report())

    desk.run(lambda tx: accounts.close_account(tx, "ann"))
    desk.clock.advance(5_000)
    desk.step()

    (entry,) = desk.taken("pi-1", topics.DOWN_ACCOUNTS)[-1].page.entries
    assert (entry.standing, entry.floor_minor) == ("closed", 0)
