"""A PN532 behind a serial port: commands as NXP UM0701-02, chapter 7, describes them.

What nfcpy's own driver sends when it opens, looks for and talks to type A cards.
Faults: unplugged, hung, slow.
"""

from __future__ import annotations

import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock

from simulator.parts.hsu import ACK_FRAME, ERROR_FRAME, Frame, FrameReader, encode_frame
from simulator.parts.pty_port import PtyPort
from simulator.parts.tags import Tag, crc_a

_FROM_HOST, _FROM_CHIP = 0xD4, 0xD5
_FIRMWARE = bytes.fromhex("32010607")
_CIU_RX_MODE, _CIU_FIFO_DATA = 0x6303, 0x6339
_RX_CRC = 0x80
_SENS_REQ = 0x26
_RF_ITEM, _TIMINGS_ITEM = 0x01, 0x02
_STATUS_OK, _STATUS_TIMEOUT = b"\x00", b"\x01"
_CASCADE_TAG = 0x88
_DOUBLE_WITH_TAG, _TRIPLE_WITH_TAGS = 8, 12
_TIMEOUT_INDEX_MAX = 16
"""3.28 s, the longest timeout there is (section 7.3.1)."""
_COMMAND_BYTES_MIN = 2
"""TFI and command code."""

_EMPTY_FIELD_MS = 3
"""How long the chip looks at an empty field."""

_SPEEDS = (
    termios.B9600,
    termios.B19200,
    termios.B38400,
    termios.B57600,
    termios.B115200,
    termios.B230400,
    termios.B460800,
    termios.B921600,
)
"""By SetSerialBaudrate's number (section 7.2.8)."""


