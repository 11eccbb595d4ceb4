"""What ccTalk acceptors say of coins, notes and their own faults.

Source: ccTalk Generic Specification 4.7: part 2, headers 184 "Request coin id", 157 "Request
bill id", 156 "Request country scaling factor", 232 "Perform self-check"; part 3, tables 2
(coin acceptor error codes) and 7 (bill event codes); part 3, appendix "Coin and bill values".
"""

from __future__ import annotations

from dataclasses import dataclass

_COIN_ID_CHARS, _BILL_ID_CHARS = 6, 7
_COUNTRY_CHARS = 2
_KILO = 1_000
VALUE_MINOR_MAX = 100_000_000
"""A note of a million with two decimals; more is a misread id."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A coin or note as the device names it.

    Attributes:
        country: Two letters.
        value_minor: In the smallest unit of its currency.
    """

    country: str
    value_minor: int


def coin_worth(name: bytes) -> Worth | None:
    """Read a coin's id, like `EU200A` (2 euros); None: there is no coin, or not a currency's."""
    return _worth(name, _COIN_ID_CHARS, 1)


def bill_worth(name: bytes, scaling: bytes) -> Worth | None:
    """Read a note's id, like `EU0005A`, with its country's scaling factor.

    Args:
        name: Seven letters.
        scaling: Answer to header 156: factor (low byte first), and decimal places.
    """
    if len(scaling) < _COUNTRY_CHARS:
        return None
    return _worth(name, _BILL_ID_CHARS, int.from_bytes(scaling[:2], "little"))


def _worth(name: bytes, length: int, factor: int) -> Worth | None:
    text = name.decode("ascii", "replace")
    country, code = text[:_COUNTRY_CHARS], text[_COUNTRY_CHARS:-1]
    if len(text) != length or not (country.isascii() and country.isalpha()):
        return None
    value = _number(code) * factor
    return Worth(country.upper(), value) if 0 < value <= VALUE_MINOR_MAX else None


def _number(code: str) -> int:
    """Read a value like `200`, or `2K5` for 2,500; 0: it isn't one."""
    whole, kilo, part = code.partition("K")
    digits = whole + part
    if not (digits.isascii() and digits.isdigit() and whole):
        return 0
    return int(digits) * _KILO // 10 ** len(part) if kilo else int(digits)


COIN_SWALLOWED = 36
"""A coin is in the box without a credit (part 3, table 2)."""
COIN_FAULTS = {
    14: "a coin sticks at its credit sensor",
    15: "a coin sticks at its sorter",
    20: "somebody pulls at a coin: look for a string",
    26: "a coin sticks at its reject sensor",
    29: "its gate doesn't close",
    30: "its gate doesn't open",
    32: "a coin sticks in its manifold",
    35: "its motor has a fault",
}
"""Errors that end only when somebody looks; what a customer does wrong isn't one."""

BILL_UNKNOWN_STACKED = 21
"""A note that it couldn't tell is in the box (part 3, table 7)."""
BILL_FAULTS = {
    6: "a note sticks in it",
    7: "a note sticks at its box",
    11: "its box was taken out",
    13: "its box has a fault",
    14: "its box is full",
    15: "its box sticks",
    16: "a note sticks in it",
    19: "its guard against strings has a fault",
}
"""Statuses that end only when somebody looks."""
BILL_MENDED = frozenset({10, 12})
"""The box is right, or was put in again."""


def encryption_words(support: bytes) -> str:
    """Say why a device can't be talked to in the clear; empty: it can.

    Args:
        support: Answer to header 111 "Request encryption support" (part 1, "ccTalk
            encryption"): protocol level, command level, then key sizes.
    """
    if support[:1] not in (b"", b"\0"):
        return "it encrypts all of its messages"
    if support[1:2] not in (b"", b"\0"):
        return "it encrypts what it credits (DES)"
    return ""
