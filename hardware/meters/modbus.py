"""Meters on a Modbus RTU bus, through minimalmodbus.

Several meters may share a port: one thread asks them in turn (MODBUS over Serial Line
1.02, section 2.2: one question at a time). A meter that is silent is asked less often,
so that it doesn't keep the others waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from threading import Lock

import minimalmodbus
import serial

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.meters.modbus_models import BAUDRATE_USUAL, MODELS, UNIT
from hardware.meters.registers import check_register, decode, words_of
from hardware.meters.snapshot import Snapshot
from hardware.owner import OwnerThread
from hardware.ports import Health, Reading
from hardware.sharing import Shared
from hardware.specs import MeterSpec, RegisterSpec
from wire.clock import Clock

POLL_MS = 500
"""Four meters at 2400 baud (80 ms for question and answer) fit into it twice."""
ANSWER_MS = 300
"""Longest wait for an answer: 80 ms on the wire, and meters think for up to 200."""
SILENT_POLLS = 4
"""A silent meter is asked so many times rarer: its 300 ms of waiting are an eighth of the bus."""
STALE_MS = 2_000
"""A total is good for three polls and this: one lost answer isn't silence."""
ADDRESS_MAX = 247
"""Highest address of one meter (MODBUS over Serial Line 1.02, section 2.2)."""
MEMBERS_MAX = 32
"""Unit loads that one RS-485 driver carries."""
_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
STOPBITS_MAX = 2


@dataclass(frozen=True, slots=True)
class Way:
    """How a port talks.

    Attributes:
        port: Its path.
        baudrate: Bits per second.
        parity: As pyserial names it.
        stopbits: 1 or 2.
    """

    port: str
    baudrate: int
    parity: str
    stopbits: int


class Member:
    """A meter on the bus.

    Args:
        spec: Which one.
        clock: For the age of its total.
    """

    def __init__(self, spec: MeterSpec, clock: Clock) -> None:
        self.register, self._scale = _register_of(spec)
        self.address = spec.address
        self.poll_ms = spec.poll_ms or POLL_MS
        self.due_ms = 0
        self.snapshot = Snapshot(clock, 3 * self.poll_ms + STALE_MS)

    def ask(self, line: serial.Serial) -> bool:
        """Ask it once; False: it was silent or not understood.

        Raises:
            OSError: The port is gone.
        """
        instrument = minimalmodbus.Instrument(line, self.address)
        register = self.register
        try:
            words = instrument.read_registers(
                register.address, words_of(register), register.function
            )
            self.snapshot.take(decode(register, words) * self._scale)
        except minimalmodbus.SlaveReportedException as error:
            self.snapshot.garbled(f"it refuses the register: {error}")
        except minimalmodbus.ModbusException as error:
            self.snapshot.silent(str(error))
            return False
        except ValueError as error:
            self.snapshot.garbled(str(error))
        return True


class Bus:
    """A port and its meters.

    Args:
        way: How the port talks.
        clock: Tells who is due.
    """

    def __init__(self, way: Way, clock: Clock) -> None:
        self.way = way
        self._clock = clock
        self._lock = Lock()
        self._members: list[Member] = []
        self._thread = OwnerThread(f"meter bus {way.port}", self._open, self._went_down)

    def join(self, member: Member, way: Way) -> None:
        """Take a meter in, that talks in its `way`.

        Raises:
            SpecError: The others talk in another way, the address is taken, or the bus
                is full.
        """
        if way != self.way:
            raise SpecError(f"the meters at {way.port} must all have one baud rate and parity")
        with self._lock:
            same = [other for other in self._members if other.address == member.address]
            if any(other.register == member.register for other in same):
                raise SpecError(
                    f"{self.way.port} has two meters with the address {member.address}: "
                    "give each its own, at the meter and here"
                )
            if len(self._members) >= MEMBERS_MAX:
                raise SpecError(f"{self.way.port} has more than {MEMBERS_MAX} meters: add a port")
            self._members.append(member)
        self._thread.wake()

    def leave(self, member: Member) -> None:
        """Ask a meter no more."""
        with self._lock:
            self._members = [other for other in self._members if other is not member]

    def close(self) -> None:
        """Give the port back."""
        self._thread.close()

    def _open(self) -> _Line:
        return _Line(self, self._clock)

    def members(self) -> list[Member]:
        """All meters now."""
        with self._lock:
            return list(self._members)

    def _went_down(self, reason: str) -> None:
        for member in self.members():
            member.snapshot.silent(f"{self.way.port}: {reason}")


