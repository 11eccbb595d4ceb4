"""A journal's gap is shown, and what is shown as whole is whole."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.hub_file import Journal, Place


class GapsAreShown(Checker):
    """The hub's copies have no hole and one chain; a gap is shown exactly while there is one."""

    invariant = Invariant.GAPS_SHOWN

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        for booked in hub.fresh_events:
            if booked.hash.hex() != booked.stored_hash:
                yield (
                    f"event {booked.event.seq} of {booked.controller} in {booked.epoch} isn't "
                    "chained to the one before"
                )
        for place, journal in hub.journals.items():
            yield from self._check_whole(place, journal)
            yield from self._check_gap(place, journal)

    def end(self) -> Iterator[str]:
        for name, file in self.scene.disks.items():
            damaged = self.scene.witnessed.is_damaged(name)
            if not file.unreadable and not damaged and not self.scene.is_clone(name):
                yield from self._check_disk(name, file)

    def _check_whole(self, place: Place, journal: Journal) -> Iterator[str]:
        controller, epoch = place
        hashes = self.scene.hub.hashes[place]
        if len(hashes) - 1 != journal.through:
            yield (
                f"{epoch} of {controller} is booked through {journal.through}, "
                f"{len(hashes) - 1} events are kept"
            )
        elif hashes[-1].hex() != journal.head:
            yield f"{epoch} of {controller} has another head than its events give"

    def _check_gap(self, place: Place, journal: Journal) -> Iterator[str]:
        controller, epoch = place
        if journal.gap is not None and journal.gap <= journal.through + 1:
            yield (
                f"{epoch} of {controller} is shown with a gap before {journal.gap}, and is "
                f"booked through {journal.through}"
            )
        if (journal.gap is None) == (place in self.scene.hub.gaps):
            shown = "an alarm" if journal.gap is None else "no alarm"
            yield f"{epoch} of {controller} has gap {journal.gap}, and {shown}"

    def _check_disk(self, name: str, file: DiskFile) -> Iterator[str]:
        """In the end everything is booked, or people see why it isn't."""
        place = (file.disk.controller, file.epoch)
        hub = self.scene.hub
        state, current = hub.states.get(file.disk.controller, ("", ""))
        journal = hub.journals.get(place)
        through = 0 if journal is None else journal.through
        if state != "active":
            return
        if file.epoch != current and file.last_seq:
            yield f"{name} has journal {file.epoch}, the hub goes on with {current}"
        elif through < file.last_seq and (journal is None or journal.gap is None):
            yield (
                f"{name} has events through {file.last_seq} in {file.epoch}, {through} are booked, "
                "and nothing is shown"
            )
        elif through == file.last_seq and journal is not None and journal.gap is not None:
            yield f"{name} has all of {file.epoch} booked, and a gap is shown"
