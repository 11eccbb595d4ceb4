"""Coin and note acceptors that tell a coin by pulses on a pin.

Money that was seen is always reported, whether the acceptor was let accept or not: it is in
the box. What nobody can tell the worth of is reported as lost.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Any

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.gpio import as_part_error, steady_factory
from hardware.money.coin_edges import Edges, PinEdges
from hardware.money.coin_train import NOTHING, Edge, Shape, Train, silence, take, worth_of
from hardware.money.ports import AcceptorDown, AcceptorUp, CashInserted, CashLost
from hardware.money.specs import CashSpec
from hardware.money.standing import Standing
from hardware.owner import OwnerThread
from hardware.ports import Emit, Health
from wire.clock import Clock

IDLE_MS = 500
"""How long a round waits while nothing comes; it ends at once when closed."""
LATE_MS = 100
"""An edge may come that much later than it happened: the pin library's thread has other pins."""
PULSE_MS_MAX = 500
"""The slowest acceptors can be set to 200."""
STUCK_MS = 1_000
"""A line that is active so long isn't pulsing: twice the longest pulse."""
_STUCK = (
    "its pulse line stays active: a coin is stuck, it has no power, or pull_up doesn't fit its "
    "wiring"
)
_KINDS = ("coin", "note")


def open_part(spec: CashSpec, around: Around) -> PulseAcceptor:
    """Make what the spec describes; see `PulseAcceptor`.

    Raises:
        SpecError: A field is missing or impossible.
        PartError: A pin can't be had.
    """
    if spec.pin is None:
        raise SpecError("an acceptor with the driver 'coin_pulse' needs `pin`")
    if bool(spec.values) is bool(spec.pulse_minor):
        raise SpecError("an acceptor with pulses needs either `values` or `pulse_minor`")
    if not 0 < spec.pulse_ms_min < spec.pulse_ms_max <= PULSE_MS_MAX or spec.gap_ms <= 0:
        raise SpecError(f"pulses are 1 to {PULSE_MS_MAX} ms long, and gap_ms is 1 or more")
    if spec.kind not in _KINDS:
        raise SpecError(f"kind is {spec.kind!r}; an acceptor takes coin or note")
    return PulseAcceptor(spec, around.clock, _edges_of(spec, spec.pin))


def _edges_of(spec: CashSpec, pin: int) -> Edges:
    if not spec.path:
        return PinEdges(spec)
    try:
        from hardware.money.coin_kernel import KernelEdges
    except ImportError as error:
        raise SpecError(f"`path` needs the extra `gpiod` ({error}); or leave it away") from error
    return KernelEdges(spec, pin)


class PulseAcceptor:
    """A `CashAcceptor` with a pulse output and, when wired, an inhibit input.

    Args:
        spec: Pins, shape of the pulses, and what they are worth.
        clock: Source of `mono_ms`.
        edges: The line; it is this acceptor's to close.

    Raises:
        PartError: The inhibit pin can't be had; the line is given back.
    """

    def __init__(self, spec: CashSpec, clock: Clock, edges: Edges) -> None:
        self._spec = spec
        self._edges = edges
        self._standing = Standing(spec.id, clock, AcceptorUp, AcceptorDown)
        self._thread: OwnerThread | None = None
        self._lock = Lock()
        self._is_closed = False
        try:
            self._inhibit = _inhibit(spec)
        except BaseException:
            edges.close()
            raise

    @property
    def health(self) -> Health:
        return self._standing.health

    def start(self, emit: Emit) -> None:
        self._standing.start(emit)
        self._thread = OwnerThread(
            f"acceptor {self._spec.id}",
            lambda: _Line(self._spec, self._edges, self._standing),
            self._standing.down,
        )

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 a level
        with self._lock, suppress(Exception):
            if self._inhibit is not None and not self._is_closed:
                self._inhibit.value = not enabled

    def close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            with suppress(Exception):
                if self._inhibit is not None:
                    # The pin floats when it is given back: a resistor must inhibit, too.
                    self._inhibit.value = True
                    self._inhibit.close()
        if self._thread is not None:
            self._thread.close(self._edges.wake)
        self._standing.close()
        self._edges.close()


def _inhibit(spec: CashSpec) -> Any:
    """Take the inhibit pin at the level at which nothing is accepted; None: there is none."""
    if spec.inhibit_pin is None:
        return None
    import gpiozero

    with as_part_error(f"inhibit of {spec.id} at GPIO{spec.inhibit_pin}"):
        return gpiozero.DigitalOutputDevice(
            spec.inhibit_pin,
            active_high=spec.inhibit_active_high,
            initial_value=True,
            pin_factory=steady_factory(),
        )


class _Line:
    """A line that is being read."""

    def __init__(self, spec: CashSpec, edges: Edges, standing: Standing) -> None:
        self._spec = spec
        self._shape = Shape(spec.pulse_ms_min, spec.pulse_ms_max, spec.gap_ms)
        self._edges = edges
        self._standing = standing
        self._train = NOTHING
        self._quiet_since_ms = standing.now_ms

    def serve(self) -> int:
        is_waiting = self._train != NOTHING
        found = self._edges.wait(self._spec.gap_ms + LATE_MS if is_waiting else IDLE_MS)
        for edge in found:
            self._take(edge)
        now_ms = self._standing.now_ms
        if found:
            self._quiet_since_ms = now_ms
        elif now_ms - self._quiet_since_ms >= self._spec.gap_ms:
            self._train, done = silence(self._train)
            self._tell(done)
        if self._train.active_since_ms is None:
            self._standing.up()
        elif now_ms - self._quiet_since_ms >= STUCK_MS:
            self._standing.down(_STUCK)
        return 0

    def close(self) -> None:
        """The line stays requested: what comes meanwhile is kept."""

    def _take(self, edge: Edge) -> None:
        self._train, done = take(self._train, edge, self._shape)
        self._tell(done)

    def _tell(self, train: Train | None) -> None:
        if train is None:
            return
        spec, now_ms = self._spec, self._standing.now_ms
        worth = worth_of(train, spec.values, spec.pulse_minor)
        if worth > 0:
            self._standing.report(CashInserted(spec.id, worth, spec.kind, 0, now_ms))
        if worth <= 0 or train.lost:
            self._standing.report(CashLost(spec.id, 1, now_ms))
