"""Frames between host and PN532 on a serial port. Pure.

NXP UM0701-02, section 6.2.1: normal frame 00 00 FF LEN LCS data DCS 00; extended
frame 00 00 FF FF FF LENM LENL LCS data DCS 00; ACK 00 00 FF 00 FF 00. LEN + LCS and
the sum of data + DCS are 0 modulo 256.
"""

from __future__ import annotations

from dataclasses import dataclass

ACK_FRAME = bytes.fromhex("0000ff00ff00")
ERROR_FRAME = bytes.fromhex("0000ff01ff7f8100")
"""The chip's answer to a command it doesn't know (section 6.2.1.5)."""

DATA_BYTES_MAX = 265
"""Longest data of an extended frame, TFI included (section 6.2.1.2)."""

_START = b"\x00\xff"
_NORMAL_MAX = 255
_ACK_BODY = b"\x00\xff"
_NORMAL_HEAD, _EXTENDED_HEAD = 2, 5
_EXTENDED = b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the host sent.

    Attributes:
        data: From TFI on; empty for an ACK, which ends the running command.
    """

    data: bytes

    @property
    def is_ack(self) -> bool:
        """Whether it is an ACK."""
        return not self.data


def encode_frame(data: bytes) -> bytes:
    """Wrap data (1 to `DATA_BYTES_MAX` bytes, TFI first) into a frame.

    Raises:
        ValueError: The data don't fit a frame.
    """
    length = len(data)
    if not 1 <= length <= DATA_BYTES_MAX:
        raise ValueError(f"a frame holds 1 to {DATA_BYTES_MAX} bytes, not {length}")
    if length <= _NORMAL_MAX:
        head = bytes([length, -length & 0xFF])
    else:
        high, low = length >> 8, length & 0xFF
        head = _EXTENDED + bytes([high, low, -(high + low) & 0xFF])
    return b"\x00" + _START + head + data + bytes([-sum(data) & 0xFF, 0])


class FrameReader:
    """Cuts a stream into frames; bytes that belong to none are skipped."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take in bytes as they come, and give back the frames they complete."""
        self._buffer += chunk
        frames: list[Frame] = []
        while (at := self._buffer.find(_START)) >= 0:
            self._buffer = self._buffer[at + len(_START) :]
            taken = _take(self._buffer)
            if taken is None:
                # Not complete yet: put the start back and wait for more.
                self._buffer = _START + self._buffer
                return frames
            frame, used = taken
            self._buffer = self._buffer[used:]
            if frame is not None:
                frames.append(frame)
        # The last byte may be half a start.
        self._buffer = self._buffer[-1:]
        return frames

    def reset(self) -> None:
        """Forget what was read in part."""
        self._buffer = b""


def _take(body: bytes) -> tuple[Frame | None, int] | None:
    """Read one frame after its start.

    Returns:
        The frame (None when it is damaged) and how many bytes it took; None when
        more bytes are needed.
    """
    if len(body) < _NORMAL_HEAD:
        return None
    if body[:2] == _ACK_BODY:
        return Frame(b""), len(_ACK_BODY)
    if body[:2] == _EXTENDED:
        if len(body) < _EXTENDED_HEAD:
            return None
        head, length, check = _EXTENDED_HEAD, body[2] << 8 | body[3], sum(body[2:5])
    else:
        head, length, check = _NORMAL_HEAD, body[0], body[0] + body[1]
    if check & 0xFF or not 1 <= length <= DATA_BYTES_MAX:
        return None, 0
    if len(body) < head + length + 1:
        return None
    data, dcs = body[head : head + length], body[head + length]
    good = (sum(data) + dcs) & 0xFF == 0
    return (Frame(data) if good else None), head + length + 1
