"""Every part, opened and tried; with a person there, also what only eyes and ears can tell.

Checks go by what a part can do (its port), not by its driver or kind: a new driver, and
a new kind of part in `Parts`, is looked at without a change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from queue import Empty, Queue
from threading import Event
from typing import Any

from firmware_agent.checkup.finding import Finding, bad, good
from firmware_agent.checkup.person import Person
from firmware_agent.parts import Parts
from hardware.errors import HardwareError
from hardware.ports import (
    ButtonPressed,
    CardPresent,
    Health,
    HealthState,
    Meter,
    Output,
    PartEvent,
    Quality,
    Signal,
)

ANSWER_MS = 3_000
"""A part that is there answers within a second or two."""
PERSON_S = 30.0
"""Time to find a card and walk to the reader."""
LOOK_MS = 50
TRY_MS = 2_000
"""A relay's click is heard, and a load gives pulses, within two seconds."""
TRY_FUNDS_MINOR = 10_000
"""Enough for anything that a vending machine sells, below what two bytes of MDB hold."""
_TEST_TEXT = ("Standpipe", "0123456789")
_NO_PARTS = ("missing", "homes")
"""What `Parts` keeps beside parts."""


def look_at_parts(parts: Parts, seen: Queue[PartEvent], person: Person) -> Iterator[Finding]:
    """Look at open, started parts; `seen` is what they report."""
    for place, reason in parts.missing.items():
        yield bad(place, reason)
    for place, display in parts.displays.items():
        display.show((*_TEST_TEXT, place)[:2])
    for kind, name, part in _all(parts):
        yield from _try_part(f"{kind} of {name}", part)
    if person.is_there:
        yield from _with_person(parts, seen, person)


def _all(parts: Parts) -> Iterator[tuple[str, str, Any]]:
    """Every part with its kind, as `Parts` names it in the plural."""
    for kind in fields(parts):
        opened = getattr(parts, kind.name)
        if isinstance(opened, dict) and kind.name not in _NO_PARTS:
            for name, part in opened.items():
                yield kind.name.removesuffix("s"), name, part


def _try_part(what: str, part: Any) -> Iterator[Finding]:
    if hasattr(part, "read"):
        yield _meter(what, part)
    elif hasattr(part, "health"):
        yield _health(what, part)
    elif hasattr(part, "is_active"):
        yield good(what, f"opened, {'active' if part.is_active else 'at rest'} now")
    else:
        yield good(what, "opened")


def _health(what: str, part: Any) -> Finding:
    _wait_until(lambda: part.health.state is not HealthState.UNKNOWN, ANSWER_MS)
    health: Health = part.health
    if health.state is HealthState.UP:
        return good(what, "answers")
    return bad(what, health.reason or "doesn't answer: check its cable, port and baud rate")


def _meter(what: str, meter: Meter) -> Finding:
    _wait_until(lambda: meter.read().quality is Quality.OK, ANSWER_MS)
    reading = meter.read()
    if reading.quality is Quality.OK:
        lost = f", {reading.lost} pulses lost" if reading.lost else ""
        return good(what, f"stands at {reading.total}{lost}")
    if reading.quality is Quality.SILENT:
        return bad(
            what,
            "silent: check its power, the two wires (A and B may be swapped), its address, "
            "baud rate and parity, or the path",
        )
    health: Health | None = getattr(meter, "health", None)
    if health is not None and health.reason:
        return bad(
            what,
            f"no usable answer ({health.reason}): check its power and wires, and that driver, "
            "address, baud rate, register map and unit fit it",
        )
    return bad(what, "its answers make no sense: check that driver, register map and unit fit it")


