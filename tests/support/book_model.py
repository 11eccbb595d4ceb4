"""A small independent model of the book, for tests: dictionaries and plain rules.

It shares no code with `hub.ledger` but the items themselves, and is slow and obvious.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.ledger.items import Fill, Item, Move, Spill

NEVER_BELOW_ZERO = ("wallet", "bonus", "escrow", "deposit")
NEVER_ABOVE_ZERO = ("overrun", "receivable")


def _kind(code: str) -> str:
    return code.split(":")[1].split("/", maxsplit=1)[0]


@dataclass
class Model:
    balances: dict[str, int] = field(default_factory=dict)
    credit_limits: dict[str, int] = field(default_factory=dict)
    booked: dict[str, Item] = field(default_factory=dict)
    moves: dict[str, list[tuple[str, str, int]]] = field(default_factory=dict)

    def post(self, item: Item) -> str:
        """Give `booked`, `already`, `conflict` or `refused`, and book what is to be."""
        if item.id in self.booked:
            return "already" if self.booked[item.id] == item else "conflict"
        before = dict(self.balances)
        moves: list[tuple[str, str, int]] = []
        for leg in item.legs:
            if not self._leg(leg, moves):
                self.balances = before
                return "refused"
        self.booked[item.id] = item
        self.moves[item.id] = moves
        return "booked"

    def room(self, code: str, direction: int) -> int | None:
        """How far a balance can go down (-1) or up (1); None: without end."""
        balance = self.balances.get(code, 0)
        if direction < 0 and _kind(code) in NEVER_BELOW_ZERO:
            return balance + self.credit_limits.get(code, 0)
        if direction > 0 and _kind(code) in NEVER_ABOVE_ZERO:
            return -balance
        return None

    def _leg(self, leg: Move | Spill | Fill, moves: list[tuple[str, str, int]]) -> bool:
        if isinstance(leg, Move):
            return self._move(leg.debit, leg.credit, leg.amount_minor, moves)
        if isinstance(leg, Fill):
            return self._share(
                leg.amount_minor,
                [(code, self.room(code, 1)) for code in leg.credits],
                lambda code, part: self._move(leg.debit, code, part, moves),
            )
        return all(
            self._share(
                amount,
                [(code, self.room(code, -1)) for code in leg.debits],
                lambda code, part, taker=taker: self._move(code, taker, part, moves),
            )
            for taker, amount in leg.credits
        )

    def _share(self, amount, rooms, move) -> bool:
        for place, (code, room) in enumerate(rooms):
            last = place == len(rooms) - 1
            part = amount if room is None or last else min(amount, room)
            if part and not move(code, part):
                return False
            amount -= part
        return amount == 0

    def _move(self, debit: str, credit: str, amount: int, moves) -> bool:
        down, up = self.room(debit, -1), self.room(credit, 1)
        if (down is not None and amount > down) or (up is not None and amount > up):
            return False
        self.balances[debit] = self.balances.get(debit, 0) - amount
        self.balances[credit] = self.balances.get(credit, 0) + amount
        moves.append((debit, credit, amount))
        return True