class Pn532Chip:
    """The chip and its antenna. Starts unplugged.

    Args:
        path: Stable path of the port.
        latency_ms: How long each answer takes beyond the chip's own time.
    """

    def __init__(self, path: Path, *, latency_ms: int = 0) -> None:
        self._port = PtyPort(path, self._on_bytes)
        self._frames = FrameReader()
        self._lock = RLock()
        self._latency_ms = latency_ms
        self._field: list[Tag] = []
        self._hung = False
        self.looks = 0
        """How often the host has looked for cards."""
        self._never = Event()
        self._commands: dict[int, Callable[[bytes], bytes | None]] = {
            0x00: lambda data: data if data[:1] == b"\x00" else b"\x00",  # Diagnose
            0x02: lambda _: _FIRMWARE,
            0x04: lambda _: bytes(5),  # GetGeneralStatus
            0x06: self._read_registers,
            0x08: self._write_registers,
            0x10: self._set_baudrate,
            0x12: lambda _: b"",  # SetParameters
            0x14: lambda _: b"",  # SAMConfiguration
            0x16: self._power_down,
            0x32: self._configure_rf,
            0x40: lambda data: self._exchange(data[1:]),  # InDataExchange
            0x42: self._exchange,  # InCommunicateThru
            0x44: lambda _: _STATUS_OK,  # InDeselect
            0x4A: self._list_passive_targets,
            0x52: lambda _: _STATUS_OK,  # InRelease
        }
        self._reset()

    def plug(self) -> None:
        """Plug in and power up."""
        self._reset()
        self._port.plug()

    def unplug(self) -> None:
        """Pull the plug; cards stay where they lie."""
        self._port.unplug()

    @property
    def is_plugged(self) -> bool:
        """Whether it is plugged in."""
        return self._port.speed is not None

    @property
    def is_hung(self) -> bool:
        """Whether it hangs."""
        return self._hung

    def hang(self) -> None:
        """Stop answering, with the port still there."""
        self._hung = True

    def restart(self) -> None:
        """Cut the power for a moment: a hung chip works again."""
        self._reset()
        self._hung = False

    def set_latency(self, latency_ms: int) -> None:
        """Answer `latency_ms` later than the chip would."""
        self._latency_ms = latency_ms

    def place(self, tag: Tag) -> None:
        """Lay a card on the antenna."""
        with self._lock:
            if tag not in self._field:
                tag.power_up()
                self._field.append(tag)

    def remove(self, tag: Tag) -> None:
        """Take a card away; nothing happens when it isn't there."""
        with self._lock, suppress(ValueError):
            self._field.remove(tag)

    def cards(self) -> tuple[Tag, ...]:
        """Tell what lies on the antenna."""
        with self._lock:
            return tuple(self._field)

    def _reset(self) -> None:
        with self._lock:
            self._frames.reset()
            self._registers: dict[int, int] = {}
            self._speed = termios.B115200
            self._next_speed: int | None = None
            self._selected: Tag | None = None
            self._timeout_index = 10

    def _on_bytes(self, chunk: bytes) -> None:
        if self._hung or self._port.speed not in (self._speed, self._next_speed):
            # At another speed than the host's, all it hears is noise.
            self._frames.reset()
            return
        for frame in self._frames.feed(chunk):
            self._on_frame(frame)

    def _on_frame(self, frame: Frame) -> None:
        if frame.is_ack:
            if self._next_speed is not None:
                self._speed, self._next_speed = self._next_speed, None
            return
        if len(frame.data) < _COMMAND_BYTES_MIN or frame.data[0] != _FROM_HOST:
            return
        self._port.write(ACK_FRAME)
        code = frame.data[1]
        answer = self._obey(code, frame.data[_COMMAND_BYTES_MIN:])
        self._wait(self._latency_ms)
        if answer is None:
            self._port.write(ERROR_FRAME)
        else:
            self._port.write(encode_frame(bytes([_FROM_CHIP, code + 1]) + answer))

    def _obey(self, code: int, data: bytes) -> bytes | None:
        command = self._commands.get(code)
        if command is None:
            return None
        with self._lock:
            try:
                return command(data)
            except IndexError:
                return None  # too short: a syntax error to the chip

    def _read_registers(self, data: bytes) -> bytes:
        addresses = (data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))
        return bytes(self._registers.get(address, 0) for address in addresses)

    def _write_registers(self, data: bytes) -> bytes:
        for at in range(0, len(data), 3):
            self._registers[data[at] << 8 | data[at + 1]] = data[at + 2]
        return b""

    def _set_baudrate(self, data: bytes) -> bytes:
        # The new speed holds from the host's ACK on.
        self._next_speed = _SPEEDS[data[0]]
        return b""

    def _power_down(self, _data: bytes) -> bytes:
        self._field_off()
        return _STATUS_OK

    def _configure_rf(self, data: bytes) -> bytes | None:
        if data[0] == _RF_ITEM and not data[1] & 1:
            self._field_off()
        elif data[0] == _TIMINGS_ITEM:
            if data[3] > _TIMEOUT_INDEX_MAX:
                return None
            self._timeout_index = data[3]
        return b""

    def _field_off(self) -> None:
        self._selected = None
        for tag in self._field:
            tag.power_up()

    def _list_passive_targets(self, data: bytes) -> bytes:
        self.looks += 1
        self._registers[_CIU_RX_MODE] = _RX_CRC
        count_max, modulation = data[0], data[1]
        wanted = _plain_uid(data[2:])
        found = [tag for tag in self._field if not wanted or tag.uid == wanted]
        if modulation != 0 or not found:
            # The request is still in the FIFO: nobody answered it.
            self._registers[_CIU_FIFO_DATA] = _SENS_REQ
            self._wait(_EMPTY_FIELD_MS)
            return b"\x00"
        found = found[:count_max]
        self._selected = found[0]
        answer = bytes([len(found)])
        for number, tag in enumerate(found, 1):
            # SENS_RES comes with its high byte first (section 7.3.5).
            answer += bytes([number, *reversed(tag.sens_res), tag.sel_res, len(tag.uid)]) + tag.uid
        return answer

    def _exchange(self, data: bytes) -> bytes:
        tag = self._selected
        answer = tag.answer(data) if tag is not None and tag in self._field else None
        if answer is None:
            self._wait((100 << max(self._timeout_index - 1, 0)) // 1000)
            return _STATUS_TIMEOUT
        if not self._registers.get(_CIU_RX_MODE, _RX_CRC) & _RX_CRC and len(answer) > 1:
            answer += crc_a(answer)
        return _STATUS_OK + answer

    def _wait(self, wait_ms: int) -> None:
        if wait_ms:
            self._never.wait(wait_ms / 1000)


def _plain_uid(uid: bytes) -> bytes:
    """Take the cascade tags out of a UID that a host asks for."""
    if len(uid) == _DOUBLE_WITH_TAG and uid[0] == _CASCADE_TAG:
        return uid[1:]
    if len(uid) == _TRIPLE_WITH_TAGS:
        return uid[1:4] + uid[5:]
    return uid