class _Line:
    """An open port."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._serial = serial.Serial(
            bus.way.port,
            bus.way.baudrate,
            parity=bus.way.parity,
            stopbits=bus.way.stopbits,
            timeout=ANSWER_MS / 1000,
            write_timeout=ANSWER_MS / 1000,
            exclusive=True,
        )

    def serve(self) -> int:
        members = self._bus.members()
        if not members:
            return POLL_MS
        member = min(members, key=lambda one: one.due_ms)
        now_ms = self._clock.now().mono_ms
        if member.due_ms > now_ms:
            return member.due_ms - now_ms
        answered = member.ask(self._serial)
        pause_ms = member.poll_ms if answered else SILENT_POLLS * member.poll_ms
        member.due_ms = self._clock.now().mono_ms + pause_ms
        return 0

    def close(self) -> None:
        self._serial.close()


_buses: Shared[str, Bus] = Shared()


def open_part(spec: MeterSpec, around: Around) -> ModbusMeter:
    """Make what the spec describes; see `ModbusMeter`."""
    return ModbusMeter(spec, around.clock)


class ModbusMeter:
    """A `Meter` on a bus. It counts on by itself, whoever reads it.

    Args:
        spec: Port, address, and model or register.
        clock: For the age of its total.

    Raises:
        SpecError: A field is missing or impossible, or doesn't agree with another meter
            at the same port. A port that isn't there is no error: the meter is silent
            until it comes.
    """

    survives_restart = True

    def __init__(self, spec: MeterSpec, clock: Clock) -> None:
        way = _way_of(spec)
        self._member = Member(spec, clock)
        bus = _buses.join(way.port, lambda: Bus(way, clock))
        try:
            bus.join(self._member, way)
        except SpecError:
            _buses.leave(way.port)
            raise
        self._bus: Bus | None = bus

    @property
    def health(self) -> Health:
        """What it said last, in words."""
        return self._member.snapshot.health

    def read(self) -> Reading:
        return self._member.snapshot.read()

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.leave(self._member)
            _buses.leave(bus.way.port)
            self._member.snapshot.close()


def _way_of(spec: MeterSpec) -> Way:
    if spec.port is None:
        raise SpecError("a meter with the driver 'modbus' needs `port`")
    if not 1 <= spec.address <= ADDRESS_MAX:
        raise SpecError(f"address is {spec.address}: a Modbus meter has 1 to {ADDRESS_MAX}")
    parity = spec.parity or "none"
    if parity not in _PARITIES or not 0 <= spec.stopbits <= STOPBITS_MAX:
        raise SpecError("parity is none, even or odd, and stopbits 1 or 2")
    usual = MODELS[spec.model].baudrate if spec.model in MODELS else BAUDRATE_USUAL
    return Way(spec.port, spec.baudrate or usual, _PARITIES[parity], spec.stopbits or 1)


def _register_of(spec: MeterSpec) -> tuple[RegisterSpec, Fraction]:
    """Where the total is, and how many base units a count is worth."""
    ratio = Fraction(spec.units_numerator, spec.units_denominator)
    if spec.register is not None and not spec.model:
        check_register(spec.register)
        return spec.register, ratio
    model = MODELS.get(spec.model)
    if model is None or spec.register is not None:
        raise SpecError(
            "a meter with the driver 'modbus' needs either `register` or "
            f"`model`, one of {', '.join(MODELS)}"
        )
    if spec.unit != UNIT:
        raise SpecError(f"{spec.model} counts {UNIT}, not {spec.unit}")
    return model.register, model.wh_per_count * ratio
