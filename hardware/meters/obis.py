"""Which value of a meter is its total, and in what it is told. Pure.

OBIS, IEC 62056-61 section 4: `A-B:C.D.E*F`. Meters leave A-B and F away as they like, so
a code without them means any. 1.8.0 is energy taken, of all tariffs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from hardware.errors import SpecError

_CODE = re.compile(
    r"(?:(?P<a>\d{1,3})-(?P<b>\d{1,3}):)?(?P<c>\d{1,3})\.(?P<d>\d{1,3})"
    r"(?:\.(?P<e>\d{1,3}))?(?:[*&](?P<f>\d{1,3}))?",
    re.ASCII,
)
_WORTH: dict[str, dict[str, int]] = {
    "Wh": {"Wh": 1, "kWh": 1_000, "MWh": 1_000_000},
    "ml": {"ml": 1, "l": 1_000, "m3": 1_000_000},
    "l": {"l": 1, "m3": 1_000},
}
"""Base unit to what meters tell it in."""


@dataclass(frozen=True, slots=True)
class Obis:
    """A code; None: any.

    Attributes:
        fields: A to F.
    """

    fields: tuple[int | None, ...]

    def matches(self, other: Obis) -> bool:
        """Whether two codes may mean the same value."""
        pairs = zip(self.fields, other.fields, strict=True)
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def read_code(text: str) -> Obis | None:
    """Read a code as people and meters write it; None: it isn't one."""
    found = _CODE.fullmatch(text)
    if found is None:
        return None
    groups = [found[name] for name in "abcdef"]
    return Obis(tuple(None if group is None else int(group) for group in groups))


def wanted_code(text: str) -> Obis:
    """Read a code of the configuration.

    Raises:
        SpecError: It isn't one.
    """
    code = read_code(text)
    if code is None:
        raise SpecError(f"obis is {text!r}; write a code like 1.8.0 or 1-0:1.8.0*255")
    return code


def worth(unit: str, told_in: str) -> Fraction:
    """How many base units one of what the meter tells is worth.

    Args:
        unit: Base unit of the configuration. One that isn't known here is taken to be
            what the meter tells.
        told_in: The meter's; empty: it doesn't say.

    Raises:
        ValueError: They don't go together: another value than the configuration thinks.
    """
    known = _WORTH.get(unit)
    if known is None or not told_in:
        return Fraction(1)
    factor = known.get(told_in.replace("³", "3"))
    if factor is None:
        raise ValueError(f"it tells {told_in}, and not {unit}")
    return Fraction(factor)
