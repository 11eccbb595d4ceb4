"""The auditor: looks at everything, and asks every checker."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.backed import BackedNeverOverdraws
from simulator.trials.audit.book import BalancesAreFolds, LimitsHold, MoneyIsConserved
from simulator.trials.audit.booked_once import EveryFactBookedOnce
from simulator.trials.audit.breach import Breach
from simulator.trials.audit.charged import ChargeIsThePriceOfUse
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.drained import EscrowDrains
from simulator.trials.audit.drawer import CashIsInTheDrawer
from simulator.trials.audit.exposed import LossWithinExposure
from simulator.trials.audit.gaps import GapsAreShown
from simulator.trials.audit.hub_file import HubFile
from simulator.trials.audit.observation import Observation, Seen
from simulator.trials.audit.power_cut import PowerCutLosesNothing
from simulator.trials.audit.recomputed import SameLedgerByAnyPath
from simulator.trials.audit.relays import JournalBeforeRelay
from simulator.trials.audit.single import OneIdOneEffect

CHECKERS: tuple[type[Checker], ...] = (
    MoneyIsConserved,
    BalancesAreFolds,
    LimitsHold,
    OneIdOneEffect,
    BackedNeverOverdraws,
    LossWithinExposure,
    SameLedgerByAnyPath,
    EveryFactBookedOnce,
    GapsAreShown,
    PowerCutLosesNothing,
    JournalBeforeRelay,
    EscrowDrains,
    ChargeIsThePriceOfUse,
    CashIsInTheDrawer,
)
"""One for each invariant, in their order."""
_LOOKS = frozenset({"relay_on", "healed", "reachable"})
"""Facts that are held against the disk as it is at that moment."""


class Auditor:
    """Watches one run, and writes nothing.

    Args:
        observation: Where to look.
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._scene = Scene(HubFile(observation.hub))
        self._checkers = [checker(self._scene) for checker in CHECKERS]
        self._known = 0
        self._waiting: list[Breach] = []
        # What was seen before: else as many of the next ones would count twice.
        self._catch_up()

    def saw(self, fact: Seen) -> None:
        """Take in a fact the moment the witness sees it: some are held against disks at once.

        Called for each fact in order. What is wrong comes with the next check.
        """
        self._known += 1
        self._scene.witnessed.add(fact)
        self._meet_disks()
        file = self._scene.disks.get(fact.who)
        if file is not None and fact.kind in _LOOKS:
            file.look()
        if file is not None and fact.kind == "disk" and ("fault", "begun_anew") in fact.what:
            file.forget()
        for checker in self._checkers:
            self._waiting += self._named(checker, checker.saw(fact))

    def check_now(self) -> list[Breach]:
        """Check what must hold in any committed state; what is new since the last check."""
        self._catch_up()
        self._look()
        found, self._waiting = self._waiting, []
        for checker in self._checkers:
            found += self._named(checker, checker.now())
        return found

    def check_end(self) -> list[Breach]:
        """Check what must hold, too, once all are back and nothing is on its way."""
        found = self.check_now()
        for checker in self._checkers:
            found += self._named(checker, checker.end())
        return found

    def close(self) -> None:
        """Let go of all files."""
        self._scene.hub.close()

    def _catch_up(self) -> None:
        """Take in facts that nobody told; it is too late to look at disks as they were then."""
        for fact in self._observation.facts[self._known :]:
            self._scene.witnessed.add(fact)
        self._known = max(self._known, len(self._observation.facts))

    def _look(self) -> None:
        self._meet_disks()
        for file in self._scene.disks.values():
            file.look()
        self._scene.hub.look()

    def _meet_disks(self) -> None:
        known = self._scene.disks
        for disk in self._observation.disks[len(known) :]:
            known[disk.name] = DiskFile(disk)

    def _named(self, checker: Checker, found: Iterator[str]) -> list[Breach]:
        now_ms = self._observation.now_ms()
        return [Breach(checker.invariant, words, now_ms) for words in found]
