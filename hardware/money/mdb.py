"""A vending machine on its MDB bus, through a serial adapter that is its cashless device.

What may be spent is told when a card is there; the machine asks before it gives, and says
afterwards whether it did. Which line does what: `mdb_lines`. What may follow what:
`mdb_session`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Full, Queue

import serial

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.money import mdb_lines as lines, mdb_session as session
from hardware.money.mdb_lines import Line
from hardware.money.mdb_session import Asked, Bus, Came, Ended, News, State
from hardware.money.ports import BusDown, BusUp, VendEnded, VendRequested, VendResult
from hardware.money.specs import VendSpec
from hardware.money.standing import Standing
from hardware.owner import OwnerThread
from hardware.ports import Emit, Health
from wire.clock import Clock

LISTEN_MS = 25
"""How long a round listens: what is decided reaches the machine within it. MDB gives a
cashless device 5 s to answer a request."""
GIVING_MS_MAX = 120_000
"""A machine that says nothing for so long won't: the slowest coffee takes one minute."""
BEGIN_AGAIN_MS = 1_000
"""A session that didn't begin is begun again; a machine is busy for a second after a vend."""
PROBE_MS = 5_000
"""The adapter is asked so often whether it is there, when it says nothing by itself."""
PROBES_MAX = 3
"""So many questions without an answer, and it is gone."""
AWAY_MS = 2_000
"""A machine that resets its bus takes cards again within a second: longer, and it is
told as down."""
ORDERS_MAX = 16
"""The agent decides one thing at a time; more than this wait only behind a dead line."""
_NO_ANSWER = "the adapter doesn't answer: check its power, port and baud rate"

_BEFORE_LEAVING = {State.OPEN: lines.STOP, State.ASKING: lines.DENY}
"""What a machine is told whose cashless device leaves."""

Order = Callable[["_Line"], None]


def open_part(spec: VendSpec, around: Around) -> MdbBus:
    """Make what the spec describes; see `MdbBus`.

    Raises:
        SpecError: A field is missing or impossible.
    """
    if spec.port is None:
        raise SpecError("a vending bus with the driver 'mdb' needs `port`")
    if not 0 <= spec.exponent <= lines.EXPONENT_MAX:
        raise SpecError(f"exponent is {spec.exponent}; write 0 to {lines.EXPONENT_MAX}")
    return MdbBus(spec, around.clock)


