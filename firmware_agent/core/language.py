"""How people are spoken to: words, amounts and durations in a language.

A message is named by its English words, so that the code says what people read. What a
language lacks is said in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.money import Unit
from wire.tariff import MINUTES_PER_DAY

_MS_PER_SECOND = 1_000
_MS_PER_MINUTE = 60_000
_MS_PER_HOUR = 3_600_000
_MINUTES_PER_HOUR = 60
_GROUP_DIGITS = 3

_PER = {_MS_PER_SECOND: "s", _MS_PER_MINUTE: "min", _MS_PER_HOUR: "h"}


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    Attributes:
        tag: As in BCP 47: `de`, `zh-CN`.
        name: What its speakers call it.
        script: What it takes to write it: `latin`, `han` or `arabic`.
        is_rtl: Whether it is written from right to left.
        decimal: Between whole and fraction.
        group: Between thousands.
        with_symbol: An amount of a unit with a symbol.
        with_code: An amount of a unit without one.
        words: English to this language; placeholders stay in braces.
    """

    tag: str
    name: str
    script: str = "latin"
    is_rtl: bool = False
    decimal: str = "."
    group: str = ","
    with_symbol: str = "{symbol}{number}"
    with_code: str = "{number} {symbol}"
    words: Mapping[str, str] = field(default_factory=dict)

    def say(self, text: str, **values: object) -> str:
        """Say a message, with `values` in its placeholders."""
        told = self.words.get(text, text)
        return told.format(**values) if values else told

    def amount(self, minor: int, unit: Unit, *, grouped: bool = False) -> str:
        """Write minor units.

        Args:
            minor: How many.
            unit: Of what.
            grouped: Whether thousands are set apart; small displays have no room for it.
        """
        whole, fraction = divmod(abs(minor), unit.minor_per_major)
        number = _grouped(whole, self.group) if grouped else str(whole)
        if unit.exponent:
            number += f"{self.decimal}{fraction:0{unit.exponent}d}"
        pattern = self.with_symbol if unit.symbol else self.with_code
        sign = "-" if minor < 0 else ""
        return sign + pattern.format(symbol=unit.symbol or unit.code, number=number)

    def duration(self, duration_ms: int) -> str:
        """A duration: `45 s`, `12 min`, `1 h 05`."""
        if duration_ms < _MS_PER_MINUTE:
            return self.say("{count} s", count=max(0, duration_ms) // _MS_PER_SECOND)
        minutes = duration_ms // _MS_PER_MINUTE
        if minutes < _MINUTES_PER_HOUR or minutes >= MINUTES_PER_DAY:
            return self.say("{count} min", count=minutes)
        hours, rest = divmod(minutes, _MINUTES_PER_HOUR)
        return self.say("{hours} h {minutes}", hours=hours, minutes=f"{rest:02d}")

    def per(self, duration_ms: int) -> str:
        """What stands after the stroke of a price: `min`, `h`, `15 min`."""
        word = _PER.get(duration_ms)
        return self.say(word) if word is not None else self.duration(duration_ms)


ENGLISH = Language("en", "English")


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages that ship.

    Attributes:
        by_tag: Each, English among them.
    """

    by_tag: Mapping[str, Language]

    def best(self, *tags: str, scripts: frozenset[str] | None = None) -> Language:
        """The first of `tags` that ships and can be written; English when none does.

        Args:
            tags: Wanted, the dearest first; `de-AT` finds `de`, `zh-TW` finds `zh-CN`.
            scripts: What can be written; None: everything.
        """
        for tag in tags:
            found = self._find(tag)
            if found is not None and (scripts is None or found.script in scripts):
                return found
        return ENGLISH

    def _find(self, tag: str) -> Language | None:
        wanted = tag.lower().replace("_", "-")
        base = wanted.partition("-")[0]
        exact = (one for one in self.by_tag.values() if one.tag.lower() == wanted)
        near = (one for one in self.by_tag.values() if one.tag.lower().partition("-")[0] == base)
        return next(exact, None) or next(near, None)


ONLY_ENGLISH = Languages({"en": ENGLISH})


def _grouped(whole: int, mark: str) -> str:
    digits = str(whole)
    head = len(digits) % _GROUP_DIGITS
    parts = [digits[:head]] if head else []
    parts += [digits[at : at + _GROUP_DIGITS] for at in range(head, len(digits), _GROUP_DIGITS)]
    return mark.join(parts)
