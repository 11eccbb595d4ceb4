"""What a cashless device may do on a vending machine's bus, as a table, without any line.

    state     told               becomes   and
    --------  -----------------  --------  ---------------------------------------------
    any       INACTIVE DISABLED  AWAY      a vend that was let go on isn't known
    any       ENABLED            READY     likewise; a session that was there has ended
    READY     IDLE               OPEN
    READY     ASKED              ASKING    a machine that asks without a session
    OPEN      ASKED              ASKING
    ASKING    (approved)         GIVING    tell the machine
    ASKING    (denied)           OPEN      tell the machine
    ASKING    IDLE               OPEN      the machine took its choice back
    GIVING    GIVEN              OPEN      success
    GIVING    NOT_GIVEN          OPEN      failure
    GIVING    REFUSED            OPEN      not known: was it the approval, or something else?
    GIVING    (silence)          OPEN      not known

After a vend that isn't known GIVEN and NOT_GIVEN may still come: then it is told once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from hardware.money.mdb_lines import Line, Told
from hardware.money.ports import VendResult

RESET = "the machine doesn't poll its bus: is it on, and the cable in its cashless socket?"
DISABLED = "the machine has switched its card reader off: is its door open, or has it a fault?"
ENDED_EARLY = "the machine ended without saying whether it gave anything"
TOOK_BACK = "the machine took its choice back"
SILENCE = "the machine didn't say in time whether it gave anything"


class State(Enum):
    """Where the bus is."""

    AWAY = "away"
    """The machine doesn't take cards."""
    READY = "ready"
    OPEN = "open"
    """A session: something may be chosen."""
    ASKING = "asking"
    """Something was chosen; the agent decides."""
    GIVING = "giving"
    """The machine gives it."""


@dataclass(frozen=True, slots=True)
class Bus:
    """State of the bus.

    Attributes:
        state: Where it is.
        request: Name of what was chosen last; empty: nothing, or everybody knows how it ended.
        price_minor: Of that.
        why: Why the machine doesn't take cards, when it is away.
        unsettled: An approved request whose end was told as not known.
        count: Requests so far.
    """

    state: State = State.AWAY
    request: str = ""
    price_minor: int = 0
    why: str = RESET
    unsettled: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Something was chosen."""

    request: str
    price_minor: int
    item: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A vend has ended."""

    request: str
    result: VendResult
    reason: str


@dataclass(frozen=True, slots=True)
class Came:
    """The machine takes cards."""


News = Asked | Ended | Came
"""What the agent is told."""


def hear(  # noqa: PLR0911 a row of the table each
    bus: Bus, line: Line, run: str
) -> tuple[Bus, list[News]]:
    """Take a line.

    Args:
        bus: As it is.
        line: What came.
        run: Begins the names of requests, so that those of two runs differ.
    """
    match line.told:
        case Told.INACTIVE | Told.DISABLED:
            reason = RESET if line.told is Told.INACTIVE else DISABLED
            bus, news = settle(bus, VendResult.UNKNOWN, reason)
            return replace(bus, state=State.AWAY, why=reason), news
        case Told.ENABLED:
            bus, news = settle(bus, VendResult.UNKNOWN, ENDED_EARLY)
            return replace(bus, state=State.READY), [*news, Came()]
        case Told.IDLE:
            # While it gives, this may come before the result: that decides, or silence does.
            if bus.state is not State.GIVING:
                bus = replace(bus, state=State.OPEN, request="")
        case Told.ASKED:
            return _asked(bus, line, run)
        case Told.GIVEN:
            return settle(bus, VendResult.SUCCESS, "")
        case Told.NOT_GIVEN:
            return settle(bus, VendResult.FAILED, "the machine says that nothing came out")
        case Told.REFUSED if bus.state is State.GIVING:
            return settle(bus, VendResult.UNKNOWN, f"the adapter refused: {line.words}")
        case _:
            pass
    return bus, []


def settle(bus: Bus, result: VendResult, reason: str) -> tuple[Bus, list[News]]:
    """End the vend that goes on, or say at last how one ended; nothing when there is none."""
    if bus.state is State.GIVING:
        unsettled = bus.request if result is VendResult.UNKNOWN else ""
        ended = Ended(bus.request, result, reason)
        return replace(bus, state=State.OPEN, request="", unsettled=unsettled), [ended]
    if bus.unsettled and result is not VendResult.UNKNOWN:
        ended = Ended(bus.unsettled, result, reason)
        return replace(bus, unsettled=""), [ended]
    return bus, []


def approve(bus: Bus, request: str) -> tuple[Bus, bool, list[News]]:
    """Approve a request: the bus, whether the machine is to be told, and what the agent is.

    One that the machine has taken back was never approved: so nothing came out.
    """
    if bus.state is State.ASKING and bus.request == request:
        return replace(bus, state=State.GIVING, unsettled=""), True, []
    if bus.state is State.GIVING and bus.request == request:
        return bus, False, []
    return bus, False, [Ended(request, VendResult.FAILED, TOOK_BACK)]


def deny(bus: Bus, request: str) -> tuple[Bus, bool]:
    """Deny a request: the bus, and whether the machine is to be told."""
    if bus.state is State.ASKING and bus.request == request:
        return replace(bus, state=State.OPEN, request=""), True
    return bus, False


def _asked(bus: Bus, line: Line, run: str) -> tuple[Bus, list[News]]:
    """Something was chosen. While something is given that can't be: then its end was lost."""
    bus, news = settle(bus, VendResult.UNKNOWN, ENDED_EARLY)
    request = f"{run}-{bus.count + 1}"
    bus = replace(
        bus,
        state=State.ASKING,
        request=request,
        price_minor=line.price_minor,
        count=bus.count + 1,
    )
    return bus, [*news, Asked(request, line.price_minor, line.item)]
