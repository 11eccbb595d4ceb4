"""What holds of one account do to its lot and its wallet, in the plainest way."""

from __future__ import annotations


class Model:
    """One account with one lot; each open hold is what it took of lot and wallet."""

    def __init__(self, wallet: int, lot: int) -> None:
        self.wallet = wallet
        self.lot = lot
        self.paid = 0
        self.open: dict[str, list[int]] = {}
        self.ended: set[str] = set()

    def expect(self, action: str, name: str, minor: int) -> bool:
        """Whether a step is to be taken, or refused."""
        spendable = self.wallet + self.lot
        if action in ("hold", "buy"):
            # The same hold with the same amount again is a repeat: callers see to it.
            return name not in self.open and name not in self.ended and minor <= spendable
        if name not in self.open:
            return False
        held = sum(self.open[name])
        if action == "more":
            return minor <= spendable
        if action == "beyond":
            return minor <= held + spendable
        return action == "free" or minor <= held

    def apply(self, action: str, name: str, minor: int) -> None:
        """Take a step."""
        if action == "buy":
            self.paid += sum(self._take(minor))
            self.ended.add(name)
        elif action in ("hold", "more"):
            lot, wallet = self._take(minor)
            before = self.open.get(name, [0, 0])
            self.open[name] = [before[0] + lot, before[1] + wallet]
        else:
            if action != "free":
                self._pay(name, minor)
            if action != "part":
                lot, wallet = self.open.pop(name)
                self.lot += lot
                self.wallet += wallet
                self.ended.add(name)

    def picture(self) -> tuple[int, int, int, int]:
        """Wallet, lot, and what is held of each."""
        lot = sum(part[0] for part in self.open.values())
        wallet = sum(part[1] for part in self.open.values())
        return self.wallet, self.lot, wallet, lot

    def total(self) -> int:
        """All that isn't paid."""
        return sum(self.picture())

    def _take(self, minor: int) -> tuple[int, int]:
        lot = min(self.lot, minor)
        self.lot -= lot
        self.wallet -= minor - lot
        return lot, minor - lot

    def _pay(self, name: str, minor: int) -> None:
        hold = self.open[name]
        for place in (0, 1):
            part = min(hold[place], minor)
            hold[place] -= part
            self.paid += part
            minor -= part
        self.paid += sum(self._take(minor))
