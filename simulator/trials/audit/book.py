"""The book in itself: conserved money, balances that follow, limits that hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.hub_file import Account, Item

LEAST: dict[str, int | None] = {
    "wallet": None,  # minus the account's credit: its own row says so, and must
    "bonus": 0,
    "escrow": 0,
    "deposit": 0,
}
"""Kinds that must have a least balance; what is owed to people isn't below 0."""
PAID_ONLY = frozenset({"payout", "transfer"})
"""Kinds of movements that take from a wallet, and from nothing else."""
MOST = {"overrun": 0, "receivable": 0}
"""Kinds that must have a most balance: what people owe isn't above 0."""


class MoneyIsConserved(Checker):
    """No transfer makes, loses or exchanges money; each unit's balances cancel out."""

    invariant = Invariant.CONSERVED

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        sums: dict[str, int] = {}
        for account in hub.accounts.values():
            sums[account.unit] = sums.get(account.unit, 0) + account.balance
            if account.code.partition(":")[0] != account.unit:
                yield f"{account.code} is kept in {account.unit}"
        for unit, minor in sums.items():
            if minor:
                yield f"all balances in {unit} come to {minor}, not to 0"
        for item in hub.fresh_items:
            for move in item.moves:
                sides = [hub.accounts.get(move.debit), hub.accounts.get(move.credit)]
                units = {side.unit if side else "?" for side in sides}
                if units != {item.unit} or move.amount <= 0 or move.debit == move.credit:
                    yield (
                        f"transfer {move.number} of {item.id} moves {move.amount} {item.unit} from "
                        f"{hub.code_of(move.debit)} to {hub.code_of(move.credit)}"
                    )


class BalancesAreFolds(Checker):
    """A stored balance is the sum of its transfers, whenever one looks."""

    invariant = Invariant.FOLDED

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._fold: dict[int, int] = {}

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        moves = [move for item in hub.fresh_items for move in item.moves]
        for move in moves + hub.loose:
            self._fold[move.debit] = self._fold.get(move.debit, 0) - move.amount
            self._fold[move.credit] = self._fold.get(move.credit, 0) + move.amount
        for number, account in hub.accounts.items():
            folded = self._fold.get(number, 0)
            if folded != account.balance:
                yield f"{account.code} is kept as {account.balance}, its transfers give {folded}"
        for number in self._fold.keys() - hub.accounts.keys():
            yield f"account {number} has transfers and isn't there"


class LimitsHold(Checker):
    """No commit leaves a balance beyond its limit: each batch of the book is one commit.

    Between two looks a limit may change once; what was in force isn't known then, so the
    wider of the two counts.
    """

    invariant = Invariant.LIMITED

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._fold: dict[int, int] = {}
        self._before: dict[int, Account] = {}

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        for account in hub.accounts.values():
            yield from _lost_limits(account)
        for item in hub.fresh_items:
            yield from self._check_giver(item)
        for batch, items in groupby(hub.fresh_items, key=lambda item: item.batch):
            touched: dict[int, str] = {}
            for item in items:
                for move in item.moves:
                    self._fold[move.debit] = self._fold.get(move.debit, 0) - move.amount
                    self._fold[move.credit] = self._fold.get(move.credit, 0) + move.amount
                    touched[move.debit] = touched[move.credit] = item.id
            for number, item_id in touched.items():
                yield from self._check(number, f"after batch {batch}, with {item_id}")
        self._before = hub.accounts

    def _check_giver(self, item: Item) -> Iterator[str]:
        """Only paid money leaves by a payout or a transfer: not given money, nor held."""
        for move in item.moves if item.kind in PAID_ONLY else ():
            giver = self.scene.hub.accounts.get(move.debit)
            if giver is not None and giver.kind != "wallet":
                yield f"{item.id} is a {item.kind}, and takes {move.amount} from {giver.code}"

    def _check(self, number: int, when: str) -> Iterator[str]:
        account = self.scene.hub.accounts.get(number)
        if account is None:
            return
        before = self._before.get(number, account)
        minor = self._fold[number]
        least = _wider(account.least, before.least, min)
        most = _wider(account.most, before.most, max)
        if least is not None and minor < least:
            yield f"{account.code} is at {minor} {when}: below its limit {least}"
        if most is not None and minor > most:
            yield f"{account.code} is at {minor} {when}: above its limit {most}"


def _wider(one: int | None, other: int | None, choose: Callable[[int, int], int]) -> int | None:
    return None if one is None or other is None else choose(one, other)


def _lost_limits(account: Account) -> Iterator[str]:
    if account.kind in LEAST:
        wanted = LEAST[account.kind]
        if account.least is None or (wanted is not None and account.least < wanted):
            yield f"{account.code} may fall to {account.least}"
    if account.kind in MOST and (account.most is None or account.most > MOST[account.kind]):
        yield f"{account.code} may rise to {account.most}"
    if account.least is not None and account.balance < account.least:
        yield f"{account.code} is at {account.balance}, below its limit {account.least}"
    if account.most is not None and account.balance > account.most:
        yield f"{account.code} is at {account.balance}, above its limit {account.most}"
