"""Parts that do what they are told: one reader, and outputs with their lease."""

from __future__ import annotations

from hardware.errors import PartError
from hardware.ports import (
    HEALTH_UP,
    CardGone,
    CardPresent,
    CardReader,
    Display,
    Emit,
    Health,
    Indicator,
    Input,
    Meter,
    Output,
)
from hardware.specs import (
    ButtonSpec,
    BuzzerSpec,
    DisplaySpec,
    IndicatorSpec,
    InputSpec,
    MeterSpec,
    OutputSpec,
    ReaderSpec,
)
from wire.clock import Clock


class ToldReader:
    """A reader on which cards are laid by a call."""

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        self._id = spec.id
        self._clock = clock
        self._emit: Emit | None = None

    @property
    def health(self) -> Health:
        return HEALTH_UP

    def start(self, emit: Emit) -> None:
        self._emit = emit

    def tap(self, uid: bytes, level: int) -> None:
        """Lay a card down and take it away."""
        if self._emit is not None:
            now_ms = self._clock.now().mono_ms
            self._emit(CardPresent(self._id, uid, "type2", level, now_ms))
            self._emit(CardGone(self._id, now_ms))

    def close(self) -> None:
        self._emit = None


class LeasedOutput:
    """An output that falls off when nobody renews it.

    Args:
        clock: For its lease.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: int | None = None
        self._until_ms = 0
        self._before_ms = 0

    @property
    def is_on(self) -> bool:
        self._expire()
        return self._since_ms is not None

    @property
    def on_ms_total(self) -> int:
        self._expire()
        if self._since_ms is None:
            return self._before_ms
        return self._before_ms + self._clock.now().mono_ms - self._since_ms

    def set_on(self, lease_ms: int) -> None:
        self._expire()
        now_ms = self._clock.now().mono_ms
        if self._since_ms is None:
            self._since_ms = now_ms
        self._until_ms = now_ms + lease_ms

    def set_off(self) -> None:
        self._expire()
        self._off(self._clock.now().mono_ms)

    def close(self) -> None:
        self.set_off()

    def _expire(self) -> None:
        if self._since_ms is not None and self._clock.now().mono_ms >= self._until_ms:
            self._off(self._until_ms)

    def _off(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._before_ms += at_ms - self._since_ms
            self._since_ms = None


class ToldParts:
    """Opens these parts, and no others.

    Args:
        clock: What they go by.

    Attributes:
        readers: Open readers by id.
        outputs: Open outputs by machine.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.readers: dict[str, ToldReader] = {}
        self.outputs: dict[str, LeasedOutput] = {}

    def reader(self, spec: ReaderSpec) -> CardReader:
        self.readers[spec.id] = ToldReader(spec, self._clock)
        return self.readers[spec.id]

    def output(self, spec: OutputSpec, machine: str) -> Output:  # noqa: ARG002 port's order
        self.outputs[machine] = LeasedOutput(self._clock)
        return self.outputs[machine]

    def meter(self, spec: MeterSpec, machine: str, output: Output | None) -> Meter:  # noqa: ARG002
        raise _missing("meter")

    def button(self, spec: ButtonSpec) -> Input:  # noqa: ARG002
        raise _missing("button")

    def input(self, spec: InputSpec) -> Input:  # noqa: ARG002
        raise _missing("input")

    def indicator(self, spec: IndicatorSpec, place: str) -> Indicator:  # noqa: ARG002
        raise _missing("indicator")

    def buzzer(self, spec: BuzzerSpec, place: str) -> Indicator:  # noqa: ARG002
        raise _missing("buzzer")

    def display(self, spec: DisplaySpec, place: str) -> Display:  # noqa: ARG002
        raise _missing("display")


def _missing(part: str) -> PartError:
    return PartError(part, "there is none here", "Leave it out of the agent's file")
