"""The words of IEC 62056-21, mode C. Pure.

IEC 62056-21:2002, section 6: the master asks `/?device!`, the meter names itself and the
speed it can (`/XXXZ…`), the master agrees, and the meter sends its data: STX, lines like
`1.8.0(000123.456*kWh)`, `!`, ETX and the XOR of all of it (BCC, section 6.3.1 and ISO 1155).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import xor

from hardware.meters.obis import Obis, read_code, worth

STX, ETX, ACK = b"\x02", b"\x03", b"\x06"
BAUDRATE_START = 300
BAUDRATES = {"0": 300, "1": 600, "2": 1_200, "3": 2_400, "4": 4_800, "5": 9_600, "6": 19_200}
"""Mode C's identification of a speed (section 6.3.14, item 13)."""
DEVICE_CHARS_MAX = 32
"""Longest device address (section 6.3.14, item 22)."""
DAMAGED = 0x1A
"""The substitute character of ASCII: no readout has it, and no check holds with it."""
READOUT_BYTES_MAX = 16_384
"""The longest known readouts, with load profiles, have some 10 kB."""

_LINE = re.compile(r"(?P<code>[^()\s]{1,24})\((?P<value>[\d.]{1,32})(?:\*(?P<unit>[^()]{1,8}))?\)")
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_WHO = re.compile(rb"/(?!\?)[A-Za-z]{3}([0-9A-I])[\x20-\x7e]{0,40}\r\n")


def with_parity(data: bytes) -> bytes:
    """Set bit 7 of each byte so that the count of its ones is even.

    On the wire 8 bits without parity are then the 7 bits with even parity that the meter
    talks (section 5.1), also at adapters that can't do that by themselves.
    """
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in data)


def without_parity(data: bytes) -> bytes:
    """Take the parity away; a byte that came damaged becomes `DAMAGED`."""
    return bytes(DAMAGED if byte.bit_count() & 1 else byte & 0x7F for byte in data)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a readout.

    Attributes:
        code: Which one.
        number: As it was told.
        unit: As the meter writes it; empty: it doesn't say.
    """

    code: Obis
    number: Fraction
    unit: str


def request(device: str) -> bytes:
    """Ask a meter, or whoever is there, to name itself."""
    return f"/?{device}!\r\n".encode("ascii")


def speed_of(heard: bytes) -> str | None:
    """The speed character of a meter that named itself; None: it hasn't, or not wholly.

    Reading heads may give back what was sent to the meter: that is passed over.
    """
    found = _WHO.search(heard)
    return None if found is None else found[1].decode("ascii")


def agree(speed: str) -> bytes:
    """Agree to a speed, and ask for the data (protocol 0, mode 0)."""
    return ACK + f"0{speed}0\r\n".encode("ascii")


def readout_in(heard: bytes) -> bytes | None:
    """The text of a readout; None: it hasn't all come.

    Raises:
        ValueError: It came, and its check is wrong; or it is longer than any.
    """
    start = heard.find(STX)
    end = heard.find(ETX, start + 1)
    if len(heard) > READOUT_BYTES_MAX:
        raise ValueError("it talks without end")
    if start < 0 or end < 0 or len(heard) < end + 2:
        return None
    if reduce(xor, heard[start + 1 : end + 1]) != heard[end + 1]:
        raise ValueError("its readout was damaged: check how the reading head sits")
    return heard[start + 1 : end]


def values_in(text: bytes) -> Iterator[Value]:
    """Every number of a readout that has a code."""
    for line in text.decode("ascii", "replace").splitlines():
        found = _LINE.match(line.strip())
        if found is None or _NUMBER.fullmatch(found["value"]) is None:
            continue
        code = read_code(found["code"])
        if code is not None:
            yield Value(code, Fraction(found["value"]), found["unit"] or "")


def total_in(text: bytes, wanted: Obis, unit: str) -> Fraction | None:
    """The total in base units; None: the readout doesn't have it.

    Raises:
        ValueError: It is told in another unit.
    """
    for value in values_in(text):
        if wanted.matches(value.code):
            return value.number * worth(unit, value.unit)
    return None
