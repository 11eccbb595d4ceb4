"""Meters with an optical port that are read out by IEC 62056-21, mode C.

A readout takes seconds, and one that begins at 300 baud half a minute: right for what a
day or a long cycle uses, too slow to stop a shower.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from threading import Event
from typing import TypeVar

import serial

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.meters.iec_readout import (
    BAUDRATE_START,
    BAUDRATES,
    DEVICE_CHARS_MAX,
    READOUT_BYTES_MAX,
    agree,
    readout_in,
    request,
    speed_of,
    total_in,
    with_parity,
    without_parity,
)
from hardware.meters.obis import wanted_code
from hardware.meters.snapshot import Snapshot
from hardware.owner import OwnerThread
from hardware.ports import Health, Reading
from hardware.specs import MeterSpec
from wire.clock import Clock

POLL_MS = 10_000
STALE_MS = 45_000
"""A total is good for three polls and this: one readout at 300 baud takes half a minute."""
TURN_MS = 250
"""Both sides wait 200 ms before they answer (section 6.3, reaction time), and so long do
the last bytes at 300 baud need to leave an adapter that says that they have."""
NAME_MS_MAX = 3_000
"""The answer to a request begins within 1,500 ms, and takes as long at 300 baud."""
GAP_MS_MAX = 1_500
"""Longest pause between two bytes (section 6.3, inter-character time)."""
READOUT_MS_MAX = 60_000
LISTEN_MS = 200
CHUNK_BYTES = 512
_MS_PER_S = 1_000

T = TypeVar("T")


def open_part(spec: MeterSpec, around: Around) -> IecMeter:
    """Make what the spec describes; see `IecMeter`."""
    return IecMeter(spec, around.clock)


class IecMeter:
    """A `Meter` that is read out now and then. It counts on by itself.

    Args:
        spec: Port, device address, and code of the total.
        clock: For the age of its total.

    Raises:
        SpecError: The port is missing, or the code or address isn't one. A port that
            isn't there is no error: the meter is silent until it comes.
    """

    survives_restart = True

    def __init__(self, spec: MeterSpec, clock: Clock) -> None:
        if spec.port is None:
            raise SpecError("a meter with the driver 'iec62056' needs `port`")
        if len(spec.device) > DEVICE_CHARS_MAX or not (spec.device + "0").isalnum():
            raise SpecError(f"device has at most {DEVICE_CHARS_MAX} letters and digits")
        wanted_code(spec.obis)
        poll_ms = spec.poll_ms or POLL_MS
        self._snapshot = Snapshot(clock, 3 * poll_ms + STALE_MS)
        self._ended = Event()
        self._thread = OwnerThread(
            f"meter {spec.port}",
            lambda: _Line(spec, clock, self._snapshot, self._ended),
            self._snapshot.silent,
        )

    @property
    def health(self) -> Health:
        """What it said last, in words."""
        return self._snapshot.health

    def read(self) -> Reading:
        return self._snapshot.read()

    def close(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._thread.close()
            self._snapshot.close()


class _Line:
    """An open port."""

    def __init__(self, spec: MeterSpec, clock: Clock, snapshot: Snapshot, ended: Event) -> None:
        self._spec = spec
        self._clock = clock
        self._snapshot = snapshot
        self._ended = ended
        self._code = wanted_code(spec.obis)
        self._ratio = Fraction(spec.units_numerator, spec.units_denominator)
        self._start_baudrate = spec.baudrate or BAUDRATE_START
        self._serial = serial.Serial(
            spec.port,
            self._start_baudrate,
            timeout=LISTEN_MS / _MS_PER_S,
            exclusive=True,
        )

    def serve(self) -> int:
        try:
            text = self._read_out()
            total = total_in(text, self._code, self._spec.unit)
        except TimeoutError as error:
            self._snapshot.silent(str(error))
        except ValueError as error:
            self._snapshot.garbled(str(error))
        else:
            if total is None:
                self._snapshot.garbled(f"its readout has no value {self._spec.obis}")
            else:
                self._snapshot.take(total * self._ratio)
        return self._spec.poll_ms or POLL_MS

    def close(self) -> None:
        self._serial.close()

    def _read_out(self) -> bytes:
        """Ask, change the speed, listen."""
        line = self._serial
        line.baudrate = self._start_baudrate
        line.reset_input_buffer()
        line.write(with_parity(request(self._spec.device)))
        speed = self._hear(speed_of, NAME_MS_MAX, "it doesn't name itself")
        if speed in BAUDRATES:
            self._ended.wait(TURN_MS / _MS_PER_S)
            line.write(with_parity(agree(speed)))
            line.flush()
            self._ended.wait(TURN_MS / _MS_PER_S)
            line.baudrate = BAUDRATES[speed]
        return self._hear(readout_in, READOUT_MS_MAX, "its readout doesn't come to its end")

    def _hear(self, found_in: Callable[[bytes], T | None], limit_ms: int, complaint: str) -> T:
        """Listen until something is found in what was heard.

        Raises:
            TimeoutError: It took too long, or the meter fell silent.
            ValueError: From `found_in`, or it talks without end.
        """
        heard = b""
        began_ms = last_ms = self._clock.now().mono_ms
        while not self._ended.is_set():
            data = self._serial.read(max(1, min(self._serial.in_waiting, CHUNK_BYTES)))
            heard += without_parity(data)
            found = found_in(heard)
            if found is not None:
                return found
            if len(heard) > READOUT_BYTES_MAX:
                raise ValueError("it talks without end")
            now_ms = self._clock.now().mono_ms
            last_ms = now_ms if data else last_ms
            is_late = now_ms - began_ms > limit_ms
            if is_late or now_ms - last_ms > GAP_MS_MAX + NAME_MS_MAX:
                break
        raise TimeoutError(complaint)
