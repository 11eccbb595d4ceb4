"""Offline top-up codes: twenty digits that are money at one controller, once.

A code is bound to one controller when it is issued, so single use can be held there
without any network: the idea of prepayment meters' tokens (IEC 62055-41), whose twenty
digits people type every day. The controller keeps which counters were used.

The digits are a mixed-radix number of four fields, and a check digit:

    authentication   40 bits of HMAC-SHA256 under the controller's own key
    counter          14 bits, given out once by the hub
    amount           one of `AMOUNTS_MINOR`
    expiry           never, or the end of one of `YEARS` years

The unit isn't among the digits but under the HMAC, as is the controller: a code read
under another unit, or at another controller, is not genuine.

How hard guessing is: a guess is genuine once in 2**40 for each unit that it is tried in.
A controller looks at a guess a minute (`firmware_agent.core.codes`), 526,000 in a year,
so in a year of guessing without a pause the chance of one hit is below 1 in 2,000,000,
for an amount that `AMOUNTS_MINOR` bounds. What fails the check digit isn't a guess.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

CODE_DIGITS = 20
GROUP = 4
TYPED_LENGTH_MAX = 64
"""A code with any spaces and dashes that a person puts between."""
KEY_BYTES = 32
MAC_BYTES = 5
"""40 bits; see above for what that is worth."""
COUNTERS = 1 << 14
"""Counters are 1 to `COUNTERS` - 1: ten codes a day for four years. After that a
controller is enrolled with a new key, and counting begins anew."""
WINDOW = 4_096
"""How far apart codes may be in use at a time: a controller refuses one whose counter is
this far below the highest that it has seen, and the hub issues none so far above the
lowest that may still come. Their order is free within it (as RFC 6479 does for packets)."""
FIRST_YEAR = 2026
YEARS = 12
"""Codes end in `FIRST_YEAR` to `FIRST_YEAR` + 11; more doesn't fit into twenty digits."""
_MANTISSAS = (10, 15, 20, 25, 30, 40, 50, 75)
AMOUNTS_MINOR = (
    *range(1, 10),
    *(mantissa * scale for scale in (1, 10, 100, 1_000) for mantissa in _MANTISSAS),
    100_000,
)
"""What a code may be worth, minor units: sums that are sold, up to that of a voucher. Small
ones are for units like washes. Fixed for ever: how many they are is in every code."""

_MACS = 1 << 8 * MAC_BYTES
_EXPIRIES = 1 + YEARS
_MS_PER_DAY = 86_400_000
_EPOCH = date(1970, 1, 1)
_IGNORED = str.maketrans({" ": None, "-": None, ".": None, "\N{NO-BREAK SPACE}": None})
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
"""Damm's quasigroup of order ten: its check digit finds every single wrong digit and
every swap of two neighbours."""


@dataclass(frozen=True, slots=True)
class OfflineCode:
    """What a code says.

    Attributes:
        counter: Its number at its controller, 1 to `COUNTERS` - 1.
        amount_minor: What it is worth, one of `AMOUNTS_MINOR`.
        last_year: Year at whose end it ends, UTC; 0: it never does.
    """

    counter: int
    amount_minor: int
    last_year: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.counter < COUNTERS:
            raise ValueError(f"a code's counter is 1 to {COUNTERS - 1}")
        if self.amount_minor not in AMOUNTS_MINOR:
            raise ValueError("a code is worth one of AMOUNTS_MINOR")
        if self.last_year and not FIRST_YEAR <= self.last_year < FIRST_YEAR + YEARS:
            raise ValueError(f"a code ends in {FIRST_YEAR} to {FIRST_YEAR + YEARS - 1}, or never")

    @property
    def ends_ms(self) -> int | None:
        """Wall time from when on it is worth nothing; None: never."""
        return end_of_year_ms(self.last_year) if self.last_year else None


class Misread(Enum):
    """Why typed digits are no code."""

    MISTYPED = "a digit is wrong, missing or too many"
    NOT_GENUINE = "they look like a code, and aren't one of this controller"


def end_of_year_ms(year: int) -> int:
    """The moment when a year ends, UTC, ms since 1970."""
    return (date(year + 1, 1, 1) - _EPOCH).days * _MS_PER_DAY


def write_code(key: bytes, controller: str, unit: str, code: OfflineCode) -> str:
    """Write a code as it is printed: five groups of four digits.

    Args:
        key: The controller's key for codes, `KEY_BYTES` bytes.
        controller: The only one where it can be typed.
        unit: Unit of its amount.
        code: What it says.
    """
    amount = AMOUNTS_MINOR.index(code.amount_minor)
    expiry = code.last_year - FIRST_YEAR + 1 if code.last_year else 0
    mac = int.from_bytes(_mac(key, controller, unit, code), "big")
    number = ((mac * COUNTERS + code.counter) * len(AMOUNTS_MINOR) + amount) * _EXPIRIES + expiry
    digits = f"{number:0{CODE_DIGITS - 1}d}"
    digits += str(_check_digit(digits))
    return " ".join(digits[start : start + GROUP] for start in range(0, CODE_DIGITS, GROUP))


def read_code(
    key: bytes, controller: str, units: Iterable[str], typed: str
) -> tuple[str, OfflineCode] | Misread:
    """Read what a person typed; spaces, dashes and dots don't matter.

    Args:
        key: The controller's key for codes.
        controller: Where it was typed.
        units: Units that it may be of, the likeliest first; each is a chance for a guess.
        typed: What was typed.

    Returns:
        Its unit and what it says; or why it is no code. Whether it was used, and whether
        it has ended, is for the controller to know.
    """
    if not is_well_formed(typed):
        return Misread.MISTYPED
    taken = _take_apart(int(_digits_of(typed)[:-1]))
    if taken is None:
        return Misread.NOT_GENUINE
    mac, code = taken
    for unit in units:
        if hmac.compare_digest(mac, _mac(key, controller, unit, code)):
            return unit, code
    return Misread.NOT_GENUINE


def is_well_formed(typed: str) -> bool:
    """Tell whether these could be the digits of some code: as many, and no typing error."""
    digits = _digits_of(typed)
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        return False
    return _check_digit(digits) == 0


def _digits_of(typed: str) -> str:
    return typed[:TYPED_LENGTH_MAX].translate(_IGNORED)


def _take_apart(number: int) -> tuple[bytes, OfflineCode] | None:
    rest, expiry = divmod(number, _EXPIRIES)
    rest, amount = divmod(rest, len(AMOUNTS_MINOR))
    mac, counter = divmod(rest, COUNTERS)
    if mac >= _MACS or counter == 0:
        return None
    last_year = FIRST_YEAR + expiry - 1 if expiry else 0
    code = OfflineCode(counter, AMOUNTS_MINOR[amount], last_year)
    return mac.to_bytes(MAC_BYTES, "big"), code


def _mac(key: bytes, controller: str, unit: str, code: OfflineCode) -> bytes:
    said = (
        f"standpipe/v1 code {controller} {unit}"
        f" {code.counter} {code.amount_minor} {code.last_year}\n"
    )
    return hmac.digest(key, said.encode(), "sha256")[:MAC_BYTES]


def _check_digit(digits: str) -> int:
    """The check digit of digits; 0 for digits with the right one behind them."""
    check = 0
    for digit in digits:
        check = _DAMM[check][int(digit)]
    return check
