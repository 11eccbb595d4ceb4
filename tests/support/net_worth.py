"""A small model of the whole book: what each account is worth, and nothing of how.

An account's worth is all that the operator owes it less all that it owes: wallet, given
money, what is held, deposits, payouts on their way, less overrun and receivable. Each
way that money moves changes worths by a plain sum. The model knows no ledger account,
no bucket and no order; it shares no code with the book.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OWED = ("wallet", "bonus", "escrow", "deposit", "overrun", "receivable")
"""Kinds of ledger accounts that make a worth up; overrun and receivable stand below 0."""


@dataclass
class NetWorth:
    """Worth of accounts and what the house took, minor units.

    Attributes:
        worth: By account.
        taken: Revenue, tax and fees together.
        given: What the house gave away and didn't get back.
        done: Content of each request that was booked, by id.
    """

    worth: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    given: int = 0
    done: dict[str, object] = field(default_factory=dict)

    def pay_in(self, account: str, minor: int) -> None:
        self.worth[account] = self.worth.get(account, 0) + minor

    def pay_out(self, account: str, minor: int) -> None:
        self.worth[account] = self.worth.get(account, 0) - minor

    def charge(self, account: str, minor: int) -> None:
        self.pay_out(account, minor)
        self.taken += minor

    def refund(self, account: str, minor: int) -> None:
        self.pay_in(account, minor)
        self.taken -= minor

    def give(self, account: str, minor: int) -> None:
        self.pay_in(account, minor)
        self.given += minor

    def expire(self, account: str, minor: int) -> None:
        self.pay_out(account, minor)
        self.given -= minor

    def transfer(self, giver: str, taker: str, minor: int) -> None:
        self.pay_out(giver, minor)
        self.pay_in(taker, minor)


def worth_of(books: dict[str, int], account: str, unit: str = "EUR") -> int:
    """The same from the book's balances."""
    total = 0
    for code, minor in books.items():
        kind, _, whose = code.removeprefix(f"{unit}:").partition("/")
        if kind in OWED and whose.partition("/")[0] == account:
            total += minor
    return total


def sum_of(books: dict[str, int], *kinds: str) -> int:
    """Sum of all balances of these kinds."""
    return sum(
        minor for code, minor in books.items() if code.partition(":")[2].partition("/")[0] in kinds
    )