def _with_person(parts: Parts, seen: Queue[PartEvent], person: Person) -> Iterator[Finding]:
    for name in parts.readers:
        person.tell(f"Tap a card on reader {name} now ({PERSON_S:.0f} s).")
        card = _wait_for(seen, lambda e, n=name: isinstance(e, CardPresent) and e.reader == n)
        yield _card(f"a card on {name}", card)
    for name in parts.buttons:
        person.tell(f"Press the button of {name} now ({PERSON_S:.0f} s).")
        press = _wait_for(seen, lambda e, n=name: isinstance(e, ButtonPressed) and e.button == n)
        what = f"button of {name}, pressed"
        yield good(what, "seen") if press else bad(what, "not seen: check that it pulls to ground")
    for name, display in parts.displays.items():
        display.show(_TEST_TEXT)
        yield _seen(person, f"display of {name}", f"Does the display of {name} show 0123456789?")
    for name, lamp in (*parts.indicators.items(), *parts.buzzers.items()):
        lamp.show(Signal.REFUSED)
        yield _seen(person, f"signal at {name}", f"Does {name} signal a refusal (red, or a sound)?")
        lamp.show(Signal.OFF)
    for kind, name, part in _all(parts):
        if hasattr(part, "set_enabled"):
            yield _coin(f"{kind} of {name}, fed", name, part, seen, person)
        if hasattr(part, "offer"):
            yield _choice(f"{kind} of {name}, chosen at", name, part, seen, person)
    for name, output in parts.outputs.items():
        yield from _switch(name, output, parts.meters.get(name), person)


def _card(what: str, event: PartEvent | None) -> Finding:
    if not isinstance(event, CardPresent):
        return bad(what, "none was seen: hold it flat and still; metal behind an antenna kills it")
    # Not the UID: who watches the screen could copy the card.
    words = f"a card of {len(event.uid)} bytes, {event.kind}, level {event.level}"
    return good(what, words + (": only its UID, which can be copied" if event.level == 0 else ""))


def _coin(what: str, name: str, acceptor: Any, seen: Queue[PartEvent], person: Person) -> Finding:
    """Feed an acceptor: only this check ever lets it take money that nobody is credited."""
    acceptor.set_enabled(True)
    try:
        person.tell(f"Put a coin or a note into {name} now ({PERSON_S:.0f} s); take it out again.")
        event: Any = _wait_for(
            seen, lambda e: getattr(e, "acceptor", "") == name and hasattr(e, "value_minor")
        )
    finally:
        acceptor.set_enabled(False)
    if event is None:
        return bad(what, "nothing was seen: check its power, its pin or bus, and its coin values")
    return good(what, f"worth {event.value_minor} minor units")


def _choice(what: str, name: str, bus: Any, seen: Queue[PartEvent], person: Person) -> Finding:
    """Let something be chosen at a vending machine, and give nothing."""
    bus.offer(TRY_FUNDS_MINOR)
    try:
        person.tell(
            f"Choose something at {name} now ({PERSON_S:.0f} s); nothing will come out of it."
        )
        event: Any = _wait_for(seen, lambda e: hasattr(e, "amount_minor") and hasattr(e, "item"))
        if event is not None:
            bus.deny(event.request)
    finally:
        bus.end()
    if event is None:
        return bad(what, "nothing was asked: check its cable, and that it sells by cashless device")
    return good(what, f"asked {event.amount_minor} minor units for {event.item or 'something'}")


def _switch(name: str, output: Output, meter: Meter | None, person: Person) -> Iterator[Finding]:
    what = f"output of {name}, switched"
    if not person.agrees(f"May {name} be switched on for {TRY_MS // 1000} seconds?"):
        return
    before = meter.read().total if meter is not None else 0
    try:
        output.set_on(2 * TRY_MS)
        Event().wait(TRY_MS / 1000)
        output.set_off()
    except HardwareError as error:
        yield bad(what, str(error))
        return
    heard = "Did the relay click, twice, and did the machine get power in between?"
    yield _seen(person, what, heard)
    if meter is not None:
        used = meter.read().total - before
        words = f"{used} while it was on" + ("" if used else "; right only without a load")
        yield good(f"meter of {name}, counting", words)


def _seen(person: Person, what: str, question: str) -> Finding:
    if person.agrees(question):
        return good(what, "as it should be, says the person")
    return bad(what, "not as it should be: check its pin, its polarity and its power")


def _wait_for(seen: Queue[PartEvent], wanted: Callable[..., bool]) -> PartEvent | None:
    """Take events until the wanted one; None: it didn't come in time."""
    try:
        while True:
            event = seen.get(timeout=PERSON_S)
            if wanted(event):
                return event
    except Empty:
        return None


def _wait_until(holds: Callable[[], bool], limit_ms: int) -> None:
    for _ in range(limit_ms // LOOK_MS):
        if holds():
            return
        Event().wait(LOOK_MS / 1000)
