"""What a Modbus register says, as an exact number. Pure.

MODBUS Application Protocol 1.1b3, section 4.2: a register has 16 bits, the high byte
first. How larger numbers lie in several registers, each maker decides; floats are IEEE
754 everywhere.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

from hardware.errors import SpecError
from hardware.specs import RegisterSpec

_FORMATS = {
    "uint16": ">H",
    "uint32": ">I",
    "uint64": ">Q",
    "int32": ">i",
    "int64": ">q",
    "float32": ">f",
    "float64": ">d",
}
TYPES = tuple(_FORMATS)
ORDERS = ("big", "little")
READ_FUNCTIONS = (3, 4)
ADDRESS_MAX = 0xFFFF


def complaint(spec: RegisterSpec) -> str:
    """Say what is wrong with a register in words; empty: nothing."""
    if not 0 <= spec.address <= ADDRESS_MAX:
        return f"address is {spec.address}; write 0 to {ADDRESS_MAX}"
    if spec.function not in READ_FUNCTIONS:
        return f"function is {spec.function}; write 3 (holding registers) or 4 (input registers)"
    if spec.type not in _FORMATS:
        return f"type is {spec.type!r}; write {' or '.join(TYPES)}"
    for name in ("word_order", "byte_order"):
        if getattr(spec, name) not in ORDERS:
            return f"{name} is {getattr(spec, name)!r}; write big or little"
    return ""


def check_register(spec: RegisterSpec) -> None:
    """Refuse what no meter has.

    Raises:
        SpecError: Says which field, and what to write.
    """
    if wrong := complaint(spec):
        raise SpecError(f"register: {wrong}")


def words_of(spec: RegisterSpec) -> int:
    """How many registers the number takes."""
    return struct.calcsize(_FORMATS[spec.type]) // 2


def decode(spec: RegisterSpec, words: Sequence[int]) -> Fraction:
    """Read the number, exactly: a float32 is the fraction that it stands for.

    Args:
        spec: A register that was checked.
        words: `words_of(spec)` registers, 0 to 65535, in the order of their addresses.

    Raises:
        ValueError: It isn't a number (infinite, or none at all).
    """
    high_first = words if spec.word_order == "big" else list(reversed(words))
    byte_order = "<" if spec.byte_order == "little" else ">"
    raw = b"".join(struct.pack(f"{byte_order}H", word) for word in high_first)
    (number,) = struct.unpack(_FORMATS[spec.type], raw)
    if not math.isfinite(number):
        raise ValueError("its register holds no number")
    return Fraction(number)
