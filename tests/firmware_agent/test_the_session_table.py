"""The state machine's table, walked: legal steps, and illegal ones that change nothing."""

from __future__ import annotations

import itertools

import pytest

from firmware_agent.core.controller import step
from firmware_agent.core.inputs import Ticked
from firmware_agent.core.model import ControllerState, MachineState, Moment, Wiring
from firmware_agent.core.session import (
    AT_REST,
    IN_SESSION,
    MAY_BE_ON,
    TABLE,
    State,
    Trigger,
    advance,
    come_to_rest,
)
from firmware_agent.core.turn import Turn
from firmware_agent.errors import IllegalEvent

LEGAL = [(state, trigger) for state in State for trigger in TABLE[state]]
ILLEGAL = [pair for pair in itertools.product(State, Trigger) if pair not in LEGAL]


def turn_with(state: State) -> Turn:
    machine = MachineState(Wiring("m"), state=state)
    controller = ControllerState("c", "e", machines={"m": machine})
    return Turn(controller, Moment(5, 5, "b"))


@pytest.mark.parametrize(("state", "trigger"), LEGAL, ids=str)
def test_a_legal_step_is_the_tables(state, trigger):
    turn = turn_with(state)
    machine = turn.move(turn.machine("m"), trigger)

    assert machine.state is TABLE[state][trigger]
    assert turn.state.machines["m"] is machine
    assert machine.since_ms == 5


@pytest.mark.parametrize(("state", "trigger"), ILLEGAL, ids=str)
def test_an_illegal_step_raises_and_changes_nothing(state, trigger):
    turn = turn_with(state)
    before = turn.state

    with pytest.raises(IllegalEvent, match=state.value):
        turn.move(turn.machine("m"), trigger)

    assert turn.state is before
    assert not turn.effects


def test_every_state_is_reached_and_left():
    reached = {target for steps in TABLE.values() for target in steps.values()}

    assert reached == set(State)
    assert all(TABLE[state] for state in State)
    assert {trigger for steps in TABLE.values() for trigger in steps} == set(Trigger)


def test_an_output_may_be_on_in_sessions_only():
    assert MAY_BE_ON < IN_SESSION
    assert not AT_REST & IN_SESSION


def test_a_session_ends_through_stopping_only():
    for state in IN_SESSION - {State.STOPPING}:
        assert set(TABLE[state].values()) <= IN_SESSION
    assert set(TABLE[State.STOPPING].values()) == {State.FREE}


@pytest.mark.parametrize(
    ("state", "wanted"), list(itertools.product(sorted(AT_REST, key=str), repeat=2)), ids=str
)
def test_a_machine_at_rest_goes_to_any_other_rest(state, wanted):
    assert come_to_rest(state, wanted) is wanted


@pytest.mark.parametrize("state", sorted(set(State) - AT_REST, key=str), ids=str)
def test_a_busy_machine_does_not_come_to_rest_by_itself(state):
    with pytest.raises(IllegalEvent):
        come_to_rest(state, State.FREE)
    with pytest.raises(IllegalEvent):
        come_to_rest(State.FREE, state)


def test_nothing_happens_when_nothing_is_due():
    turn = turn_with(State.FREE)

    assert step(turn.state, Ticked(), turn.moment) == (turn.state, ())


def test_advance_is_pure():
    assert advance(State.FREE, Trigger.RUN) is advance(State.FREE, Trigger.RUN)
