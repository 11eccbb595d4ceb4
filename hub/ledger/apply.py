"""The pure rules of the book: `apply(state, item)` gives the outcome.

The same function decides in the hub, in tests and in simulations. It changes the
given state when, and only when, the outcome is `Booked`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.ledger.accounts import kind_of, usual_limits
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Fill,
    Item,
    Leg,
    Move,
    Outcome,
    Refused,
    Spill,
    Transfer,
    digest_of,
)
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

LEGS_MAX = 64
"""The longest real item, a refund over several rates, has a handful."""
SIDES_MAX = 64
"""Accounts on one side of a leg; a session has a handful of takers."""
ID_LENGTH_MAX = 300
"""An id names its controller, epoch and session at most."""
BALANCE_MINOR_MAX = 4 * 10**18
"""Every balance, and a sum of two, stays within SQL's 64 bits; reached only by error."""


@dataclass(slots=True)
class Balance:
    """One ledger account as `apply` sees it, in minor units.

    Attributes:
        minor: Credits minus debits.
        least: It can't go below.
        most: It can't go above.
    """

    minor: int = 0
    least: int = -BALANCE_MINOR_MAX
    most: int = BALANCE_MINOR_MAX

    @property
    def spendable(self) -> int:
        """How much it can give."""
        return max(0, self.minor - self.least)

    @property
    def headroom(self) -> int:
        """How much it can get."""
        return max(0, self.most - self.minor)


@dataclass(slots=True)
class State:
    """What `apply` needs to know: the touched balances and ids.

    Attributes:
        balances: By ledger account; a missing one is new.
        known: Digest of each known item, by id.
    """

    balances: dict[str, Balance] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def balance(self, code: str) -> Balance:
        """Look an account up, or open it with its kind's limits.

        Raises:
            KeyError: The code isn't of the chart.
        """
        found = self.balances.get(code)
        if found is None:
            limits = usual_limits(code)
            found = self.balances[code] = limited(0, limits.least, limits.most)
        return found


def limited(minor: int, least: int | None, most: int | None) -> Balance:
    """Make a balance from what the database keeps, where None is no limit."""
    return Balance(
        minor,
        -BALANCE_MINOR_MAX if least is None else least,
        BALANCE_MINOR_MAX if most is None else most,
    )


def apply(state: State, item: Item) -> Outcome:
    """Decide an item against a state, which changes when the outcome is `Booked`.

    Raises:
        InputError: It holds what can't be stored, as text that isn't Unicode.
    """
    return check(item) or decide(state, item, digest_of(item))


def check(item: Item) -> Refused | None:
    """Say what is wrong with an item whatever the state; None: nothing."""
    if not 1 <= len(item.id) <= ID_LENGTH_MAX:
        return Refused(Code.BODY_MALFORMED, "", f"an id has 1 to {ID_LENGTH_MAX} characters")
    if not 1 <= len(item.legs) <= LEGS_MAX:
        return Refused(Code.AMOUNT_INVALID, "", f"an item has 1 to {LEGS_MAX} legs")
    unit = f"{item.unit}:"
    for leg in item.legs:
        fault = None if type(leg) is Move and _is_sound(leg, unit) else _check_leg(leg, unit)
        if fault is not None:
            return fault
    return None


def decide(state: State, item: Item, digest: str) -> Outcome:
    """Decide an item that `check` found nothing wrong with.

    Args:
        state: Changed when the outcome is `Booked`.
        item: What is asked.
        digest: `digest_of(item)`.
    """
    known = state.known.get(item.id)
    if known is not None:
        return Already() if known == digest else Conflict()
    done: list[Transfer] = []
    try:
        for leg in item.legs:
            if type(leg) is Move:
                _move(state, leg.debit, leg.credit, leg.amount_minor, done)
            elif type(leg) is Spill:
                _spill(state, leg, done)
            elif type(leg) is Fill:
                _fill(state, leg, done)
    except _RefusedLegError as error:
        for transfer in reversed(done):
            state.balances[transfer.debit].minor += transfer.amount_minor
            state.balances[transfer.credit].minor -= transfer.amount_minor
        return error.refused
    state.known[item.id] = digest
    return Booked(tuple(done))


