"""A card's limit holds at the machine, online or not, against a model of what it spent."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings, strategies as st

from firmware_agent.core.turn import NOTICE_MS
from tests.firmware_agent.rig import (
    ANNA,
    BERT,
    MACHINES,
    NAME,
    PER_MINUTE,
    SALT,
    WASH,
    Rig,
    entry,
)
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import CardRefused, Ended, SessionEnded, SessionStarted
from wire.ids import card_ref
from wire.machines import AtZero, Machine
from wire.tariff import Tariff, Tier

MINUTE_MS = 60_000
CARD = card_ref(SALT, ANNA)


def limited(limit_minor: int | None, **fields) -> CardEntry:
    return entry(limit_minor=limit_minor, **{"floor_minor": 5_000, "member": "mem_1"} | fields)


def spent(rig: Rig) -> int:
    return rig.agent._wires.records.cards.spent_minor(CARD)


def minutes(rig: Rig, count: int, machine: str = "laser", uid: bytes = ANNA) -> SessionEnded:
    rig.tap("front", uid)
    assert rig.state(machine) == "running", rig.lines(machine)
    rig.run(count * MINUTE_MS)
    if rig.state(machine) == "running":
        rig.tap("front", uid)
    rig.run(1_000)
    return rig.kinds(SessionEnded)[-1]


def test_a_session_ends_before_it_costs_more_than_the_card_may(offline):
    offline.cards(limited(30))

    offline.tap("front")
    offline.run(3 * MINUTE_MS + 4_000)

    (ended,) = offline.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.LIMIT_REACHED, 30)
    assert offline.lines("laser") == ("Your limit is used", "€0.30")


def test_what_is_left_of_a_limit_is_left_for_the_next_session(offline):
    offline.cards(limited(50))

    first = minutes(offline, 2)
    second = minutes(offline, 10)

    assert (first.charge_minor, second.charge_minor) == (20, 30)
    assert (first.reason, second.reason) == (Ended.TAP, Ended.LIMIT_REACHED)


def test_a_limit_that_is_used_refuses_the_next_tap_in_words(offline):
    offline.cards(limited(20))
    minutes(offline, 3)
    offline.run(NOTICE_MS)

    offline.tap("front")

    assert offline.state("laser") == "free"
    assert offline.lines("laser")[0] == "Your limit is used"
    (refused,) = offline.kinds(CardRefused)
    assert (refused.code, refused.short_minor) == (Code.SPENDING_LIMIT, 1)


def test_a_cycle_that_costs_more_than_the_limit_does_not_start(offline):
    offline.cards(limited(249))
    offline.tap("back")

    assert offline.state("washer") == "free"
    offline.cards(limited(250))
    offline.tap("back")
    assert offline.is_on("washer")


def test_a_new_entry_resets_what_counts_once_the_hub_has_booked_it(rig):
    rig.hub.wallets = {"anna": 10_000}
    rig.cards(limited(40))
    assert minutes(rig, 9).charge_minor == 40
    rig.run(5_000)

    rig.cards(limited(20))

    assert spent(rig) == 0
    assert minutes(rig, 9).charge_minor == 20


def test_what_the_hub_has_not_booked_still_counts_against_a_new_entry(rig):
    rig.hub.wallets = {"anna": 10_000}
    rig.hub.acks = False
    rig.cards(limited(40))
    minutes(rig, 3)
    rig.cards(limited(50))

    assert spent(rig) == 30
    assert minutes(rig, 9).charge_minor == 20
    rig.hub.acks = True
    rig.deliver(rig.hub.ack())
    assert spent(rig) == 20, "what came after the entry counts, booked or not"


def test_a_limit_lowered_while_a_session_runs_ends_it(offline):
    offline.cards(limited(100))
    offline.tap("front")
    offline.run(3 * MINUTE_MS)

    offline.cards(limited(20))
    offline.run(1_000)

    assert offline.kinds(SessionEnded)[0].reason is Ended.LIMIT_REACHED


def test_a_limit_raised_or_lifted_while_a_session_runs_lets_it_go_on(offline):
    offline.cards(limited(20))
    offline.tap("front")
    offline.run(MINUTE_MS)
    offline.cards(limited(30))
    offline.run(90_000)
    assert offline.state("laser") == "running"

    offline.cards(limited(None))
    offline.run(3 * MINUTE_MS)

    assert offline.state("laser") == "running"
    assert offline.agent.state.limits == {}


def test_two_machines_of_one_card_share_its_limit(offline):
    machines = (*MACHINES[:1], Machine(id="washer", name="Second laser", tariff="minute"))
    offline.configure(machines=machines)
    offline.cards(limited(60))
    offline.tap("front")
    offline.tap("back")
    offline.run(20 * MINUTE_MS)

    ended = offline.kinds(SessionEnded)
    assert {event.reason for event in ended} == {Ended.LIMIT_REACHED}
    assert 58 <= sum(event.charge_minor for event in ended) <= 60


def test_one_card_s_limit_is_not_another_s(offline):
    offline.cards(limited(10), entry(BERT, "anna", floor_minor=5_000))
    minutes(offline, 5)
    offline.run(NOTICE_MS)

    assert minutes(offline, 5, uid=BERT).charge_minor == 50


def test_a_limit_survives_a_power_cut(offline):
    offline.cards(limited(50))
    offline.tap("front")
    offline.run(3 * MINUTE_MS)
    offline.restart()
    ended = offline.kinds(SessionEnded)[0]
    assert ended.reason is Ended.POWER_LOST

    assert spent(offline) == ended.charge_minor > 0
    assert minutes(offline, 9).charge_minor == 50 - ended.charge_minor


def test_a_machine_that_prompts_for_a_top_up_does_not_for_a_limit(offline):
    machine = Machine(id="laser", name="Laser", tariff="minute", at_zero=AtZero.PROMPT_TOP_UP)
    offline.configure(machines=(machine,))
    offline.cards(limited(20))

    assert minutes(offline, 5).reason is Ended.LIMIT_REACHED


def test_a_reserve_lies_within_the_limit(offline):
    machine = Machine(
        id="laser", name="Laser", tariff="minute", at_zero=AtZero.FINISH_CYCLE, reserve_minor=20
    )
    offline.configure(machines=(machine,))
    offline.cards(limited(50))
    offline.tap("front")
    offline.run(4 * MINUTE_MS)
    assert offline.lines("laser") == ("Your limit is used", "Finishing")

    offline.run(4 * MINUTE_MS)

    ended = offline.kinds(SessionEnded)[0]
    assert (ended.reason, ended.charge_minor) == (Ended.LIMIT_REACHED, 50)


def test_no_more_is_asked_of_the_hub_than_the_limit_leaves(rig):
    rig.hub.wallets = {"anna": 10_000}
    rig.cards(limited(40, floor_minor=0))

    minutes(rig, 9)

    assert [want.amount_minor for want in rig.hub.wants] == [40]


def test_a_hub_that_grants_what_a_limit_leaves_is_taken_at_its_word(rig):
    """A limit for a kind of machine is known to the hub only."""
    rig.hub.wallets = {"anna": 30}
    rig.hub.short_code = Code.SPENDING_LIMIT
    rig.hub.floor_minor = 500
    rig.cards(entry(floor_minor=500))

    ended = minutes(rig, 9)

    assert (ended.reason, ended.charge_minor) == (Ended.LIMIT_REACHED, 30)
    assert (ended.backed_minor, ended.unbacked_minor) == (30, 0)


def test_a_session_out_of_time_says_so(offline):
    machine = Machine(id="laser", name="Laser", tariff="minute", session_ms_max=2 * MINUTE_MS)
    offline.configure(machines=(machine,))
    offline.cards(entry(floor_minor=5_000))

    offline.tap("front")
    offline.run(2 * MINUTE_MS + 500)

    (ended,) = offline.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.TIME_LIMIT, 20)
    assert offline.lines("laser") == ("Longest time over", "€0.20")


DEAR = Tariff(
    id="minute",
    version=2,
    name="dear",
    unit=PER_MINUTE.unit,
    time=PER_MINUTE.time.__class__(unit="ms", per=MINUTE_MS, tiers=(Tier(20_000_000),)),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("tap"), st.just(0)),
        st.tuples(st.just("run"), st.integers(1, 8)),
        st.tuples(st.just("entry"), st.sampled_from([0, 5, 60, 300])),
        st.tuples(st.just("ack"), st.just(0)),
        st.tuples(st.just("cut"), st.just(0)),
    ),
    max_size=14,
)


class Model:
    """What a limit leaves, worked out from the journal alone."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.limit, self.head_at_entry, self.acked = 0, 0, 0
        self.entered_in_session = False

    def charges(self) -> list[tuple[int, int]]:
        return [(event.seq, event.charge_minor) for event in self.rig.kinds(SessionEnded)]

    def spent(self) -> int:
        return sum(
            minor for seq, minor in self.charges() if seq > self.head_at_entry or seq > self.acked
        )


