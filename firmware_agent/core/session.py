"""The session state machine, as a table.

Theory of operation
-------------------
Each machine is in one state. At rest it is FREE, LOCKED (staff), OUT_OF_SERVICE (the
operator's configuration) or FAULT (a part doesn't work). A tap that may start at once
goes FREE → RUNNING, or FREE → STARTING when the machine has to say by its own feedback
that it really runs. A tap that the local balance doesn't carry asks the hub: FREE →
ASKING, and from there on as a tap that may start, or back to FREE. At a vending machine
a tap only shows what may be spent: FREE or ASKING → CHOOSING. What is chosen there starts
a session, CHOOSING → STARTING, until the machine says whether it gave anything; STARTING
may then end as done, failed or unknown. Who chooses nothing leaves: CHOOSING → FREE.

RUNNING is the only state in which use is charged. PAUSED is a session whose right is
used up and that waits for money with its output off. Every session ends through
STOPPING: the output is off already, and the last reading of the meter is awaited, so
that the charge is complete; then it is journalled and the machine is at rest again.

A session is on disk (`session_started`) before STARTING or RUNNING is entered, and in
no other state may an output be on. Everything that moves a machine from one state to
another is a `Trigger`; what isn't in the table is a fault of the program: it raises
and changes nothing.
"""

from __future__ import annotations

from enum import Enum

from firmware_agent.errors import IllegalEvent


class State(Enum):
    """State of one machine; the value is the word of the live view."""

    FREE = "free"
    ASKING = "asking"
    CHOOSING = "choosing"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    LOCKED = "locked"
    OUT_OF_SERVICE = "out_of_service"
    FAULT = "fault"


class Trigger(Enum):
    """What moves a machine from one state to another."""

    ASK = "the local balance doesn't carry the tap: the hub is asked"
    REFUSE = "the hub's answer, or its silence, doesn't allow a start"
    OFFER = "a vending machine was told what may be spent"
    LEAVE = "nothing was chosen at it"
    RUN = "a session began and its output is on"
    PULSE = "a session began and the machine's own feedback is awaited"
    CONFIRM = "the machine says that it runs"
    PAUSE = "the right is used up and the customer may top up"
    RESUME = "money came"
    STOP = "use ended, for whatever reason"
    SETTLE = "the last reading came and the end is journalled"
    LOCK = "staff locked the machine"
    UNLOCK = "staff unlocked it"
    RETIRE = "the configuration says out of service, or doesn't know the machine"
    RETURN = "the configuration says in service"
    BREAK = "a part doesn't work"
    REPAIR = "it works again"


TABLE: dict[State, dict[Trigger, State]] = {
    State.FREE: {
        Trigger.ASK: State.ASKING,
        Trigger.OFFER: State.CHOOSING,
        Trigger.RUN: State.RUNNING,
        Trigger.PULSE: State.STARTING,
        Trigger.LOCK: State.LOCKED,
        Trigger.RETIRE: State.OUT_OF_SERVICE,
        Trigger.BREAK: State.FAULT,
    },
    State.ASKING: {
        Trigger.RUN: State.RUNNING,
        Trigger.PULSE: State.STARTING,
        Trigger.OFFER: State.CHOOSING,
        Trigger.REFUSE: State.FREE,
    },
    State.CHOOSING: {Trigger.PULSE: State.STARTING, Trigger.LEAVE: State.FREE},
    State.STARTING: {Trigger.CONFIRM: State.RUNNING, Trigger.STOP: State.STOPPING},
    State.RUNNING: {Trigger.PAUSE: State.PAUSED, Trigger.STOP: State.STOPPING},
    State.PAUSED: {Trigger.RESUME: State.RUNNING, Trigger.STOP: State.STOPPING},
    State.STOPPING: {Trigger.SETTLE: State.FREE},
    State.LOCKED: {Trigger.UNLOCK: State.FREE},
    State.OUT_OF_SERVICE: {Trigger.RETURN: State.FREE},
    State.FAULT: {Trigger.REPAIR: State.FREE},
}

IN_SESSION = frozenset({State.STARTING, State.RUNNING, State.PAUSED, State.STOPPING})
"""States with a session that is open in the journal."""
MAY_BE_ON = frozenset({State.STARTING, State.RUNNING})
"""The only states in which an output may be on."""
AT_REST = frozenset({State.FREE, State.LOCKED, State.OUT_OF_SERVICE, State.FAULT})

_LEAVING = {
    State.LOCKED: Trigger.UNLOCK,
    State.OUT_OF_SERVICE: Trigger.RETURN,
    State.FAULT: Trigger.REPAIR,
}
_ENTERING = {
    State.LOCKED: Trigger.LOCK,
    State.OUT_OF_SERVICE: Trigger.RETIRE,
    State.FAULT: Trigger.BREAK,
}


def advance(state: State, trigger: Trigger) -> State:
    """The state after a trigger.

    Raises:
        IllegalEvent: The table has no such step.
    """
    following = TABLE[state].get(trigger)
    if following is None:
        raise IllegalEvent(f"a machine that is {state.value} can't {trigger.name.lower()}")
    return following


def come_to_rest(state: State, wanted: State) -> State:
    """Go from one state of rest to another, by way of FREE.

    Raises:
        IllegalEvent: `state` or `wanted` isn't one of rest.
    """
    if wanted not in AT_REST:
        raise IllegalEvent(f"{wanted.value} is no state of rest")
    if state is wanted:
        return state
    if state is not State.FREE:
        state = advance(state, _LEAVING.get(state, Trigger.REPAIR))
    return state if wanted is State.FREE else advance(state, _ENTERING[wanted])