class MdbBus:
    """A `VendBus`. Nothing is opened before `start`.

    Args:
        spec: Port, and decimal places of the machine's prices.
        clock: Source of `mono_ms`, and of the names of requests.
    """

    def __init__(self, spec: VendSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._standing = Standing(spec.id, clock, BusUp, BusDown)
        self._orders: Queue[Order] = Queue(ORDERS_MAX)
        self._thread: OwnerThread | None = None
        self._line: _Line | None = None

    @property
    def health(self) -> Health:
        return self._standing.health

    def start(self, emit: Emit) -> None:
        self._standing.start(emit)
        self._line = _Line(self._spec, self._clock, self._standing, self._orders)
        self._thread = OwnerThread(
            f"vending bus {self._spec.id}", self._line.open, self._line.went_down
        )

    def offer(self, funds_minor: int) -> None:
        self._tell(lambda line: line.offer(funds_minor))

    def approve(self, request: str, amount_minor: int) -> None:
        self._tell(lambda line: line.approve(request, amount_minor))

    def deny(self, request: str) -> None:
        self._tell(lambda line: line.deny(request))

    def end(self) -> None:
        self._tell(lambda line: line.end())

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()
        self._standing.close()

    def _tell(self, order: Order) -> None:
        with suppress(Full):
            self._orders.put_nowait(order)


class _Line:
    """The line to the adapter, and what is known of the machine behind it. Its thread's own.

    What is known outlives the port: an approved vend isn't forgotten when a plug is pulled.
    """

    def __init__(
        self, spec: VendSpec, clock: Clock, standing: Standing, orders: Queue[Order]
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._standing = standing
        self._orders = orders
        self._run = str(clock.now().mono_ms)
        self._bus = Bus()
        self._serial: serial.Serial | None = None
        self._heard = b""
        self._funds_minor: int | None = None
        self._tried_ms = 0
        self._since_ms = 0
        self._heard_ms = 0
        self._probes = 0

    def open(self) -> _Line:
        """Open the port and be a new cashless device: the machine resets it at once.

        Raises:
            OSError: The port isn't there.
        """
        self._serial = serial.Serial(
            self._spec.port,
            self._spec.baudrate,
            timeout=LISTEN_MS / 1_000,
            write_timeout=1,
            exclusive=True,
        )
        self._heard, self._probes = b"", 0
        self._heard_ms = self._since_ms = self._now_ms
        self._write(lines.enable(on=False))
        self._write(lines.enable(on=True))
        return self

    def serve(self) -> int:
        assert self._serial is not None  # noqa: S101 the owner opens before it serves
        self._heard += self._serial.read(max(1, self._serial.in_waiting))
        found, self._heard = lines.lines_in(self._heard)
        for raw in found:
            self._hear(lines.read(raw, self._spec.exponent))
        with suppress(Empty):
            while True:
                self._orders.get_nowait()(self)
        self._mind_the_time()
        return 0

    def close(self) -> None:
        """Leave the bus: the machine sees that its cashless device is gone."""
        line, self._serial = self._serial, None
        if line is not None:
            with suppress(Exception):
                if self._bus.state in _BEFORE_LEAVING:
                    line.write(_BEFORE_LEAVING[self._bus.state] + lines.NEWLINE)
                line.write(lines.enable(on=False) + lines.NEWLINE)
                line.flush()
            line.close()

    def went_down(self, reason: str) -> None:
        """The port is gone: nobody will say how a vend ended, and nothing can be chosen."""
        self._bus, news = session.settle(self._bus, VendResult.UNKNOWN, reason)
        self._bus = replace(self._bus, state=State.AWAY, request="", why=session.RESET)
        self._report(news)
        self._standing.down(reason)
        # What waits was decided for a machine that isn't there.
        with suppress(Empty):
            while True:
                self._orders.get_nowait()(self)

    def offer(self, funds_minor: int) -> None:
        """Let something be chosen; begun as soon as the machine is ready."""
        self._funds_minor = funds_minor
        self._tried_ms = 0

    def approve(self, request: str, amount_minor: int) -> None:
        """Let the machine give it."""
        self._funds_minor = None
        self._bus, is_told, news = session.approve(self._bus, request)
        if is_told:
            self._since_ms = self._now_ms
            self._write(lines.approve(amount_minor, self._spec.exponent))
        self._report(news)

    def deny(self, request: str) -> None:
        """Don't let the machine give it."""
        self._bus, is_told = session.deny(self._bus, request)
        if is_told:
            self._write(lines.DENY)

    def end(self) -> None:
        """Let nothing more be chosen; a session that begins only now is ended, too."""
        self._funds_minor = None
        self._tried_ms = 0

    def _hear(self, line: Line) -> None:
        self._heard_ms, self._probes = self._now_ms, 0
        was_away = self._bus.state is State.AWAY
        self._bus, news = session.hear(self._bus, line, self._run)
        if self._bus.state is State.AWAY and not was_away:
            self._since_ms = self._now_ms
        self._report(news)

    def _report(self, news: list[News]) -> None:
        bus, now_ms = self._spec.id, self._now_ms
        for one in news:
            match one:
                case Asked():
                    self._standing.report(
                        VendRequested(bus, one.request, one.price_minor, one.item, now_ms)
                    )
                case Ended():
                    self._standing.report(
                        VendEnded(bus, one.request, one.result, one.reason, now_ms)
                    )
                case Came():
                    self._standing.up()

    def _mind_the_time(self) -> None:
        """Begin what was offered, end what takes too long, ask who is silent."""
        now_ms = self._now_ms
        state = self._bus.state
        is_offered = self._funds_minor is not None
        if state is (State.READY if is_offered else State.OPEN):
            self._begin_or_stop(now_ms)
        elif state is State.GIVING and now_ms - self._since_ms >= GIVING_MS_MAX:
            self._bus, news = session.settle(self._bus, VendResult.UNKNOWN, session.SILENCE)
            self._report(news)
        elif state is State.AWAY and now_ms - self._since_ms >= AWAY_MS:
            self._standing.down(self._bus.why)
        if now_ms - self._heard_ms >= PROBE_MS * (self._probes + 1):
            if self._probes >= PROBES_MAX:
                raise OSError(_NO_ANSWER)
            self._probes += 1
            self._write(lines.WHO)

    def _begin_or_stop(self, now_ms: int) -> None:
        """Begin a session that is offered, or end one that isn't; again until it has."""
        if now_ms - self._tried_ms < BEGIN_AGAIN_MS:
            return
        self._tried_ms = now_ms
        if self._funds_minor is None:
            self._write(lines.STOP)
        else:
            self._write(lines.begin(self._funds_minor, self._spec.exponent))

    def _write(self, line: bytes) -> None:
        """Send a line; nothing happens while the port is closed.

        Raises:
            OSError: The port is gone.
        """
        if self._serial is not None:
            self._serial.write(line + lines.NEWLINE)

    @property
    def _now_ms(self) -> int:
        return self._clock.now().mono_ms
