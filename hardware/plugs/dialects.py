"""What plugs say and want to hear. Pure.

- Shelly, second generation and later: JSON-RPC over MQTT (Shelly Gen2 API, "RPC channels:
  MQTT" and "Switch"); `toggle_after` of `Switch.Set` is the plug's own timer.
- Shelly, first generation (Shelly Gen1 API, "MQTT support"): it has no command with a
  timer over MQTT, so its own `auto_off` must be set; its status tells whether it is.
- Tasmota (documentation, "Commands": Power, PulseTime, Status): the timer is set first,
  and each `Power ON` starts it anew.

Energy is read as the decimal that was sent, never through a binary float.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

import msgspec

from hardware.errors import SpecError
from hardware.ports import LEASE_MS_MAX
from hardware.specs import PlugSpec

PAYLOAD_BYTES_MAX = 16_384
"""A whole status of a plug with four relays has 4 kB; what is longer isn't one."""
EXPONENT_MAX = 30
"""Powers of ten that an energy can have; more would only cost time."""
PULSE_TENTHS_MAX = 111
"""Up to here PulseTime counts tenths of a second, from 112 on it is 100 more than seconds."""
_MS_PER_S = 1_000

Publish = tuple[str, bytes]
"""Topic and payload."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a message tells; None: nothing of it.

    Attributes:
        is_online: Whether the plug is connected to the broker.
        is_on: Its relay.
        energy_wh: Its total.
        timer: What its own timer is set to, as `Dialect.timer_for` gives it.
        trouble: Why it mustn't be used, in words.
    """

    is_online: bool | None = None
    is_on: bool | None = None
    energy_wh: Fraction | None = None
    timer: int | None = None
    trouble: str = ""


NOTHING = Report()


class Dialect(Protocol):
    """One kind of plug."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What to listen to."""
        ...

    def timer_for(self, lease_ms: int) -> int | None:
        """What its timer must be set to before `on`; None: `on` brings it along."""
        ...

    def set_timer(self, timer: int) -> list[Publish]:
        """Set the timer."""
        ...

    def lasts_ms(self, lease_ms: int) -> int:
        """How long the plug may stay on after `on`, if it hears nothing more."""
        ...

    def on(self, lease_ms: int) -> list[Publish]:
        """Switch on until the lease ends, rounded up to what the plug can count."""
        ...

    def off(self) -> list[Publish]:
        """Switch off."""
        ...

    def ask(self) -> list[Publish]:
        """Ask for relay and energy."""
        ...

    def hear(self, topic: str, payload: bytes) -> Report:
        """Understand a message; never raises."""
        ...


def dialect_of(spec: PlugSpec) -> Dialect:
    """Choose by the spec's kind.

    Raises:
        SpecError: There is no such kind.
    """
    kinds: dict[str, Callable[[PlugSpec], Dialect]] = {
        "shelly1": Shelly1,
        "shelly2": Shelly2,
        "tasmota": Tasmota,
    }
    if spec.kind not in kinds:
        raise SpecError(f"unknown plug {spec.kind!r}; known are {', '.join(kinds)}")
    if not spec.topic or spec.channel < 0:
        raise SpecError("a plug needs its topic, and a channel from 0")
    return kinds[spec.kind](spec)


