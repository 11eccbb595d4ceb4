"""Doors, programs by choice, machines with a fault, and machines out of service."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, strategies as st

from firmware_agent.core.ending import _ended_early
from firmware_agent.core.modes import (
    bought_usage,
    charge_for,
    find_program,
    next_program,
    with_program,
)
from firmware_agent.core.visit import Session
from tests.firmware_agent.money_rig import MINUTE_MS, MONEY_MACHINES, WASH_TIME, MoneyRig
from tests.firmware_agent.rig import BERT, entry
from wire.downlink import Action
from wire.errors import Code
from wire.events import (
    CardRefused,
    Ended,
    MachineFault,
    SessionEnded,
    SessionStarted,
    Stamp,
)
from wire.machines import SERVICE_PERMISSION, Cycle, Machine, Mode
from wire.rating import rate

DOOR, WASHER = MONEY_MACHINES[2], MONEY_MACHINES[3]


@pytest.fixture
def rig(tmp_path) -> Iterator[MoneyRig]:
    """Without network; Anna has a floor of 20.00, Bert a technician's card."""
    rig = MoneyRig(tmp_path, online=False)
    technician = entry(BERT, "bert", permissions={SERVICE_PERMISSION: 0})
    rig.set_up(MONEY_MACHINES, entry(floor_minor=2_000), technician)
    yield rig
    rig.agent.close()


@pytest.fixture
def online(tmp_path) -> Iterator[MoneyRig]:
    """With the hub, which may send commands."""
    rig = MoneyRig(tmp_path)
    rig.hub.wallets = {"anna": 2_000}
    rig.set_up(MONEY_MACHINES, entry(floor_minor=2_000))
    rig.run(2_000)
    yield rig
    rig.agent.close()


def ended(rig: MoneyRig) -> SessionEnded:
    return rig.kinds(SessionEnded)[-1]


def start_wash(rig: MoneyRig) -> None:
    rig.tap("wash")
    rig.feedback("washer", active=True)
    assert rig.state("washer") == "running"


def test_a_priced_door_opens_for_its_time(rig):
    rig.tap("gate")
    assert rig.is_on("door")
    rig.run(4_000)
    assert rig.is_on("door")
    rig.run(1_500)

    assert not rig.is_on("door")
    assert (ended(rig).charge_minor, ended(rig).reason) == (200, "opened")


def test_who_went_in_needs_no_more_time(rig):
    rig.tap("gate")
    rig.signal_door(active=True)
    rig.run(500)

    assert not rig.is_on("door")
    assert ended(rig).charge_minor == 200


def test_a_door_that_stands_open_is_told_once_until_it_is_closed(rig):
    rig.signal_door(active=True)
    rig.run(200_000)
    rig.signal_door(active=False)

    faults = [(one.code, one.cleared) for one in rig.kinds(MachineFault)]
    assert faults == [(Code.DOOR_OPEN, False), (Code.DOOR_OPEN, True)]


def test_a_free_door_costs_nothing_and_asks_for_the_permission_only(rig):
    day_ms = 86_400_000
    free = msgspec.structs.replace(
        DOOR,
        access=msgspec.structs.replace(DOOR.access, priced=False),
        permission="workshop",
    )
    rig.configure(machines=(free,), tariffs=())
    rig.tap("gate")
    assert rig.kinds(CardRefused)[-1].code == Code.PERMISSION_MISSING

    until_ms = rig.clock.now().wall_ms + day_ms
    rig.cards(entry(floor_minor=0, permissions={"workshop": until_ms}))
    rig.tap("gate")
    assert rig.is_on("door")
    rig.run(6_000)
    assert ended(rig).charge_minor == 0
    rig.clock.advance(day_ms)
    rig.tap("gate")
    assert rig.kinds(CardRefused)[-1].code == Code.PERMISSION_ENDED
    assert rig.lines("door")[0] == "Permission has ended"


def test_the_button_steps_through_the_programs_and_the_tap_starts_the_chosen_one(rig):
    assert rig.lines("washer")[0] == "Long"
    rig.press("washer")
    assert rig.lines("washer")[0] == "Short"
    start_wash(rig)
    rig.run(4 * MINUTE_MS + 1_000)

    assert (ended(rig).program, ended(rig).charge_minor) == ("short", 200)
    assert ended(rig).reason == "cycle_done"
    assert rig.kinds(SessionStarted)[0].program == "short"


def test_a_command_may_name_the_program(online):
    card = entry().card
    order = online.hub.command(action=Action.START, machine="washer", card=card, detail="short")
    online.deliver(order)

    assert online.kinds(SessionStarted)[0].program == "short"


def test_who_ends_a_cycle_early_pays_for_the_time_that_it_ran(rig):
    start_wash(rig)
    rig.run(2 * MINUTE_MS)
    rig.tap("wash")
    rig.run(1_000)

    assert not rig.is_on("washer")
    assert (ended(rig).reason, ended(rig).charge_minor) == ("tap", 100)
    assert rate(WASH_TIME, ended(rig).usage) == 100


def test_who_ends_it_at_once_pays_nothing(rig):
    start_wash(rig)
    rig.run(30_000)
    rig.press("washer")
    rig.run(1_000)

    assert (ended(rig).reason, ended(rig).charge_minor) == ("cancelled", 0)


def test_a_cycle_whose_power_is_cut_is_free(rig):
    start_wash(rig)
    rig.run(2 * MINUTE_MS)
    rig.restart()

    assert (ended(rig).reason, ended(rig).charge_minor) == ("power_lost", 0)
    assert (ended(rig).mode, ended(rig).program) == ("cycle", "long")


