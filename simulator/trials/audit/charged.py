"""What is charged is the price of what the machine truly did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.events import ENDED, Event
from simulator.trials.audit.observation import Seen
from simulator.trials.audit.rating import price_minor

SLACK_MS = 2_000
"""A controller reads its outputs once in a second; the last part of it is its word."""
DRIFT_PPM_MAX = 1_000
"""No sound clock of a controller is worse than a crystal by ten times: 86 s in a day."""
BROKEN_PPM_MAX = 60_000
"""A clock that is said to be broken gains or loses no more than this."""
SLACK_UNITS = 1
"""A meter rounds down."""
CUT_SHORT = "power_lost"
"""Settled from the last checkpoint: less than what was used, never more."""


@dataclass(slots=True)
class Truth:
    """What a machine did during a session.

    Attributes:
        on_ms: How long its contact was closed.
        pulses: How many units it used; None: nobody counted.
        is_clear: Whether meter and contact worked all the time; a meter that counted on
            and couldn't be read for a while did.
        is_dark: Whether its meter can't be read now.
        drift_ppm: How far off the controller's clock may have been.
    """

    on_ms: int = 0
    pulses: int | None = 0
    is_clear: bool = True
    is_dark: bool = False
    drift_ppm: int = DRIFT_PPM_MAX


class Span(NamedTuple):
    """A contact that is closed."""

    session: str
    since_ms: int
    pulses: int | None


class ChargeIsThePriceOfUse(Checker):
    """The charge is the price of the use that is reported, and that use is what happened."""

    invariant = Invariant.CHARGED

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._truths: dict[str, Truth] = {}
        self._spans: dict[tuple[str, str], Span] = {}
        self._off_until: dict[str, int] = {}

    def saw(self, fact: Seen) -> Iterator[str]:
        what = dict(fact.what)
        if fact.kind == "relay_on":
            self._begin(fact, what)
        elif fact.kind == "relay_off":
            self._finish(fact, what)
        elif fact.kind == "part" and what["fault"] in ("meter", "relay"):
            for (name, machine), span in self._spans.items():
                if name == fact.who and what.get("machine", machine) in ("", machine):
                    _note_part(self._truth(span), what)
        elif fact.kind == "fault" and what["name"] == "clock_drift":
            self._off_until[fact.who] = fact.at_ms + int(what["lasts_ms"])
            for (name, _), span in self._spans.items():
                if name == fact.who:
                    self._truth(span).drift_ppm = BROKEN_PPM_MAX
        yield from ()

    def _truth(self, span: Span) -> Truth:
        """What is known of a session; of one that was booked already, nothing that matters."""
        return self._truths.get(span.session) or Truth()

    def now(self) -> Iterator[str]:
        for booked in self.scene.hub.fresh_events:
            event = booked.event
            if event.kind == ENDED:
                yield from self._check_price(event, booked.controller)
                truth = self._truths.pop(event.session, None)
                if truth is None or not self.scene.is_honest(booked.controller, booked.epoch):
                    continue
                if truth.is_clear:
                    yield from self._check_use(event, truth)

    def _begin(self, fact: Seen, what: dict[str, int | str]) -> None:
        file = self.scene.disks.get(fact.who)
        machine = str(what["machine"])
        session = "" if file is None else file.fold.session_at(machine)
        if not session:
            return
        truth = self._truths.setdefault(session, Truth())
        if self.scene.witnessed.is_broken(fact.who, machine):
            truth.is_clear = False
        if fact.at_ms <= self._off_until.get(fact.who, -1):
            truth.drift_ppm = BROKEN_PPM_MAX
        self._spans[fact.who, machine] = Span(session, fact.at_ms, _pulses(what))

    def _finish(self, fact: Seen, what: dict[str, int | str]) -> None:
        span = self._spans.pop((fact.who, str(what["machine"])), None)
        truth = None if span is None else self._truths.get(span.session)
        if span is None or truth is None:
            return
        if truth.is_dark:
            truth.is_clear = False
        truth.on_ms += fact.at_ms - span.since_ms
        upto = _pulses(what)
        if upto is None or span.pulses is None or truth.pulses is None:
            truth.pulses = None
        else:
            truth.pulses += upto - span.pulses

    def _check_price(self, event: Event, controller: str) -> Iterator[str]:
        if event.charge_minor == 0 and not event.usage:
            return
        where = f"{event.session} at {controller}"
        hub = self.scene.hub
        prices = hub.prices(event.tariff, event.tariff_version) if event.tariff else None
        if prices is None:
            if event.charge_minor:
                yield f"{where} charged {event.charge_minor} by a tariff that nobody made"
            return
        wanted = price_minor(prices, event.usage)
        is_free = event.charge_minor == 0 and hub.mode_of(event.machine) == "access"
        if wanted != event.charge_minor and not is_free:
            yield f"{where} charged {event.charge_minor}, its use costs {wanted}"

    def _check_use(self, event: Event, truth: Truth) -> Iterator[str]:
        if self.scene.hub.mode_of(event.machine) != "metered":
            return
        slack = SLACK_MS + truth.on_ms * truth.drift_ppm // 1_000_000
        where = f"{event.session} on {event.machine}"
        if event.time_ms > truth.on_ms + slack:
            yield f"{where} was charged for {event.time_ms} ms, it ran for {truth.on_ms}"
        if event.reason != CUT_SHORT and event.usage and event.time_ms < truth.on_ms - slack:
            yield f"{where} ran for {truth.on_ms} ms, {event.time_ms} are charged"
        if truth.pulses is None:
            return
        if event.quantity > truth.pulses + SLACK_UNITS:
            yield f"{where} was charged for {event.quantity} units, it used {truth.pulses}"
        counted = event.quantity + event.units_lost
        if event.reason != CUT_SHORT and event.usage and counted < truth.pulses - SLACK_UNITS:
            yield f"{where} used {truth.pulses} units, {event.quantity} are charged"


def _note_part(truth: Truth, what: dict[str, int | str]) -> None:
    """A part breaks, or is mended; what a silent meter counted comes with its next reading."""
    if what.get("how") == "silent":
        truth.is_dark = True
    elif what["fault"] == "meter" and not what.get("begins", 1) and truth.is_dark:
        truth.is_dark = False
    else:
        truth.is_clear = False


def _pulses(what: dict[str, int | str]) -> int | None:
    return int(what["pulses"]) if "pulses" in what else None
