"""A small independent model of one account's life on credit: numbers and plain rules.

It shares no code with the hub, and knows one calendar: weeks in UTC that begin on Monday.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""1970 began on a Thursday."""
GRACE_MS = 3 * DAY_MS


@dataclass
class Bill:
    ends_ms: int
    due: int
    paid: int = 0


@dataclass
class Life:
    now_ms: int
    limit: int
    wallet: int = 0
    held: int = 0
    overrun: int = 0
    taken: int = 0
    bills: list[Bill] = field(default_factory=list)
    blocked_by_staff: bool = False
    discontinued: bool = False
    starts_ms: int = 0
    opening: int = 0
    moved: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts_ms = self.now_ms
        self.ends_ms = self.edge_after(self.now_ms)

    @property
    def owed(self) -> int:
        return sum(bill.due - bill.paid for bill in self.bills)

    @property
    def spendable(self) -> int:
        return self.limit - self.owed + self.wallet

    @property
    def used(self) -> int:
        return max(0, -self.wallet) + self.owed

    @property
    def state(self) -> str:
        return "blocked" if self.blocked_by_staff or self.discontinued else "open"

    def edge_after(self, ms: int) -> int:
        return ((ms - MONDAY_MS) // WEEK_MS + 1) * WEEK_MS + MONDAY_MS

    def own(self, amount: int) -> None:
        """Money of its own came (above 0) or went."""
        self.wallet += amount
        self.moved.append((self.now_ms, amount))

    def use(self, amount: int) -> None:
        part = min(amount, self.spendable)
        self.own(-part)
        self.overrun += amount - part

    def take(self, amount: int) -> bool:
        """A request: may be refused."""
        if self.state != "open" or amount > self.spendable:
            return False
        self.own(-amount)
        return True

    def hold(self, amount: int) -> bool:
        if amount > self.spendable:
            return False
        self.wallet -= amount
        self.held += amount
        return True

    def release(self, amount: int) -> None:
        self.wallet += amount
        self.held -= amount

    def top_up(self, amount: int) -> None:
        part = min(amount, self.overrun)
        self.overrun -= part
        self.own(amount - part)

    def close(self, ends_ms: int, *, whole: bool) -> int:
        counted = [a for at, a in self.moved if whole or at < ends_ms]
        closing = self.opening + sum(counted)
        due = max(0, -closing)
        self.bills.append(Bill(ends_ms, due))
        self.wallet += due
        self.opening = closing + due
        self.moved = self.moved[len(counted) :]
        self.starts_ms, self.ends_ms = ends_ms, self.edge_after(ends_ms)
        return due

    def close_due(self) -> None:
        while self.ends_ms <= self.now_ms:
            self.close(self.ends_ms, whole=False)

    def pay(self, amount: int) -> None:
        before = self.owed
        for bill in self.bills:
            part = min(amount, bill.due - bill.paid)
            bill.paid += part
            amount -= part
        part = min(amount, self.overrun)
        self.overrun -= part
        self.own(amount - part)
        if before:
            self.review()

    def review(self) -> None:
        self.discontinued = any(
            bill.paid < bill.due and bill.ends_ms + GRACE_MS <= self.now_ms for bill in self.bills
        )

    def set_limit(self, limit: int) -> bool:
        if self.used > limit:
            return False
        self.limit = limit
        return True