def test_nothing_starts_while_the_door_is_open(rig):
    rig.signal_of("washer", "door", active=True)
    rig.tap("wash")
    assert rig.kinds(CardRefused)[-1].code == Code.DOOR_OPEN
    assert rig.lines("washer")[:2] == ("Door is open", "Close it first")

    rig.signal_of("washer", "door", active=False)
    rig.tap("wash")
    assert rig.state("washer") == "starting"


def test_a_machine_that_says_that_it_has_a_fault_charges_nothing_for_its_cycle(rig):
    start_wash(rig)
    rig.signal_of("washer", "fault", active=True)
    rig.run(1_000)

    assert (ended(rig).reason, ended(rig).charge_minor) == ("fault", 0)
    assert rig.state("washer") == "fault"
    rig.signal_of("washer", "fault", active=False)
    assert rig.state("washer") == "free"
    faults = [(one.code, one.cleared) for one in rig.kinds(MachineFault)]
    assert faults == [(Code.MACHINE_FAULTY, False), (Code.MACHINE_FAULTY, True)]


def test_three_failed_starts_in_a_row_take_it_out_of_service(rig):
    for _ in range(3):
        rig.tap("wash")
        rig.run(11_000)

    assert [one.charge_minor for one in rig.kinds(SessionEnded)] == [0, 0, 0]
    assert rig.state("washer") == "out_of_service"
    rig.restart()
    assert rig.state("washer") == "out_of_service"
    rig.run(5_000)
    assert rig.lines("washer")[2] == "didn't start 3 times in a row"


def test_a_start_that_works_begins_the_count_anew(rig):
    for _ in range(2):
        rig.tap("wash")
        rig.run(11_000)
    start_wash(rig)
    rig.feedback("washer", active=False)
    rig.run(13 * MINUTE_MS)
    rig.tap("wash")
    rig.run(11_000)

    assert rig.state("washer") == "free"


def test_a_technicians_card_takes_a_machine_out_of_service_and_back(rig):
    rig.tap("wash", BERT)
    assert rig.state("washer") == "out_of_service"
    rig.tap("wash")
    assert rig.kinds(CardRefused)[-1].code == Code.MACHINE_OUT_OF_SERVICE
    rig.restart()
    assert rig.state("washer") == "out_of_service"

    rig.tap("wash", BERT)
    assert rig.state("washer") == "free"
    assert not rig.kinds(SessionStarted)
    faults = [(one.code, one.cleared) for one in rig.kinds(MachineFault)]
    assert faults == [
        (Code.MACHINE_OUT_OF_SERVICE, False),
        (Code.MACHINE_OUT_OF_SERVICE, True),
    ]


def test_a_copy_of_a_technicians_card_does_nothing(rig):
    rig.cards(entry(BERT, "bert", level=1, permissions={SERVICE_PERMISSION: 0}))
    rig.tap("wash", BERT)

    assert rig.state("washer") == "free"
    assert rig.kinds(CardRefused)[-1].code == Code.CARD_UNPROVED


def test_a_technician_does_not_end_anyones_session(rig):
    start_wash(rig)
    rig.tap("wash", BERT)

    assert rig.state("washer") == "running"


def test_a_command_takes_it_out_of_service_with_a_reason_and_back(online):
    online.deliver(online.hub.command(action=Action.RETIRE, machine="washer", detail="belt torn"))
    assert online.state("washer") == "out_of_service"
    online.run(5_000)
    assert online.lines("washer") == ("Out of service", "Use another one", "belt torn")

    online.clock.advance(1)
    online.deliver(online.hub.command(action=Action.RETURN, machine="washer"))
    assert online.state("washer") == "free"


def test_out_of_service_waits_for_the_end_of_a_session(online):
    start_wash(online)
    online.deliver(online.hub.command(action=Action.RETIRE, machine="washer", detail="belt"))
    assert online.state("washer") == "running"
    online.run(13 * MINUTE_MS)

    assert ended(online).charge_minor == 600
    assert online.state("washer") == "out_of_service"


@given(st.integers(0, 4 * 60 * MINUTE_MS), st.integers(0, 10 * MINUTE_MS))
def test_an_early_end_never_costs_more_than_the_whole(ran_ms, cancel_ms):
    cycle = Cycle(pulse_ms=0, duration_ms=60 * MINUTE_MS, cancel_within_ms=cancel_ms)
    spec = Machine(id="w", name="W", mode=Mode.CYCLE, cycle=cycle)
    at = Stamp(wall_ms=1_700_000_000_000, mono_ms=0, boot_id="b")
    usage = bought_usage(spec, WASH_TIME, at.wall_ms)
    whole = charge_for(spec, WASH_TIME, usage)
    session = Session("s", spec, entry(), WASH_TIME, at, 0, usage, whole)

    after, reason = _ended_early(session, Ended.TAP, ran_ms)

    if ran_ms < cancel_ms:
        assert reason is Ended.CANCELLED
    else:
        assert 0 <= after.charge_minor <= whole
        assert after.charge_minor == rate(WASH_TIME, after.usage)
        assert (after.charge_minor == whole) is (
            ran_ms >= 60 * MINUTE_MS or after.charge_minor == whole
        )


@given(st.integers(0, 20), st.sampled_from(["", "long", "short", "gone"]))
def test_stepping_through_programs_comes_round(steps, chosen):
    for _ in range(2 * steps):
        chosen = next_program(WASHER, chosen)
    program = find_program(WASHER, chosen)
    run, name = with_program(WASHER, chosen)

    assert program is not None
    assert name == program.id
    assert run.cycle.duration_ms == (program.duration_ms or WASHER.cycle.duration_ms)
