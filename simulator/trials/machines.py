"""A controller's machines: relays with their lease, meters, buttons, readers, and the plant.

They keep the promises of `hardware.ports`. What the plant truly did is told to the witness
when a contact moves; what the agent is told may differ, when a part is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from hardware.errors import PartError
from hardware.ports import (
    ALL_SCRIPTS,
    HEALTH_UP,
    ButtonPressed,
    CardGone,
    CardPresent,
    Display,
    Emit,
    Health,
    HealthState,
    Indicator,
    InputChanged,
    PartEvent,
    Quality,
    ReaderDown,
    ReaderUp,
    Reading,
    Signal,
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
from simulator.parts.plant import Plant, PlantSpec, advance, is_running, switch
from simulator.trials.kernel import Kernel, Timer
from simulator.trials.wiring import machine_of, reader_of
from simulator.trials.witness import Witness
from wire.clock import Clock

EXCHANGED_OF = 3
"""One of so many broken meters is exchanged, and works at once."""
STANDS_AT = 1_000_000_000
"""What the counter of another meter may say."""
CARD_MS = 700
"""How long a card lies on a reader."""


class Part(StrEnum):
    """What can break."""

    READER = "reader"
    METER = "meter"
    RELAY = "relay"
    FEEDBACK = "feedback"


def mode_of(part: Part, how: int) -> str:
    """In what way a part is broken, in a word; only meters have several."""
    if part is not Part.METER:
        return "broken"
    if how % EXCHANGED_OF == 0:
        return "exchanged"
    return "loses" if how % 2 else "silent"


class Machine:
    """One machine with all its parts.

    Args:
        id_: Its id.
        spec: What kind of plant it is.
        at: Name of the disk whose agent it hangs at, for the witness.
        kernel: Virtual time.
        witness: Sees contacts move.
    """

    def __init__(
        self, id_: str, spec: PlantSpec, at: str, kernel: Kernel, witness: Witness
    ) -> None:
        self.id = id_
        self.at = at
        self.broken: dict[Part, int] = {}
        self.emit: dict[str, Callable[[PartEvent], None]] = {}
        self.clock: Clock | None = None
        self.woken: Callable[[], None] = lambda: None
        self._spec = spec
        self._kernel = kernel
        self._witness = witness
        self._plant = Plant()
        self._seen_ms = 0
        self._lease: Timer | None = None
        self._ran = False

    @property
    def pulses(self) -> int:
        """What its meter truly gave since the beginning."""
        self._pass()
        return self._plant.pulses

    @property
    def runs(self) -> bool:
        """Whether it truly runs now."""
        self._pass()
        return is_running(self._spec, self._plant)

    @property
    def says_running(self) -> bool:
        """What its own signal says; a wire that is broken says nothing."""
        return self.runs and Part.FEEDBACK not in self.broken

    @property
    def is_closed(self) -> bool:
        """Whether its relay's contact is closed."""
        return self._plant.relay

    def hold(self, lease_ms: int) -> None:
        """Close the relay for a lease."""
        if self._lease is not None:
            self._lease.cancel()
        self._lease = self._kernel.after(lease_ms, self.let_go)
        self._switch(closed=True)

    def let_go(self) -> None:
        """Open the relay, unless its contact is welded."""
        if self._lease is not None:
            self._lease.cancel()
            self._lease = None
        if not self.is_welded:
            self._switch(closed=False)

    @property
    def is_welded(self) -> bool:
        """Whether the contact stays closed once it is."""
        return self.broken.get(Part.RELAY, 0) % 2 == 1

    def mend(self, part: Part) -> None:
        """Mend a part; a contact that was welded opens, unless its lease still runs."""
        self.broken.pop(part, None)
        if part is Part.RELAY and self._lease is None:
            self._switch(closed=False)
        if part is Part.FEEDBACK:
            self._look_at_feedback()
        if part is Part.READER:
            self._tell("reader", ReaderUp(reader_of(self.id), self._mono_ms()))

    def break_(self, part: Part, how: int) -> None:
        """Break a part; `how` chooses in what way."""
        self.broken[part] = how
        if part is Part.FEEDBACK:
            self._look_at_feedback()
        if part is Part.READER:
            self._tell("reader", ReaderDown(reader_of(self.id), "no answer", self._mono_ms()))

    def tap(self, uid: bytes, level: int) -> None:
        """Lay a card on its reader for a moment."""
        if Part.READER in self.broken:
            return
        reader = reader_of(self.id)
        self._tell("reader", CardPresent(reader, uid, "type2", level, self._mono_ms()))
        self._kernel.after(CARD_MS, lambda: self._tell("reader", CardGone(reader, self._mono_ms())))

    def press(self) -> None:
        """Press its button."""
        self._tell("button", ButtonPressed(self.id, self._mono_ms()))

    def unplug(self) -> None:
        """Nobody listens any more."""
        self.emit.clear()

    def _switch(self, *, closed: bool) -> None:
        if closed == self._plant.relay:
            return
        self._pass()
        self._plant = switch(self._spec, self._plant, closed=closed)
        kind = "relay_on" if closed else "relay_off"
        self._witness.see(kind, self.at, machine=self.id, pulses=self._plant.pulses)
        self._look_at_feedback()
        for delay_ms in (self._spec.spin_up_ms, self._spec.cycle_ms):
            if closed and delay_ms:
                self._kernel.after(delay_ms, self._look_at_feedback)

    def _look_at_feedback(self) -> None:
        runs = self.says_running
        if runs is not self._ran:
            self._ran = runs
            self._tell("feedback", InputChanged(self.id, runs, self._mono_ms()))

    def _pass(self) -> None:
        now_ms = self._kernel.now_ms
        if now_ms > self._seen_ms:
            self._plant = advance(self._spec, self._plant, now_ms - self._seen_ms)
            self._seen_ms = now_ms

    def _tell(self, part: str, happened: PartEvent) -> None:
        emit = self.emit.get(part)
        if emit is not None:
            emit(happened)
            self.woken()

    def _mono_ms(self) -> int:
        return 0 if self.clock is None else self.clock.now().mono_ms


