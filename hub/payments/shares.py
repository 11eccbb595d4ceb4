"""How a refund is shared out: who gives it back, and to whom. Pure.

A charge was paid by buckets in order (lots, the wallet, overrun) and taken by ledger
accounts (revenue, tax). A refund goes back the other way round: to the bucket that paid
last first, and out of every taker in exact proportion. What each side had by then is a
function of the sum refunded so far, so parts always add up to one refund of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hub.charging.lot import source_of
from hub.ledger.accounts import kind_of
from hub.ledger.items import Transfer
from wire.money import div_half_up

TAKERS = frozenset({"revenue", "tax", "fees"})
"""Kinds of ledger accounts that a charge ends in."""
SESSION_TAKERS = TAKERS | {"suspense"}
"""The same of a session: a vend whose outcome isn't known ends in suspense."""
BUCKETS = frozenset({"wallet", "bonus", "overrun"})
"""Kinds of ledger accounts that a charge can be given back to."""
Parts = tuple[tuple[str, int], ...]
"""Ledger accounts with amounts in minor units, in order."""


def buckets_of(transfers: Iterable[Transfer], takers: frozenset[str] = TAKERS) -> Parts:
    """Who paid a charge, in order: each bucket once, escrow as where it came from."""
    paid: dict[str, int] = {}
    for transfer in transfers:
        if kind_of(transfer.credit) in takers:
            code = source_of(transfer.debit)
            paid[code] = paid.get(code, 0) + transfer.amount_minor
    return tuple(paid.items())


def takers_of(transfers: Iterable[Transfer], takers: frozenset[str] = TAKERS) -> Parts:
    """Who got a charge: tax first, as it is what is worked out, and the rest remains."""
    got: dict[str, int] = {}
    for transfer in transfers:
        if kind_of(transfer.credit) in takers:
            got[transfer.credit] = got.get(transfer.credit, 0) + transfer.amount_minor
    return tuple(sorted(got.items(), key=lambda part: (kind_of(part[0]) != "tax", part[0])))


def give_backs(paid: Parts, refunded_minor: int, amount_minor: int) -> Parts:
    """Which buckets a part of a refund goes to: those that paid last come first.

    Args:
        paid: Who paid, in order.
        refunded_minor: What was given back before.
        amount_minor: The part; with what was given back at most all that was paid.
    """
    return tuple(_cut(tuple(reversed(paid)), refunded_minor, amount_minor))


def take_backs(taken: Parts, refunded_minor: int, amount_minor: int) -> Parts:
    """Who gives how much of a part of a refund, each in proportion to what it got.

    Over all parts each gives exactly what it got, however they were cut.

    Args:
        taken: Who got the charge.
        refunded_minor: What was given back before.
        amount_minor: The part, 1 to what is left.
    """
    before = _proportion(taken, refunded_minor)
    upto = _proportion(taken, refunded_minor + amount_minor)
    shares = zip(taken, before, upto, strict=True)
    return tuple((code, later - earlier) for (code, _), earlier, later in shares if later > earlier)


def pair(givers: Parts, receivers: Parts) -> Iterator[tuple[str, str, int]]:
    """Match givers with receivers of the same sum: who gives whom how much."""
    waiting = list(givers)
    for receiver, amount in receivers:
        left = amount
        while left:
            giver, has = waiting.pop(0)
            minor = min(left, has)
            yield giver, receiver, minor
            left -= minor
            if has > minor:
                waiting.insert(0, (giver, has - minor))


def total(parts: Iterable[tuple[str, int]]) -> int:
    """Sum of parts in minor units."""
    return sum(minor for _, minor in parts)


def _proportion(taken: Parts, upto_minor: int) -> list[int]:
    """What each taker has given once so much was given back.

    One after the other takes its share of what the ones before left over. Each share is
    a rounded function that never falls as more is given back, so no part is negative.
    """
    left_minor, all_minor = upto_minor, total(taken)
    shares = []
    for _, minor in taken:
        share = div_half_up(minor * left_minor, all_minor)
        shares.append(share)
        left_minor -= share
        all_minor -= minor
    return shares


def _cut(parts: Sequence[tuple[str, int]], start: int, length: int) -> Iterator[tuple[str, int]]:
    """The stretch of a row of parts from a place on."""
    place, end = 0, start + length
    for code, minor in parts:
        low, high = max(start, place), min(end, place + minor)
        if low < high:
            yield code, high - low
        place += minor
