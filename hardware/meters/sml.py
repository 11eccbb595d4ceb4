"""Meters that push SML telegrams, through smllib.

BSI TR-03109-1 appendix IV ("SML 1.04"): a meter sends a list of values every second or
so on its optical port, 9600 baud 8N1; each value is an integer, a power of ten and a
unit. The checksum of a telegram is checked by the library.
"""

from __future__ import annotations

from fractions import Fraction
from threading import Event
from typing import Any

import serial
from smllib.const import UNITS
from smllib.errors import CrcError
from smllib.reader import SmlStreamReader
from smllib.sml_frame import SmlFrame
from smllib.sml_frame_snippet import SmlFrameSnippet

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.meters.obis import Obis, read_code, wanted_code, worth
from hardware.meters.snapshot import Snapshot
from hardware.owner import OwnerThread
from hardware.ports import Health, Reading
from hardware.specs import MeterSpec
from wire.clock import Clock

BAUDRATE = 9_600
PUSH_MS = 4_000
"""Most meters send every second, some every four."""
STALE_MS = 2_000
"""A total is good for three telegrams and this."""
LISTEN_MS = 300
"""Longest wait for bytes in a round: a closed meter is closed within a second."""
CHUNK_BYTES = 4_096
SCALER_MAX = 18
"""Powers of ten that a total can have: TW h to fractions of a µWh."""
_LIST_TYPE, _LIST_MASK, _LONGER = 0x70, 0x70, 0x80


def open_part(spec: MeterSpec, around: Around) -> SmlMeter:
    """Make what the spec describes; see `SmlMeter`."""
    return SmlMeter(spec, around.clock)


class SmlMeter:
    """A `Meter` that is listened to. It counts on by itself.

    Args:
        spec: Port, and code of the total.
        clock: For the age of its total.

    Raises:
        SpecError: The port is missing, or the code isn't one. A port that isn't there is
            no error: the meter is silent until it comes.
    """

    survives_restart = True

    def __init__(self, spec: MeterSpec, clock: Clock) -> None:
        if spec.port is None:
            raise SpecError("a meter with the driver 'sml' needs `port`")
        self._snapshot = Snapshot(clock, 3 * (spec.poll_ms or PUSH_MS) + STALE_MS)
        listener = Listener(spec, self._snapshot)
        self._thread = OwnerThread(
            f"meter {spec.port}",
            lambda: _Line(str(spec.port), spec.baudrate or BAUDRATE, listener),
            self._snapshot.silent,
        )
        self._is_closed = Event()

    @property
    def health(self) -> Health:
        """What it said last, in words."""
        return self._snapshot.health

    def read(self) -> Reading:
        return self._snapshot.read()

    def close(self) -> None:
        if not self._is_closed.is_set():
            self._is_closed.set()
            self._thread.close()
            self._snapshot.close()


class Listener:
    """Takes what comes out of the meter, in pieces of any size.

    Args:
        spec: What to look for.
        snapshot: Where totals go.
    """

    def __init__(self, spec: MeterSpec, snapshot: Snapshot) -> None:
        self._spec = spec
        self._code = wanted_code(spec.obis)
        self._ratio = Fraction(spec.units_numerator, spec.units_denominator)
        self._snapshot = snapshot
        self._stream = SmlStreamReader()

    def feed(self, data: bytes) -> None:
        """Take bytes; never raises."""
        self._stream.add(data)
        while True:
            try:
                frame = self._stream.get_frame()
            except CrcError:
                self._snapshot.silent("a telegram was damaged: check how the reading head sits")
                continue
            except Exception:  # noqa: BLE001 the library's own trouble with bytes at random
                self._stream.clear()
                continue
            if frame is None:
                return
            self._take(frame.bytes)

    def _take(self, telegram: bytes) -> None:
        try:
            total = _total_of(_BoundedFrame(telegram), self._code, self._spec.unit)
        except Exception as error:  # noqa: BLE001 a telegram may hold anything
            reason = str(error) or type(error).__name__
            self._snapshot.garbled(f"its telegram makes no sense: {reason}")
            return
        if total is None:
            self._snapshot.garbled(f"its telegram has no value {self._spec.obis}")
        else:
            self._snapshot.take(total * self._ratio)


class _Line:
    """An open port."""

    def __init__(self, port: str, baudrate: int, listener: Listener) -> None:
        self._listener = listener
        self._serial = serial.Serial(port, baudrate, timeout=LISTEN_MS / 1000, exclusive=True)

    def serve(self) -> int:
        data = self._serial.read(1)
        if data:
            waiting = min(self._serial.in_waiting, CHUNK_BYTES)
            self._listener.feed(data + self._serial.read(waiting))
        return 0

    def close(self) -> None:
        self._serial.close()


class _BoundedFrame(SmlFrame):
    """A telegram whose lists can't claim more entries than it has bytes.

    The library makes room for as many as a list claims, up to gigabytes.
    """

    def get_value(self, pos: int | None = None) -> SmlFrameSnippet:
        at = self.next_pos if pos is None else pos
        if at < self.buf_len and self.buffer[at] & _LIST_MASK == _LIST_TYPE:
            size, more = self.buffer[at] & 0x0F, self.buffer[at] & _LONGER
            while more and at + 1 < self.buf_len and size <= self.buf_len:
                at += 1
                size, more = size << 4 | self.buffer[at] & 0x0F, self.buffer[at] & _LONGER
            if size > self.buf_len:
                raise ValueError("a list claims more than there is")
        return super().get_value(pos)


def _total_of(frame: _BoundedFrame, wanted: Obis, unit: str) -> Fraction | None:
    """Find the total in base units; None: there is none."""
    for message in frame.parse_frame():
        for entry in getattr(message.message_body, "val_list", None) or ():
            code = read_code(entry.obis.obis_code)
            if code is not None and wanted.matches(code):
                return _value_of(entry, unit)
    return None


def _value_of(entry: Any, unit: str) -> Fraction:
    scaler = entry.scaler or 0
    if not isinstance(entry.value, int) or not -SCALER_MAX <= scaler <= SCALER_MAX:
        raise ValueError(f"{entry.obis.obis_code} is no number")
    told_in = "" if entry.unit is None else UNITS.get(entry.unit, str(entry.unit))
    return entry.value * Fraction(10) ** scaler * worth(unit, told_in)