def accounts_of(item: Item) -> tuple[str, ...]:
    """Every ledger account that an item may touch."""
    legs = item.legs
    if len(legs) == 1 and type(legs[0]) is Move:  # the most frequent, so the quickest
        return (legs[0].debit, legs[0].credit)
    codes: list[str] = []
    for leg in legs:
        if type(leg) is Move:
            codes += (leg.debit, leg.credit)
        elif type(leg) is Spill:
            codes += leg.debits
            codes += [code for code, _ in leg.credits]
        elif type(leg) is Fill:
            codes.append(leg.debit)
            codes += leg.credits
    return tuple(codes)


class _RefusedLegError(Exception):
    def __init__(self, code: Code, account: str, detail: str) -> None:
        super().__init__(detail)
        self.refused = Refused(code, account, detail)


def _is_sound(move: Move, unit: str) -> bool:
    """Whether nothing is wrong; `_check_leg` says what is."""
    return (
        type(move.amount_minor) is int
        and 1 <= move.amount_minor <= AMOUNT_MINOR_MAX
        and move.debit != move.credit
        and move.debit.startswith(unit)
        and move.credit.startswith(unit)
    )


def _check_leg(leg: Leg, unit: str) -> Refused | None:
    debits, credits_ = _sides(leg)
    if not (1 <= len(debits) <= SIDES_MAX and 1 <= len(credits_) <= SIDES_MAX):
        detail = f"a leg has 1 to {SIDES_MAX} accounts on each side"
        return Refused(Code.AMOUNT_INVALID, "", detail)
    for amount in _amounts(leg):
        # A bool is an int to Python, and nothing to move.
        if type(amount) is not int or not 1 <= amount <= AMOUNT_MINOR_MAX:
            detail = f"{amount!r} can't be moved: use a whole number of minor units above 0"
            return Refused(Code.AMOUNT_INVALID, "", detail)
    for code in (*debits, *credits_):
        if not code.startswith(unit):
            detail = f"{code} is not in {unit[:-1]}: money never crosses units"
            return Refused(Code.UNIT_MISMATCH, code, detail)
    for code in debits:
        if code in credits_:
            return Refused(Code.AMOUNT_INVALID, code, f"{code} can't pay itself")
    return None


def _sides(leg: Leg) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if type(leg) is Move:
        return (leg.debit,), (leg.credit,)
    if type(leg) is Spill:
        return leg.debits, tuple([code for code, _ in leg.credits])
    assert type(leg) is Fill
    return (leg.debit,), leg.credits


def _amounts(leg: Leg) -> list[int]:
    if type(leg) is Spill:
        return [minor for _, minor in leg.credits]
    return [leg.amount_minor]


def _fill(state: State, leg: Fill, done: list[Transfer]) -> None:
    left = leg.amount_minor
    for code in leg.credits[:-1]:
        part = min(left, _account(state, code).headroom)
        if part:
            _move(state, leg.debit, code, part, done)
            left -= part
    if left:
        _move(state, leg.debit, leg.credits[-1], left, done)


def _spill(state: State, leg: Spill, done: list[Transfer]) -> None:
    debits = leg.debits
    place, last = 0, len(debits) - 1
    for code, amount in leg.credits:
        left = amount
        while place < last:
            giver = state.balances.get(debits[place]) or _account(state, debits[place])
            part = giver.minor - giver.least
            if part >= left:
                break
            if part > 0:
                _move(state, debits[place], code, part, done)
                left -= part
            place += 1
        _move(state, debits[place], code, left, done)


def _move(state: State, debit: str, credit: str, amount: int, done: list[Transfer]) -> None:
    giver = state.balances.get(debit) or _account(state, debit)
    taker = state.balances.get(credit) or _account(state, credit)
    if amount > giver.minor - giver.least:
        reason = _TOO_LOW.get(kind_of(debit), Code.LIMIT_EXCEEDED)
        detail = f"{debit} can give {giver.spendable} minor units, not {amount}"
        raise _RefusedLegError(reason, debit, detail)
    if amount > taker.most - taker.minor:
        detail = f"{credit} can take {taker.headroom} minor units more, not {amount}"
        raise _RefusedLegError(Code.BALANCE_TOO_HIGH, credit, detail)
    giver.minor -= amount
    taker.minor += amount
    done.append(Transfer(debit, credit, amount))


_TOO_LOW = {"deposit": Code.DEPOSIT_TOO_LOW, "wallet": Code.BALANCE_TOO_LOW}


def _account(state: State, code: str) -> Balance:
    try:
        return state.balance(code)
    except KeyError:
        detail = f"{code} is no ledger account: see the chart of accounts"
        raise _RefusedLegError(Code.ACCOUNT_UNKNOWN, code, detail) from None
