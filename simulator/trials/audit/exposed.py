"""Loss within exposure: what was shown when an outage began bounds what came after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.observation import Seen

ALL = ""
"""Stands for all accounts of a controller."""


@dataclass(slots=True)
class Outage:
    """A controller that can't be reached.

    Attributes:
        shown: What the hub showed for each account, and for all.
        booked: Unbacked spending that the hub had booked by then, by account and epoch.
    """

    shown: dict[str, int] = field(default_factory=dict)
    booked: dict[tuple[str, str], int] = field(default_factory=dict)


class LossWithinExposure(Checker):
    """Nobody spends more beyond backed rights than was shown, until the line is back.

    Counted from what the hub had booked when it showed it: that is what was unknown then,
    and what was spent later.
    """

    invariant = Invariant.EXPOSED

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._outages: dict[tuple[str, str], Outage] = {}

    def saw(self, fact: Seen) -> Iterator[str]:
        if fact.kind == "exposure_shown":
            self._show(fact)
        elif fact.kind in ("healed", "reachable"):
            outage = self._outages.pop(_place(fact), None)
            file = self.scene.disks.get(fact.who)
            if file is not None and outage is not None:
                yield from self._check(file, outage)

    def now(self) -> Iterator[str]:
        for (name, _), outage in self._outages.items():
            if name in self.scene.disks:
                yield from self._check(self.scene.disks[name], outage)

    def end(self) -> Iterator[str]:
        """Who may spend nothing any more has no floor left anywhere, once all know of it."""
        shut = {account for (account,) in self.scene.hub.rows(_SHUT)}
        for name, file in self.scene.disks.items():
            for account, floor in file.floors.items() if self.scene.is_trusted(name) else ():
                if floor and account in shut:
                    yield f"{name} still has a floor of {floor} for {account}, which isn't open"

    def _show(self, fact: Seen) -> None:
        what = dict(fact.what)
        outage = self._outages.setdefault(_place(fact), Outage())
        account = str(what.get("account", ALL))
        if not outage.shown or account in outage.shown:
            outage = self._outages[_place(fact)] = Outage(booked=self._booked(fact.who))
        outage.shown[account] = int(what["minor"])

    def _booked(self, name: str) -> dict[tuple[str, str], int]:
        file = self.scene.disks.get(name)
        controller = name if file is None else file.disk.controller
        rows = self.scene.hub.rows(
            "SELECT account, epoch, unbacked_minor FROM allowances WHERE controller = ?", controller
        )
        return {(account, epoch): minor for account, epoch, minor in rows}

    def _check(self, file: DiskFile, outage: Outage) -> Iterator[str]:
        if file.unreadable:
            return
        lost = {
            account: minor - outage.booked.get((account, file.epoch), 0)
            for account, minor in file.fold.unbacked.items()
        }
        per_account = outage.shown.keys() - {ALL}
        for account in sorted(lost if per_account else ()):
            minor, shown = lost[account], outage.shown.get(account, 0)
            if minor > shown:
                yield (
                    f"{file.disk.name} spent {minor} of {account} beyond its rights while it was "
                    f"cut off, {shown} was shown"
                )
        total = sum(minor for minor in lost.values() if minor > 0)
        if ALL in outage.shown and total > outage.shown[ALL]:
            yield (
                f"{file.disk.name} spent {total} beyond rights while it was cut off, "
                f"{outage.shown[ALL]} was shown"
            )


def _place(fact: Seen) -> tuple[str, str]:
    """Which controller can't reach the hub, and why: a line, the broker or the hub."""
    return fact.who, str(dict(fact.what).get("why", "line"))


_SHUT = "SELECT id FROM accounts WHERE state <> 'open'"