class MachineParts:
    """Opens the parts of a controller's machines; a `PartsOpener`.

    Args:
        machines: By id.
        clock: The controller's.
        woken: Called after a part has reported.
    """

    def __init__(
        self, machines: dict[str, Machine], clock: Clock, woken: Callable[[], None]
    ) -> None:
        self._machines = machines
        self._clock = clock
        for machine in machines.values():
            machine.unplug()
            machine.clock, machine.woken = clock, woken

    def reader(self, spec: ReaderSpec) -> _Reader:
        return _Reader(self._machines[machine_of(spec.id)], spec.id, self._clock)

    def output(self, spec: OutputSpec, machine: str) -> _Output:  # noqa: ARG002 the port's signature
        # As the real driver does: a pin that is taken is off from then on.
        self._machines[machine].let_go()
        return _Output(self._machines[machine], self._clock)

    def meter(self, spec: MeterSpec, machine: str, output: object) -> _Meter:  # noqa: ARG002 the port's signature
        return _Meter(self._machines[machine])

    def button(self, spec: ButtonSpec) -> _Pin:
        return _Pin(self._machines[spec.id], "button")

    def input(self, spec: InputSpec) -> _Pin:
        return _Pin(self._machines[spec.id], "feedback")

    def indicator(self, spec: IndicatorSpec, place: str) -> Indicator:  # noqa: ARG002 the port's signature
        return _Lamps()

    def buzzer(self, spec: BuzzerSpec, place: str) -> Indicator:  # noqa: ARG002 the port's signature
        return _Lamps()

    def display(self, spec: DisplaySpec, place: str) -> Display:  # noqa: ARG002 the port's signature
        return _Screen()


class _Output:
    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock
        self._on_ms = 0
        self._since_ms: int | None = None
        self._until_ms = 0

    @property
    def is_on(self) -> bool:
        self._expire()
        return self._since_ms is not None

    @property
    def on_ms_total(self) -> int:
        self._expire()
        running = 0 if self._since_ms is None else self._clock.now().mono_ms - self._since_ms
        return self._on_ms + running

    def set_on(self, lease_ms: int) -> None:
        if self._machine.broken.get(Part.RELAY, 1) % 2 == 0:
            raise PartError("output", "the pin can't be driven", "Check the relay board")
        self._expire()
        now_ms = self._clock.now().mono_ms
        if self._since_ms is None:
            self._since_ms = now_ms
        self._until_ms = now_ms + lease_ms
        self._machine.hold(lease_ms)

    def set_off(self) -> None:
        self._expire()
        self._off(self._clock.now().mono_ms)
        self._machine.let_go()

    def close(self) -> None:
        self.set_off()

    def _expire(self) -> None:
        if self._since_ms is not None and self._clock.now().mono_ms >= self._until_ms:
            self._off(self._until_ms)

    def _off(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._on_ms += max(0, at_ms - self._since_ms)
            self._since_ms = None


class _Meter:
    """Counts pulses while it is open."""

    survives_restart = False

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._opened = machine.pulses
        self._last = 0
        self._missed = 0
        self._is_another = False

    def read(self) -> Reading:
        how = self._machine.broken.get(Part.METER)
        mode = "" if how is None else mode_of(Part.METER, how)
        if mode == "exchanged" and how is not None and not self._is_another:
            # Somebody hung another meter there, which stands lower or higher.
            self._opened = self._machine.pulses - (STANDS_AT if how % 2 else 0)
            self._missed = 0
        self._is_another = mode == "exchanged"
        total = self._machine.pulses - self._opened - self._missed
        if mode in ("", "exchanged"):
            self._last = total
            return Reading(total, Quality.OK, self._missed)
        if mode == "silent":  # it counts, and can't be read
            return Reading(self._last, Quality.SILENT, self._missed)
        self._missed += total - self._last  # pulses that are known to be lost
        return Reading(self._last, Quality.OK, self._missed)

    def close(self) -> None:
        """Nothing to give back."""


class _Pin:
    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._name = name

    @property
    def is_active(self) -> bool:
        return self._name == "feedback" and self._machine.says_running

    def start(self, emit: Emit) -> None:
        self._machine.emit[self._name] = emit

    def close(self) -> None:
        self._machine.emit.pop(self._name, None)


class _Reader:
    def __init__(self, machine: Machine, id_: str, clock: Clock) -> None:
        self._machine = machine
        self._id = id_
        self._clock = clock

    @property
    def health(self) -> Health:
        is_down = Part.READER in self._machine.broken
        return Health(HealthState.DOWN, "no answer") if is_down else HEALTH_UP

    def start(self, emit: Emit) -> None:
        self._machine.emit["reader"] = emit
        now_ms = self._clock.now().mono_ms
        if Part.READER in self._machine.broken:
            emit(ReaderDown(self._id, "no answer", now_ms))
        else:
            emit(ReaderUp(self._id, now_ms))

    def close(self) -> None:
        self._machine.emit.pop("reader", None)


class _Lamps:
    def show(self, signal: Signal) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Off."""


class _Screen:
    health = HEALTH_UP
    scripts = ALL_SCRIPTS

    def show(self, lines: tuple[str, ...]) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Empty."""
