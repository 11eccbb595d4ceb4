"""The pure rules of the book: `apply(state, item)` gives the outcome.

The same function decides in the hub, in tests and in simulations. It changes the
given state when, and only when, the outcome is `Booked`; `State.undo` takes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.ledger.accounts import kind_of, unit_of, usual_limits
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Fill,
    Item,
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
BALANCE_MINOR_MAX = 10**18
"""Every balance stays within SQL's 64 bits; reached only by error."""


@dataclass(slots=True)
class Balance:
    """One ledger account as `apply` sees it."""

    minor: int = 0
    least: int | None = None
    most: int | None = None

    @property
    def spendable(self) -> int:
        """How much it can give."""
        return BALANCE_MINOR_MAX if self.least is None else max(0, self.minor - self.least)

    @property
    def headroom(self) -> int:
        """How much it can get."""
        return BALANCE_MINOR_MAX if self.most is None else max(0, self.most - self.minor)


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
        """Look an account up, or open it with its kind's limits."""
        found = self.balances.get(code)
        if found is None:
            limits = usual_limits(code)
            found = self.balances[code] = Balance(0, limits.least, limits.most)
        return found

    def undo(self, item: Item, transfers: tuple[Transfer, ...]) -> None:
        """Take back an item that was just booked and not yet committed."""
        for transfer in reversed(transfers):
            self.balances[transfer.debit].minor += transfer.amount_minor
            self.balances[transfer.credit].minor -= transfer.amount_minor
        del self.known[item.id]


class _RefusedLegError(Exception):
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def apply(state: State, item: Item, digest: str | None = None) -> Outcome:
    """Decide an item against a state.

    Args:
        state: Changed when the outcome is `Booked`.
        item: What is asked.
        digest: `digest_of(item)` when the caller has it already.
    """
    digest = digest or digest_of(item)
    known = state.known.get(item.id)
    if known is not None:
        return Already() if known == digest else Conflict()
    fault = _fault(item)
    if fault is not None:
        return fault
    done: list[Transfer] = []
    try:
        for leg in item.legs:
            _apply_leg(state, leg, done)
    except _RefusedLegError as error:
        for transfer in reversed(done):
            state.balances[transfer.debit].minor += transfer.amount_minor
            state.balances[transfer.credit].minor -= transfer.amount_minor
        return error.refused
    state.known[item.id] = digest
    return Booked(tuple(done))


def accounts_of(item: Item) -> tuple[str, ...]:
    """Every ledger account that an item may touch."""
    codes: list[str] = []
    for leg in item.legs:
        if isinstance(leg, Move):
            codes += (leg.debit, leg.credit)
        elif isinstance(leg, Spill):
            codes += leg.debits
            codes += (code for code, _ in leg.credits)
        else:
            codes.append(leg.debit)
            codes += leg.credits
    return tuple(codes)


def sums(balances: Mapping[str, Balance]) -> dict[str, int]:
    """Sum of balances per unit: each must be 0."""
    totals: dict[str, int] = {}
    for code, balance in balances.items():
        totals[unit_of(code)] = totals.get(unit_of(code), 0) + balance.minor
    return totals


def _fault(item: Item) -> Refused | None:
    if not 1 <= len(item.legs) <= LEGS_MAX:
        return Refused(Code.AMOUNT_INVALID, "", f"an item has 1 to {LEGS_MAX} legs")
    for amount in _amounts(item):
        if type(amount) is not int or not 1 <= amount <= AMOUNT_MINOR_MAX:
            detail = f"{amount!r} can't be moved: use a whole number of minor units above 0"
            return Refused(Code.AMOUNT_INVALID, "", detail)
    for code in accounts_of(item):
        if unit_of(code) != item.unit:
            detail = f"{code} is not in {item.unit}: money never crosses units"
            return Refused(Code.UNIT_MISMATCH, code, detail)
    return None


def _amounts(item: Item) -> list[int]:
    amounts: list[int] = []
    for leg in item.legs:
        if isinstance(leg, Spill):
            amounts += (amount for _, amount in leg.credits)
        else:
            amounts.append(leg.amount_minor)
    return amounts


def _apply_leg(state: State, leg: Move | Spill | Fill, done: list[Transfer]) -> None:
    if isinstance(leg, Move):
        _move(state, leg.debit, leg.credit, leg.amount_minor, done)
    elif isinstance(leg, Fill):
        _fill(state, leg, done)
    else:
        _spill(state, leg, done)


def _fill(state: State, leg: Fill, done: list[Transfer]) -> None:
    left = leg.amount_minor
    for code in leg.credits[:-1]:
        part = min(left, state.balance(code).headroom)
        if part:
            _move(state, leg.debit, code, part, done)
            left -= part
    if left:
        _move(state, leg.debit, leg.credits[-1], left, done)


def _spill(state: State, leg: Spill, done: list[Transfer]) -> None:
    givers = list(leg.debits)
    for code, amount in leg.credits:
        left = amount
        while left:
            last = len(givers) == 1
            part = left if last else min(left, state.balance(givers[0]).spendable)
            if part:
                _move(state, givers[0], code, part, done)
                left -= part
            if left:
                givers.pop(0)


def _move(state: State, debit: str, credit: str, amount: int, done: list[Transfer]) -> None:
    giver, taker = state.balance(debit), state.balance(credit)
    if debit == credit:
        detail = f"{debit} can't pay itself"
        raise _RefusedLegError(Refused(Code.AMOUNT_INVALID, debit, detail))
    if amount > giver.spendable:
        raise _RefusedLegError(_too_low(debit, giver, amount))
    if amount > taker.headroom:
        detail = f"{credit} can take {taker.headroom} minor units more, not {amount}"
        raise _RefusedLegError(Refused(Code.BALANCE_TOO_HIGH, credit, detail))
    giver.minor -= amount
    taker.minor += amount
    done.append(Transfer(debit, credit, amount))


def _too_low(code: str, giver: Balance, amount: int) -> Refused:
    reason = {"deposit": Code.DEPOSIT_TOO_LOW, "wallet": Code.BALANCE_TOO_LOW}
    detail = f"{code} can give {giver.spendable} minor units, not {amount}"
    return Refused(reason.get(kind_of(code), Code.LIMIT_EXCEEDED), code, detail)