@given(steps)
@settings(max_examples=25, deadline=None)
def test_any_order_of_taps_entries_acks_and_power_cuts_holds_the_limit(taken):
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        rig.hub.acks = False
        rig.hub.wallets = {"anna": 10**6}
        rig.configure(tariffs=(DEAR, WASH))
        model = Model(rig)
        for step in [("entry", 60), *taken]:
            _take(rig, model, *step)
            assert spent(rig) == model.spent()
        rig.agent.close()


def _take(rig: Rig, model: Model, kind: str, value: int) -> None:
    ended_before, running = len(model.charges()), rig.state("laser") == "running"
    if kind == "tap":
        rig.run(3_000)
        _tap(rig, model)
    elif kind == "run":
        rig.run(value * 250)
    elif kind == "entry":
        rig.cards(limited(value, floor_minor=10**6))
        model.limit, model.entered_in_session = value, running
        model.head_at_entry = rig.agent.state.last_seq
    elif kind == "ack":
        rig.run(2_000)
        rig.deliver(rig.hub.ack())
        model.acked = len(rig.hub.events)
    else:
        rig.restart()
    if len(model.charges()) > ended_before and not model.entered_in_session:
        assert model.spent() <= model.limit
    if rig.state("laser") != "running":
        model.entered_in_session = False


def _tap(rig: Rig, model: Model) -> None:
    running, left = rig.state("laser") == "running", model.limit - model.spent()
    starts = len(rig.kinds(SessionStarted))
    rig.tap("front")
    rig.run(500)
    if not running:
        assert (len(rig.kinds(SessionStarted)) > starts) == (left >= 1), (left, NAME)
