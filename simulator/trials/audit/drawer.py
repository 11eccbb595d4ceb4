"""Cash: what the book says is in a drawer was put there."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker


class CashIsInTheDrawer(Checker):
    """A till's balance is the cash that went in less the cash that went out.

    Checked in the end: somebody may hold a note while the hub doesn't answer.
    """

    invariant = Invariant.DRAWER

    def end(self) -> Iterator[str]:
        booked: dict[str, int] = {}
        for account in self.scene.hub.accounts.values():
            if account.kind == "cash":
                booked[account.whose] = booked.get(account.whose, 0) - account.balance
        there = self.scene.witnessed.drawers
        for till in sorted(booked.keys() | there.keys()):
            if booked.get(till, 0) != there.get(till, 0):
                yield (
                    f"the book has {booked.get(till, 0)} in till {till}, "
                    f"{there.get(till, 0)} is there"
                )
