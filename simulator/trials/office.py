"""Scripts: what somebody does step by step, as a generator that waits and asks.

A script yields how long it waits, or what it asks the hub for, and is given the answer.
Each script has a stream of its own, so what one finds never changes what another draws.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from hub.ledger.writer import Job, Tx
from simulator.trials.counter import Answer, Cash, Counter, Outcome, Request
from simulator.trials.draws import arrivals, one_of
from simulator.trials.stage import Stage
from simulator.trials.town import NUMBER_MAX, Household

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
HURRY_MS = 20_000
"""How long people wait at most when everything is to come to an end."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A while in which a script does nothing."""

    duration_ms: int


Script = Generator[Wait | Request, Answer, None]
NO_ANSWER = Answer(Outcome.UNKNOWN)
"""What a script gets that only waited."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing that somebody does.

    Attributes:
        id: Unique in the run; ids of its requests begin with it.
        who: Who does it.
        stream: Its own draws.
    """

    id: str
    who: str
    stream: Random

    def request(
        self,
        step: str,
        job: Job[Any],
        *,
        account: str = "",
        minor: int = 0,
        cash: Cash = Cash.NONE,
        handed: Callable[[Any], int] | None = None,
    ) -> Request:
        """A request under an id of this errand."""
        return Request(
            id=f"{self.id}.{step}",
            action=step,
            account=account,
            minor=minor,
            who=self.who,
            job=job,
            cash=cash,
            handed=handed,
        )


Act = Callable[["Office", Errand], Script]


class Office:
    """Where scripts are followed.

    Args:
        world: Of the run.
        town: Who lives there.
    """

    def __init__(self, world: Stage, town: tuple[Household, ...]) -> None:
        self.world = world
        self.town = town
        self.counter = Counter(world)
        self.running = 0
        self._asleep: dict[int, Script] = {}
        self._naps = 0
        self._hurries = False

    def schedule(self, who: str, kind: str, act: Act, mean_gap_ms: int, until_ms: int) -> None:
        """Have something done again and again, each time as an errand of its own."""
        name = f"{who}/{kind}"
        for number, at_ms in enumerate(arrivals(self.world.stream(name), mean_gap_ms, until_ms)):
            self.plan(at_ms, who, f"{kind}-{number}", act)

    def plan(self, at_ms: int, who: str, name: str, act: Act) -> None:
        """Have something done once, so long after the beginning."""

        def begin() -> None:
            errand = Errand(f"{who}-{name}", who, self.world.stream(f"{who}/{name}"))
            self.follow(act(self, errand))

        self.world.kernel.after(at_ms - self.world.kernel.now_ms, begin)

    def follow(self, script: Script) -> None:
        """Follow a script from its beginning."""
        self.running += 1
        self._step(script, None)

    def hurry(self) -> None:
        """Have everybody come to an end: whoever waits does so no longer than a moment."""
        self._hurries = True
        for nap in tuple(self._asleep):
            self.world.kernel.after(HURRY_MS, partial(self._wake, nap))

    def house(self, stream: Random) -> Household:
        """Somebody who lives here."""
        return self.town[stream.randrange(NUMBER_MAX) % len(self.town)]

    def found(self, sql: str, stream: Random) -> tuple[Any, ...] | None:
        """One row of what the hub knows now; None: it knows none, or doesn't answer."""
        number = stream.randrange(NUMBER_MAX)

        def look(tx: Tx) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in tx.connection.exec_driver_sql(sql)]

        return one_of(self.counter.look(look) or (), number)

    def _step(self, script: Script, answer: Answer | None) -> None:
        try:
            wanted = next(script) if answer is None else script.send(answer)
        except StopIteration:
            self.running -= 1
            return
        if isinstance(wanted, Request):
            self.counter.ask(wanted, lambda found: self._step(script, found))
        else:
            self._sleep(script, wanted.duration_ms)

    def _sleep(self, script: Script, duration_ms: int) -> None:
        self._naps += 1
        nap = self._naps
        self._asleep[nap] = script
        if self._hurries:
            duration_ms = min(duration_ms, HURRY_MS)
        self.world.kernel.after(duration_ms, lambda: self._wake(nap))

    def _wake(self, nap: int) -> None:
        """Go on with a script that slept, unless somebody woke it earlier."""
        script = self._asleep.pop(nap, None)
        if script is not None:
            self._step(script, NO_ANSWER)
