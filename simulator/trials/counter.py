"""The counter where people ask the hub for something: each request has an id of its asker's.

An id is made before the request is sent, and sent again with the same content for as long
as nobody knows the outcome, as a careful program or person does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.errors import HubError, OutcomeUnknownError, OverloadedError
from hub.ledger.writer import Job
from simulator.trials.stage import Stage

REPEAT_MS = 45_000
"""How long a person waits before asking again what nobody answered."""
REPEATS_MAX = 400
"""Five hours: longer than any fault lasts. A request that is still open then stays so."""
TILL = "counter"
"""Whose drawer cash goes into."""


class Cash(StrEnum):
    """Whether a request goes with cash."""

    NONE = ""
    IN = "in"  # paid before it is asked; given back when it is refused
    OUT = "out"  # handed out once it is done


class Outcome(StrEnum):
    """How a request ended, as its asker knows it."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something that is asked of the hub.

    Attributes:
        id: Made by who asks.
        action: What, in a word.
        account: For whom; empty: for nobody in particular.
        minor: How much money it is about; 0: none.
        who: Who asks.
        job: What the hub does.
        cash: Whether as much cash goes into or out of the drawer.
        handed: Says how much is handed out, when the hub decides that; None: `minor`.
    """

    id: str
    action: str
    account: str = ""
    minor: int = 0
    who: str
    job: Job[Any]
    cash: Cash = Cash.NONE
    handed: Callable[[Any], int] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    Attributes:
        outcome: How it ended.
        value: What the hub gave back, when it is done.
        code: Number of the reason, when it was refused.
    """

    outcome: Outcome
    value: Any = None
    code: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the hub did it."""
        return self.outcome is Outcome.DONE


Then = Callable[[Answer], None]


class Counter:
    """Passes requests on, and has them repeated until their outcome is known.

    Args:
        world: Where the hub is.
    """

    def __init__(self, world: Stage) -> None:
        self._world = world
        self.open = 0

    def ask(self, request: Request, then: Then) -> None:
        """Ask, and call `then` once, when the outcome is known."""
        self.open += 1
        if request.cash is Cash.IN:
            self._move("cash_in", request.account, request.minor)
        self._try(request, then, REPEATS_MAX)

    def put_in(self, account: str, minor: int) -> None:
        """Put cash into the drawer that is booked already."""
        self._move("cash_in", account, minor)

    def look(self, job: Job[Any]) -> Any:
        """Look something up; None while the hub doesn't answer."""
        try:
            return self._world.hub.run(job)
        except (OutcomeUnknownError, OverloadedError):
            return None

    def _try(self, request: Request, then: Then, left: int) -> None:
        see = self._world.witness.see
        id_, action = request.id, request.action
        about: dict[str, int | str] = {"account": request.account, "minor": request.minor}
        see("staff_asked", request.who, id=id_, action=action, **about)
        answer = self._answer(request)
        outcome = answer.outcome.value
        see("staff_answered", request.who, id=id_, action=action, outcome=outcome, code=answer.code)
        if answer.outcome is Outcome.UNKNOWN and left:
            self._world.kernel.after(REPEAT_MS, lambda: self._try(request, then, left - 1))
            return
        self.open -= 1
        self._settle(request, answer)
        then(answer)

    def _settle(self, request: Request, answer: Answer) -> None:
        """Hand out cash, when it is time to."""
        if request.cash is Cash.IN and answer.outcome is Outcome.REFUSED:
            self._move("cash_out", request.account, request.minor)
        elif request.cash is Cash.OUT and answer.is_done:
            handed = request.handed(answer.value) if request.handed else request.minor
            self._move("cash_out", request.account, handed)

    def _answer(self, request: Request) -> Answer:
        try:
            return Answer(Outcome.DONE, self._world.hub.run(request.job))
        except (OutcomeUnknownError, OverloadedError):
            return Answer(Outcome.UNKNOWN)
        except HubError as error:
            return Answer(Outcome.REFUSED, code=int(error.code))

    def _move(self, kind: str, account: str, minor: int) -> None:
        if minor:
            self._world.witness.see(kind, TILL, account=account, minor=minor)
