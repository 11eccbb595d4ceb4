"""Meters on a Modbus RTU bus, through minimalmodbus.

Several meters may share a port: one thread asks them in turn (MODBUS over Serial Line
1.02, section 2.2: one question at a time). A meter that is silent is asked less often,
so that it doesn't keep the others waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import minimalmodbus
import serial

from hardware.bus import Bus, join_bus, leave_bus
from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.meters.modbus_models import BAUDRATE_USUAL, MODELS, UNIT
from hardware.meters.registers import check_register, decode, words_of
from hardware.meters.snapshot import Snapshot
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


class MeterBus(Bus[Way, Member]):
    """A port and its meters."""

    devices = "meters"
    agree_on = "baud rate and parity"
    members_max = MEMBERS_MAX
    idle_ms = POLL_MS

    def open_line(self) -> serial.Serial:
        return serial.Serial(
            self.way.port,
            self.way.baudrate,
            parity=self.way.parity,
            stopbits=self.way.stopbits,
            timeout=ANSWER_MS / 1000,
            write_timeout=ANSWER_MS / 1000,
            exclusive=True,
        )

    def attend(self, line: serial.Serial, member: Member) -> int:
        return member.poll_ms if member.ask(line) else SILENT_POLLS * member.poll_ms

    def tell_down(self, member: Member, reason: str) -> None:
        member.snapshot.silent(reason)

    def is_same(self, one: Member, other: Member) -> bool:
        """Two registers of one meter are two machines' meters."""
        return one.address == other.address and one.register == other.register


_buses: Shared[str, MeterBus] = Shared()


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
        self._bus: MeterBus | None = join_bus(
            _buses, self._member, way, lambda: MeterBus(way, clock)
        )

    @property
    def health(self) -> Health:
        """What it said last, in words."""
        return self._member.snapshot.health

    def read(self) -> Reading:
        return self._member.snapshot.read()

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            leave_bus(_buses, bus, self._member)
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
