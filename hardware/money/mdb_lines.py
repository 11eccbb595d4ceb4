"""Lines of a Qibixx MDB adapter (MDB-USB, MDB Pi Hat), which is a cashless device on the bus.

The adapter itself answers the vending machine's RESET, SETUP, POLL, EXPANSION and READER
commands (MDB/ICP 4.3, section 7) and tells the state that they lead to. Source of its lines:
docs.qibixx.com, "API: Cashless Slave" and "Vending Sessions Examples".

    C,1 and C,0             be a cashless device, or none
    c,STATUS,INACTIVE       reset: the machine hasn't polled yet (section 7.2.1)
    c,STATUS,DISABLED       set up, not enabled (section 7.2.2)
    c,STATUS,ENABLED        the machine takes cards (section 7.2.3)
    C,START,<funds>         begin a session (section 7.4.5)
    c,STATUS,IDLE,<funds>   the session has begun, nothing is chosen (section 7.2.4)
    c,STATUS,VEND,<price>,<item>    something is chosen: VEND REQUEST (sections 7.2.5, 7.4.8)
    C,VEND,<price>          VEND APPROVED; C,VEND,-1: VEND DENIED (sections 7.4.9, 7.4.10)
    c,VEND,SUCCESS          it came out: VEND SUCCESS
    c,ERR,"VEND 3"          it didn't: VEND FAILURE; other errors: a command came at a wrong time
    C,STOP                  end a session in which nothing was chosen
    V                       v,<version>,…: the adapter is there
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

LINE_BYTES_MAX = 128
"""The longest line has some 40; more is noise."""
EXPONENT_MAX = 4
"""No currency has more decimal places."""
PRICE_DIGITS_MAX = 9
"""Prices on the bus have 16 or 32 bits."""
ITEM_CHARS_MAX = 16
NEWLINE = b"\r\n"
FAILURE = 3
"""Subcommand VEND FAILURE of the command VEND (section 7.4.13), as the adapter passes it on."""

_PRICE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,3}", re.ASCII)


class Told(Enum):
    """What a line tells."""

    INACTIVE = "INACTIVE"
    DISABLED = "DISABLED"
    ENABLED = "ENABLED"
    IDLE = "IDLE"
    ASKED = "VEND"
    GIVEN = "given"
    NOT_GIVEN = "not given"
    REFUSED = "refused"
    """The adapter refuses a command: it came at a wrong time."""
    VERSION = "version"
    NOTHING = "nothing"
    """Acknowledgements, echoes, noise."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line.

    Attributes:
        told: What it tells.
        price_minor: Of what was asked for.
        item: Of what was asked for.
        words: As it came, when it is an error.
    """

    told: Told
    price_minor: int = 0
    item: str = ""
    words: str = ""


NOTHING = Line(Told.NOTHING)


def read(raw: bytes, exponent: int) -> Line:
    """Read a line without its end. Never raises: what isn't understood tells nothing.

    A request whose price isn't understood is one of price 0, which nobody approves.

    Args:
        raw: The line.
        exponent: Decimal places of the machine's prices.
    """
    text = raw.decode("ascii", "replace").strip()
    if len(raw) > LINE_BYTES_MAX or not text:
        return NOTHING
    fields = text.split(",")
    if fields[0] == "v":
        return Line(Told.VERSION, words=text)
    return _of_device(fields[1:], exponent) if fields[0] == "c" else NOTHING


def _of_device(fields: list[str], exponent: int) -> Line:
    match fields:
        case ["VEND", "SUCCESS", *_]:
            return Line(Told.GIVEN)
        case ["ERR", *words]:
            return _error(",".join(words))
        case ["STATUS", name, *rest]:
            return _status(name, rest, exponent)
        case _:
            return NOTHING


def _status(name: str, rest: list[str], exponent: int) -> Line:
    if name == Told.ASKED.value:
        price_minor = minor_of(rest[0], exponent) if rest else None
        item = rest[1].strip()[:ITEM_CHARS_MAX] if rest[1:] else ""
        return Line(Told.ASKED, price_minor or 0, item)
    states = (Told.INACTIVE, Told.DISABLED, Told.ENABLED, Told.IDLE)
    return next((Line(state) for state in states if state.value == name), NOTHING)


def _error(words: str) -> Line:
    text = words.strip().strip('"')
    command, _, number = text.partition(" ")
    if command == "VEND" and _NUMBER.fullmatch(number) and int(number) == FAILURE:
        return Line(Told.NOT_GIVEN, words=text)
    return Line(Told.REFUSED, words=text)


def minor_of(price: str, exponent: int) -> int | None:
    """Read a price like `1.20`; None: it isn't one, or has parts that no coin has."""
    found = _PRICE.fullmatch(price.strip())
    if found is None:
        return None
    places = found[2] or ""
    if places[exponent:].strip("0"):
        return None
    return int(found[1] + places[:exponent].ljust(exponent, "0"))


def price_of(minor: int, exponent: int) -> str:
    """Write a price, as `minor_of` reads it."""
    if not exponent:
        return str(minor)
    return f"{minor // 10**exponent}.{minor % 10**exponent:0{exponent}d}"


def enable(*, on: bool) -> bytes:
    """Be a cashless device, or none."""
    return b"C,1" if on else b"C,0"


def begin(funds_minor: int, exponent: int) -> bytes:
    """Begin a session."""
    return f"C,START,{price_of(funds_minor, exponent)}".encode()


def approve(price_minor: int, exponent: int) -> bytes:
    """Let it be given."""
    return f"C,VEND,{price_of(price_minor, exponent)}".encode()


DENY = b"C,VEND,-1"
STOP = b"C,STOP"
WHO = b"V"


def lines_in(heard: bytes) -> tuple[list[bytes], bytes]:
    """Split what was heard into whole lines, and the beginning of the next one.

    What is too long to be a line is thrown away up to its end.
    """
    *lines, rest = re.split(rb"[\r\n]+", heard)
    return [line for line in lines if line], rest[-(LINE_BYTES_MAX + 1) :]
