"""What is asked of the book, and how it answers.

An item is booked whole or not at all. Its id is made and stored by who asks; the same
id with the same content is answered `Already`, with other content `Conflict`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from wire.errors import Code


class Move(msgspec.Struct, frozen=True, tag="move"):
    """An exact movement.

    Attributes:
        debit: Ledger account that gives.
        credit: Ledger account that gets.
        amount_minor: How much, 1 to `wire.money.AMOUNT_MINOR_MAX`.
    """

    debit: str
    credit: str
    amount_minor: int


class Spill(msgspec.Struct, frozen=True, tag="spill"):
    """A sum taken from several accounts in order, from each what its limit allows.

    How a fact is booked: the last one that gives must have no limit, so it can't fail.

    Attributes:
        debits: Who gives, in order.
        credits: Who gets how much.
    """

    debits: tuple[str, ...]
    credits: tuple[tuple[str, int], ...]


class Fill(msgspec.Struct, frozen=True, tag="fill"):
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


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something to book.

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


class Transfer(msgspec.Struct, frozen=True, array_like=True):
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
    """The item is booked; with its transfers."""

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
_encoder = msgspec.msgpack.Encoder()


def digest_of(item: Item) -> str:
    """Digest of all that an item asks for."""
    return hashlib.blake2b(_encoder.encode(item), digest_size=16).hexdigest()


def effect_of(item_id: str, at_ms: int, transfers: tuple[Transfer, ...]) -> str:
    """Digest of what came of an item: `verify` holds the stored transfers against it."""
    data = _encoder.encode((item_id, at_ms, transfers))
    return hashlib.blake2b(data, digest_size=16).hexdigest()