class Shelly2:
    """Second generation and later."""

    def __init__(self, spec: PlugSpec) -> None:
        self._topic = spec.topic
        self._channel = spec.channel
        self._me = f"standpipe/{spec.topic}/{spec.channel}"
        self.topics = (f"{self._me}/rpc", f"{spec.topic}/online", f"{spec.topic}/events/rpc")

    def timer_for(self, lease_ms: int) -> int | None:  # noqa: ARG002 the port's
        return None

    def set_timer(self, timer: int) -> list[Publish]:  # noqa: ARG002 the port's
        return []

    def lasts_ms(self, lease_ms: int) -> int:
        return -(-lease_ms // _MS_PER_S) * _MS_PER_S

    def on(self, lease_ms: int) -> list[Publish]:
        lease_s = self.lasts_ms(lease_ms) // _MS_PER_S
        return [self._call("Switch.Set", on=True, toggle_after=lease_s), *self.ask()]

    def off(self) -> list[Publish]:
        return [self._call("Switch.Set", on=False), *self.ask()]

    def ask(self) -> list[Publish]:
        return [self._call("Switch.GetStatus")]

    def hear(self, topic: str, payload: bytes) -> Report:
        if topic.endswith("/online"):
            return Report(is_online=payload == b"true")
        body = _json(payload)
        if isinstance(_at(body, "error"), dict):
            return Report(trouble=f"it refuses: {_at(body, 'error', 'message')}")
        for status in (_at(body, "result"), _at(body, "params", f"switch:{self._channel}")):
            if isinstance(status, dict) and status.get("id") == self._channel:
                return Report(
                    is_on=_flag(status.get("output")),
                    energy_wh=_number(_at(status, "aenergy", "total")),
                )
        return NOTHING

    def _call(self, method: str, **params: object) -> Publish:
        body = {
            "id": 1,
            "src": self._me,
            "method": method,
            "params": {"id": self._channel, **params},
        }
        return f"{self._topic}/rpc", msgspec.json.encode(body)


class Shelly1:
    """First generation."""

    def __init__(self, spec: PlugSpec) -> None:
        self._root = f"shellies/{spec.topic}"
        self._channel = spec.channel
        self.topics = (f"{self._root}/online", f"{self._root}/info")

    def timer_for(self, lease_ms: int) -> int | None:  # noqa: ARG002 the port's
        return None

    def set_timer(self, timer: int) -> list[Publish]:  # noqa: ARG002 the port's
        return []

    def lasts_ms(self, lease_ms: int) -> int:  # noqa: ARG002 the timer's own
        return LEASE_MS_MAX

    def on(self, lease_ms: int) -> list[Publish]:  # noqa: ARG002 its timer is set by hand
        return [(f"{self._root}/relay/{self._channel}/command", b"on"), *self.ask()]

    def off(self) -> list[Publish]:
        return [(f"{self._root}/relay/{self._channel}/command", b"off"), *self.ask()]

    def ask(self) -> list[Publish]:
        return [(f"{self._root}/command", b"update")]

    def hear(self, topic: str, payload: bytes) -> Report:
        if topic.endswith("/online"):
            return Report(is_online=payload == b"true")
        body = _json(payload)
        relay = _at(body, "relays", self._channel)
        minutes = _number(_at(body, "meters", self._channel, "total"))
        is_on = _flag(_at(relay, "ison"))
        left_s = _number(_at(relay, "timer_remaining"))
        trouble = ""
        if is_on and (_at(relay, "has_timer") is not True or left_s is None):
            trouble = "its own auto-off timer isn't set: set it in the plug, 60 s at most"
        elif is_on and left_s is not None and left_s * _MS_PER_S > LEASE_MS_MAX:
            trouble = "its own auto-off timer is too long: set it in the plug, 60 s at most"
        # It counts watt minutes.
        energy = None if minutes is None else minutes / 60
        return Report(is_on=is_on, energy_wh=energy, trouble=trouble)


class Tasmota:
    """Anything with Tasmota on it, its topics as delivered (`%prefix%/%topic%/`)."""

    def __init__(self, spec: PlugSpec) -> None:
        self._topic = spec.topic
        self._number = spec.channel + 1
        self._channel = spec.channel
        stat = f"stat/{spec.topic}"
        self.topics = (
            f"{stat}/RESULT",
            f"{stat}/STATUS10",
            f"tele/{spec.topic}/LWT",
            f"tele/{spec.topic}/SENSOR",
        )

    def timer_for(self, lease_ms: int) -> int:
        tenths = -(-lease_ms // 100)
        return tenths if tenths <= PULSE_TENTHS_MAX else max(12, -(-tenths // 10)) + 100

    def set_timer(self, timer: int) -> list[Publish]:
        return [self._command(f"PulseTime{self._number}", str(timer).encode())]

    def lasts_ms(self, lease_ms: int) -> int:
        timer = self.timer_for(lease_ms)
        return timer * 100 if timer <= PULSE_TENTHS_MAX else (timer - 100) * _MS_PER_S

    def on(self, lease_ms: int) -> list[Publish]:  # noqa: ARG002 its timer is set
        return [self._command(f"Power{self._number}", b"ON")]

    def off(self) -> list[Publish]:
        return [self._command(f"Power{self._number}", b"OFF")]

    def ask(self) -> list[Publish]:
        return [self._command(f"Power{self._number}", b""), self._command("Status", b"10")]

    def hear(self, topic: str, payload: bytes) -> Report:
        if topic.endswith("/LWT"):
            return Report(is_online=payload == b"Online")
        body = _json(payload)
        power = _at(body, f"POWER{self._number}")
        if power is None and self._number == 1:
            power = _at(body, "POWER")
        total = _at(body, "StatusSNS", "ENERGY", "Total")
        if total is None:
            total = _at(body, "ENERGY", "Total")
        if isinstance(total, list):
            total = _at(total, self._channel)
        kwh = _number(total)
        timer = _at(body, f"PulseTime{self._number}", "Set")
        return Report(
            is_on={"ON": True, "OFF": False}.get(power) if isinstance(power, str) else None,
            energy_wh=None if kwh is None else 1_000 * kwh,
            timer=timer if isinstance(timer, int) else None,
        )

    def _command(self, name: str, payload: bytes) -> Publish:
        return f"cmnd/{self._topic}/{name}", payload


_decoder = msgspec.json.Decoder(float_hook=Decimal)


def _json(payload: bytes) -> Any:
    """Decode; None: it isn't JSON, or longer than any."""
    if len(payload) > PAYLOAD_BYTES_MAX:
        return None
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, ArithmeticError, ValueError, RecursionError):
        return None


def _at(body: Any, *path: str | int) -> Any:
    """What lies at a path of keys and indices; None: nothing."""
    for step in path:
        if isinstance(body, dict) and isinstance(step, str):
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int) and step < len(body):
            body = body[step]
        else:
            return None
    return body


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> Fraction | None:
    """An exact number; None: it isn't one, or of an absurd size."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
        return None
    return Fraction(number)
