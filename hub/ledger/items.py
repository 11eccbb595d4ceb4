"""What is asked of the book, and how it answers.

An item is booked whole or not at all. Its id is made and stored by who asks; the same
id with the same content is answered `Already`, with other content `Conflict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import final

import msgspec

from hub.errors import InputError
from wire.errors import Code

# Structs, not dataclasses: they are encoded for their digests, and thousands are made
# in a second. None refers to itself, so the garbage collector needn't look at them.


@final
class Move(msgspec.Struct, frozen=True, tag="move", gc=False):
    """An exact movement.

    Attributes:
        debit: Ledger account that gives.
        credit: Ledger account that gets.
        amount_minor: How much, 1 to `wire.money.AMOUNT_MINOR_MAX`.
    """

    debit: str
    credit: str
    amount_minor: int


@final
class Spill(msgspec.Struct, frozen=True, tag="spill", gc=False):
    """A sum taken from several accounts in order, from each what its limit allows.

    How a fact is booked: the last one that gives must have no limit, so it can't fail.

    Attributes:
        debits: Who gives, in order.
        credits: Who gets how much.
    """

    debits: tuple[str, ...]
    credits: tuple[tuple[str, int], ...]


@final
class Fill(msgspec.Struct, frozen=True, tag="fill", gc=False):
    """A sum given to several accounts in order, to each what its limit takes.

    How a top-up settles an overrun first.

    Attributes:
        debit: Who gives.
        credits: Who gets, in order.
        amount_minor: How much, 1 to `wire.money.AMOUNT_MINOR_MAX`.
    """

    debit: str
    credits: tuple[str, ...]
    amount_minor: int


Leg = Move | Spill | Fill


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something to book.

    A default isn't part of the digest, so that a field added later changes none.

    Attributes:
        id: Made by who asks.
        unit: Unit of all its accounts.
        kind: `top_up`, `session`, `grant`, …
        legs: What moves, in order.
        ref: What it is about: a session, an account.
        reason: Words of a person.
        reverses: Item that it corrects.
    """

    id: str
    unit: str
    kind: str
    legs: tuple[Leg, ...]
    ref: str = ""
    reason: str = ""
    reverses: str | None = None


class Transfer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One immutable movement.

    Attributes:
        debit: Ledger account that gave.
        credit: Ledger account that got.
        amount_minor: How much, > 0.
    """

    debit: str
    credit: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Booked:
    """The item is booked.

    Attributes:
        transfers: What moved, in order.
    """

    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class Already:
    """The same item was booked before; nothing moved."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another item has this id; nothing moved."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule forbids it; nothing moved.

    Attributes:
        code: Why.
        account: Ledger account whose limit says no, or empty.
        detail: Words, and what to do.
    """

    code: Code
    account: str
    detail: str


Outcome = Booked | Already | Conflict | Refused
DIGEST_BYTES = 16
"""Two items that differ and have one digest take 2**64 tries to find."""
_encoder = msgspec.msgpack.Encoder()


def digest_of(item: Item) -> str:
    """Digest of all that an item asks for: 32 hex digits.

    Raises:
        InputError: It holds what can't be stored, as text that isn't Unicode or has a NUL.
    """
    try:
        data = _encoder.encode(item)
    except (UnicodeEncodeError, OverflowError) as error:
        raise InputError(f"this can't be booked: {error}") from None
    # A number may be encoded with such a byte too: only then it's worth a second look.
    if b"\0" in data and _has_nul(msgspec.to_builtins(item)):
        raise InputError("this can't be booked: a text in it has a NUL character")
    return blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


About = tuple[str, str, str, str, str, str | None]
"""What is kept of an item beside its transfers: id, unit, kind, ref, reason, reverses."""


def about_of(item: Item) -> About:
    """What is kept of an item beside its transfers."""
    return (item.id, item.unit, item.kind, item.ref, item.reason, item.reverses)


def effect_of(about: About, at_ms: int, transfers: tuple[Transfer, ...]) -> str:
    """Digest of what came of an item: `verify` holds the stored rows against it."""
    data = _encoder.encode((about, at_ms, transfers))
    return blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def _has_nul(value: object) -> bool:
    """Whether some text has a character that PostgreSQL can't store."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_nul, value))
