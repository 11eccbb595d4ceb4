"""Messages of ccTalk: written, and found in what a shared line gives back.

Source: ccTalk Serial Communication Protocol, Generic Specification, issue 4.7 (Crane Payment
Solutions): part 1, section 8 (message structure), section 8.6 (simple checksum) and section
8.7 (CRC checksum); all devices and the host share one wire, so a host hears its own
question before the answer (part 1, section 2).
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass

HOST = 1
"""Address of the host (part 1, section 8.2)."""
DATA_BYTES_MAX = 255
"""Length is one byte."""
OVERHEAD_BYTES = 5
"""Destination, length, source, header, checksum; or CRC in place of source."""
_BYTE = 256


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    Attributes:
        header: What it is; 0 in an answer.
        data: At most `DATA_BYTES_MAX` bytes.
    """

    header: int
    data: bytes = b""


def encode(
    destination: int, message: Message, *, source: int = HOST, with_crc: bool = False
) -> bytes:
    """Write a message.

    A message with a CRC has no room for its source: answers then come from whoever was asked.

    Raises:
        ValueError: The data is too long, or a number isn't a byte.
    """
    if len(message.data) > DATA_BYTES_MAX:
        raise ValueError(f"{len(message.data)} bytes don't fit into a message")
    if with_crc:
        head = bytes([destination, len(message.data)])
        body = bytes([message.header]) + message.data
        crc = crc_hqx(head + body, 0)
        return head + bytes([crc % _BYTE]) + body + bytes([crc // _BYTE])
    raw = bytes([destination, len(message.data), source, message.header]) + message.data
    return raw + bytes([-sum(raw) % _BYTE])


def decode(raw: bytes, *, with_crc: bool = False) -> tuple[int, int, Message]:
    """Read one whole message: its destination, its source (with a CRC: 0), and itself.

    Raises:
        ValueError: It has another length than it says, or its checksum is wrong.
    """
    if len(raw) < OVERHEAD_BYTES or len(raw) != OVERHEAD_BYTES + raw[1]:
        raise ValueError("not one whole message")
    message = Message(raw[3], raw[4:-1])
    if with_crc:
        if crc_hqx(raw[:2] + raw[3:-1], 0) != raw[2] + _BYTE * raw[-1]:
            raise ValueError("wrong CRC")
        return raw[0], 0, message
    if sum(raw) % _BYTE:
        raise ValueError("wrong checksum")
    return raw[0], raw[2], message


def answer_in(heard: bytes, question: bytes, *, with_crc: bool = False) -> Message | None:
    """Find the answer in what was heard since the question; None: it isn't complete.

    Args:
        heard: Everything, with or without the echo of the question.
        question: As it was sent.
        with_crc: Which checksum.

    Raises:
        ValueError: What came isn't an answer from whom was asked.
    """
    rest = heard.removeprefix(question)
    if question.startswith(rest) or len(rest) < OVERHEAD_BYTES:
        return None
    if len(rest) < OVERHEAD_BYTES + rest[1]:
        return None
    destination, source, message = decode(rest, with_crc=with_crc)
    if destination != HOST or (not with_crc and source != question[0]):
        raise ValueError("a message of somebody else")
    return message
