"""A controller that holds rights and decides by them, as `docs/protocol.md` says."""

from __future__ import annotations

from simulator.light_controller import LightController
from wire.downlink import Accounts, CardEntry, Right, Standing
from wire.events import Totals

NO_RIGHT = Right(account="")


class Till(LightController):
    """Sells by rights: backed first, then the floor."""

    def begin(self, epoch: str) -> None:
        super().begin(epoch)
        self.rights: dict[str, Right] = {}
        self.granted: dict[str, int] = {}
        self.cards: dict[str, CardEntry] = {}
        self.unbacked: list[tuple[int, str, int]] = []
        self.sales = 0

    def hear(self, body: Accounts) -> None:
        """Take a message in, as far as it is newer."""
        if body.epoch != self.epoch:
            return
        for right in body.rights:
            held = self.granted.get(right.account, 0)
            self.granted[right.account] = max(held, right.granted_minor)
            if body.revision > self.accounts_revision:
                self.rights[right.account] = right
        if body.rights:
            self.accounts_revision = max(self.accounts_revision, body.revision)
        page = body.page
        if page is not None and page.from_revision == self.list_revision:
            for entry in page.entries:
                self.cards[entry.account] = entry
            self.list_revision = page.upto_revision
        for account in list(self.granted):
            self.give_back(account)

    def backed(self, account: str) -> int:
        totals = self.totals.get(account, Totals())
        held = self.granted.get(account, 0) + totals.taken_in
        return held - totals.spent - totals.released

    def floor(self, account: str) -> int:
        """What is left of the floor."""
        entry = self.cards.get(account)
        if entry is None or entry.standing is not Standing.OK:
            return 0
        amount, as_of = entry.floor_minor, 0
        right = self.rights.get(account)
        if right is not None:
            amount, as_of = min(amount, right.floor_minor), right.as_of_seq
        used = sum(m for seq, who, m in self.unbacked if who == account and seq > as_of)
        return max(0, amount - used)

    def sell(self, account: str, machine: str, minor: int) -> bool:
        """Charge if the local balance allows it."""
        backed = min(minor, self.backed(account))
        if minor - backed > self.floor(account):
            return False
        self.sales += 1
        name = f"ses_{self.name}_{self.epoch}_{self.sales}"
        self.start(name, account, machine)
        self.wall_ms += minor * 6_000
        seq = self.end(name, account, machine, (backed, minor - backed))
        if minor > backed:
            self.unbacked.append((seq, account, minor - backed))
        return True

    def give_back(self, account: str) -> None:
        right = self.rights.get(account, NO_RIGHT)
        excess = self.backed(account) - (right.target_minor or 0)
        if excess > 0 and right.account:
            self.release(account, excess)
