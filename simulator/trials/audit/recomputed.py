"""The books once more, from journals and requests alone, in whatever order they came.

An account's worth is all that is owed to it less all that it owes. Each fact and request
changes worths by a plain sum, so order, repetition and the way taken can't matter; and
where the worth is known, so is how it is split between wallet and overrun. The book must
come to the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.events import CASH, CODE, ENDED
from simulator.trials.audit.hub_file import OWN, Account, Item
from simulator.trials.audit.requests import effect_of_request

FROM_FACTS = frozenset({"session", "release", "cash", "code"})
"""What these move is counted from the facts themselves."""
WITHIN = frozenset({"grant", "hold", "forfeit", "period_close"})
"""These move money between an account's own pots, and change no worth."""
LOT_PARTS = 3
"""A pot of given money has a code of three parts: kind, account, lot."""


class SameLedgerByAnyPath(Checker):
    """The book is what a plain sum of facts and requests gives.

    Attributes:
        taken_as_booked: Kinds of movements that this model doesn't know, and how many
            there were: their effect was taken from the book itself.
    """

    invariant = Invariant.SAME_LEDGER

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.taken_as_booked: dict[str, int] = {}
        self._worth: dict[str, int] = {}
        self._takings = 0
        self._least: dict[str, int | None] = {}
        self._excused: set[str] = set()

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        for booked in hub.fresh_events:
            event = booked.event
            if event.kind == ENDED:
                self._add(event.account, -event.charge_minor)
                self._takings += event.charge_minor
            elif event.kind in (CASH, CODE):
                self._add(event.account, event.amount_minor)
        for item in hub.fresh_items:
            if item.kind in FROM_FACTS or item.kind in WITHIN:
                self._add_lots_that_ended(item)
            else:
                self._add_request(item)
        yield from self._compare()
        yield from self._check_split()

    def _add(self, account: str, minor: int) -> None:
        self._worth[account] = self._worth.get(account, 0) + minor

    def _add_lots_that_ended(self, item: Item) -> None:
        """Given money whose time is over leaves when it comes back from where it was held."""
        accounts = self.scene.hub.accounts
        for move in item.moves:
            giver, taker = accounts[move.debit], accounts[move.credit]
            is_sponsors = taker.kind in ("wallet", "overrun") and taker.whose != giver.whose
            if giver.code.count("/") + 1 == LOT_PARTS and (is_sponsors or taker.kind == "breakage"):
                self._add(giver.whose, -move.amount)
                if is_sponsors:
                    self._add(taker.whose, move.amount)

    def _add_request(self, item: Item) -> None:
        accounts = self.scene.hub.accounts
        effect = effect_of_request(self.scene.hub, item)
        if item.kind == "correction":
            sides = (side for move in item.moves for side in (move.debit, move.credit))
            self._excused |= {accounts[side].whose for side in sides}
        if effect is not None:
            for account, minor in effect.worth.items():
                self._add(account, minor)
            self._takings += effect.takings
            return
        self.taken_as_booked[item.kind] = self.taken_as_booked.get(item.kind, 0) + 1
        for move in item.moves:
            for side, minor in (
                (accounts[move.debit], -move.amount),
                (accounts[move.credit], move.amount),
            ):
                if side.kind in OWN:
                    self._add(side.whose, minor)
                elif side.kind in ("revenue", "tax"):
                    self._takings += minor

    def _compare(self) -> Iterator[str]:
        booked: dict[str, int] = {}
        takings = 0
        for account in self.scene.hub.accounts.values():
            if account.kind in OWN:
                booked[account.whose] = booked.get(account.whose, 0) + account.balance
            elif account.kind in ("revenue", "tax"):
                takings += account.balance
        for whose in sorted(booked.keys() | self._worth.keys()):
            if booked.get(whose, 0) != self._worth.get(whose, 0):
                yield (
                    f"{whose} is worth {booked.get(whose, 0)} in the book, facts and requests give "
                    f"{self._worth.get(whose, 0)}"
                )
        if takings != self._takings:
            yield f"takings are {takings} in the book, facts and refunds give {self._takings}"

    def _check_split(self) -> Iterator[str]:
        """Who is beyond all rights has nothing left in the wallet: any path ends there.

        Both may be after a credit limit was changed, and after a top-up that had settled an
        overrun was taken back.
        """
        wallets: dict[str, Account] = {}
        overruns: dict[str, int] = {}
        for account in self.scene.hub.accounts.values():
            if account.kind == "wallet":
                wallets[account.whose] = account
                if self._least.setdefault(account.whose, account.least) != account.least:
                    self._excused.add(account.whose)
            elif account.kind == "overrun" and account.balance:
                overruns[account.whose] = -account.balance
        for whose, minor in overruns.items():
            wallet = wallets.get(whose)
            if wallet is None or wallet.least is None or whose in self._excused:
                continue
            if wallet.balance > wallet.least:
                yield (
                    f"{whose} owes {minor} beyond its rights, and its wallet has "
                    f"{wallet.balance - wallet.least} to spend"
                )
