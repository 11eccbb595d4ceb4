"""Backed allowances never overdraw: the hub never sees less than a controller believes."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.events import CASH, CODE, ENDED, RELEASED, Totals
from simulator.trials.audit.hub_file import Right

NONE = Right("", "", "", 0, 0, 0, 0, 0, 0)


class BackedNeverOverdraws(Checker):
    """What was set aside is in escrow, to the cent, and nobody spends more than that."""

    invariant = Invariant.BACKED

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._said: dict[tuple[str, str, str], Totals] = {}

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        for booked in hub.fresh_events:
            if booked.event.kind in (ENDED, RELEASED, CASH, CODE):
                key = (booked.event.account, booked.controller, booked.epoch)
                self._said[key] = booked.event.totals
        yield from self._in_journals()
        for right in hub.rights.values():
            yield from self._check_right(right)
        yield from self._check_escrow()
        for name, file in self.scene.disks.items():
            if self.scene.is_trusted(name):
                yield from self._check_disk(file)

    def _check_right(self, right: Right) -> Iterator[str]:
        """The hub's totals are those of the last event that it booked."""
        place = f"the right of {right.account} at {right.controller} in {right.epoch}"
        if right.backed < 0:
            yield f"{place} is overdrawn: {right.backed}"
        said = self._said.get(right[:3], Totals())
        if right.taken_in != said.taken_in:
            yield f"{place} took in {right.taken_in}, its journal says {said.taken_in}"
        if right.spent + right.unbacked != said.spent + said.unbacked:
            yield (
                f"{place} was charged {right.spent + right.unbacked}, its journal says "
                f"{said.spent + said.unbacked}"
            )
        honest = self.scene.is_honest(right.controller, right.epoch) and not right.forfeited
        if honest and (right.spent, right.released) != (said.spent, said.released):
            yield (
                f"{place} spent {right.spent} and gave back {right.released}, its journal says "
                f"{said.spent} and {said.released}: it was overdrawn"
            )

    def _check_escrow(self) -> Iterator[str]:
        hub = self.scene.hub
        held = dict(hub.holds)
        for right in hub.rights.values():
            held[right.account] = held.get(right.account, 0) + right.backed
        kept: dict[str, int] = {}
        for account in hub.accounts.values():
            if account.kind == "escrow":
                kept[account.whose] = kept.get(account.whose, 0) + account.balance
        for whose in sorted(held.keys() | kept.keys()):
            if held.get(whose, 0) != kept.get(whose, 0):
                yield (
                    f"rights of {whose} come to {held.get(whose, 0)}, "
                    f"{kept.get(whose, 0)} is in escrow"
                )

    def _check_disk(self, file: DiskFile) -> Iterator[str]:
        name, controller = file.disk.name, file.disk.controller
        for account, granted in file.granted.items():
            mine = file.fold.totals.get(account, Totals())
            left = granted + mine.taken_in - mine.spent - mine.released
            if left < 0:
                yield f"{name} has spent {-left} more of {account} than it was granted"
            right = self.scene.hub.rights.get((account, controller, file.epoch), NONE)
            if granted > right.granted:
                yield f"{name} holds {granted} granted of {account}, the hub gave {right.granted}"
            unbooked = mine.taken_in - right.taken_in
            if not right.forfeited and left - unbooked > right.backed:
                yield (
                    f"{name} believes in {left - unbooked} of {account}, "
                    f"the hub keeps {right.backed} for it"
                )
            if file.kept.get(account, Totals()) != mine:
                yield f"{name} keeps totals of {account} that aren't those of its journal"
