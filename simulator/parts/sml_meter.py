"""A meter that pushes SML telegrams out of its optical port.

SML 1.04 (BSI TR-03109-1, appendix IV): a type-length field before each value (section 6),
a telegram between escape sequences with a CRC-16/X-25 at its end (section 8).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from simulator.parts.pty_port import PtyPort

_ESCAPE = b"\x1b\x1b\x1b\x1b"
_START = _ESCAPE + b"\x01\x01\x01\x01"
_END_OF_MESSAGE = b"\x00"
_NONE = b"\x01"
_OPEN, _CLOSE, _LIST = 0x0101, 0x0201, 0x0701
WH = 30
"""The unit Wh (DLMS/COSEM blue book, table of units)."""
ENERGY = bytes.fromhex("0100010800ff")
POWER = bytes.fromhex("0100100700ff")
_WATT = 27
_SERVER = bytes.fromhex("0a01454d480000123456")


def octets(data: bytes) -> bytes:
    """An octet string of up to 14 bytes."""
    return bytes([len(data) + 1]) + data


def unsigned(value: int, size: int) -> bytes:
    """An unsigned number of `size` bytes."""
    return bytes([0x60 | size + 1]) + value.to_bytes(size, "big")


def signed(value: int, size: int) -> bytes:
    """A signed number of `size` bytes."""
    return bytes([0x50 | size + 1]) + value.to_bytes(size, "big", signed=True)


def listed(*entries: bytes) -> bytes:
    """A list of up to 15 entries."""
    return bytes([0x70 | len(entries)]) + b"".join(entries)


def entry(code: bytes, unit: int, scaler: int, value: int) -> bytes:
    """A value with its code, unit and power of ten."""
    return listed(
        octets(code), _NONE, _NONE, unsigned(unit, 1), signed(scaler, 1), signed(value, 8), _NONE
    )


def telegram(*entries: bytes) -> bytes:
    """A whole telegram with these values."""
    opening = listed(_NONE, _NONE, octets(b"\x00\x01"), octets(_SERVER), _NONE, _NONE)
    values = listed(_NONE, octets(_SERVER), _NONE, _NONE, listed(*entries), _NONE, _NONE)
    body = _message(1, _OPEN, opening) + _message(2, _LIST, values)
    body += _message(3, _CLOSE, listed(_NONE))
    body = body.replace(_ESCAPE, 2 * _ESCAPE)
    padding = -len(body) % 4
    framed = _START + body + bytes(padding) + _ESCAPE + b"\x1a" + bytes([padding])
    return framed + _crc(framed)


def _message(number: int, kind: int, body: bytes) -> bytes:
    head = octets(bytes([number])) + unsigned(0, 1) + unsigned(0, 1)
    message = b"\x76" + head + listed(unsigned(kind, 2), body)
    return message + b"\x63" + _crc(message) + _END_OF_MESSAGE


def _crc(data: bytes) -> bytes:
    """CRC-16/X-25, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little")


class VirtualSmlMeter:
    """A meter. Works from `plug` on.

    Args:
        path: Where the host finds it.
        tenths_wh: Gives its total, in tenths of a Wh.
        push_ms: How often it sends.
        answers: Whether it sends at all now.
    """

    def __init__(
        self,
        path: Path,
        tenths_wh: Callable[[], int],
        push_ms: int = 1_000,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.is_silent = False
        self.is_damaged = False
        self._port = PtyPort(path, lambda _: None)
        self._total = tenths_wh
        self._push_ms = push_ms
        self._answers = answers
        self._ended = Event()
        self._thread: Thread | None = None

    def plug(self) -> None:
        """Plug in; nothing happens when it is."""
        if self._thread is None:
            self._port.plug()
            self._ended = Event()
            self._thread = Thread(target=self._run, name="sml", daemon=True)
            self._thread.start()

    def unplug(self) -> None:
        """Pull out."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            thread.join()
        self._port.unplug()

    def say(self, data: bytes) -> None:
        """Send anything."""
        self._port.write(data)

    def _run(self) -> None:
        while not self._ended.wait(self._push_ms / 1_000):
            if self.is_silent or not self._answers():
                continue
            data = telegram(entry(POWER, _WATT, 0, 230), entry(ENERGY, WH, -1, self._total()))
            if self.is_damaged:
                data = data[:40] + bytes([data[40] ^ 1]) + data[41:]
            self._port.write(data)
