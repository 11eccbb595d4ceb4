"""When all are back, no money waits in escrow for nobody."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker
from simulator.trials.audit.disk_file import DiskFile


class EscrowDrains(Checker):
    """A controller that is back holds what its site wants there, and what runs there now.

    Rights of a journal that is gone, and of a controller that isn't trusted, wait for a
    person: no timer frees them.
    """

    invariant = Invariant.DRAINED

    def end(self) -> Iterator[str]:
        hub = self.scene.hub
        wanted = dict(hub.rows(_STANDING))
        for name, file in self.scene.disks.items():
            controller = file.disk.controller
            state, current = hub.states.get(controller, ("", ""))
            is_back = state == "active" and current == file.epoch and not file.unreadable
            if not is_back or self.scene.is_clone(name):
                continue
            yield from self._check(file, wanted.get(controller, 0))

    def _check(self, file: DiskFile, wanted_minor: int) -> Iterator[str]:
        busy = {start.account for start in file.fold.running.values()}
        for right in self.scene.hub.rights.values():
            if right.account in busy:
                continue
            place = (right.controller, right.epoch)
            if place == (file.disk.controller, file.epoch) and right.backed > wanted_minor:
                yield (
                    f"{right.backed} of {right.account} is still held for {right.controller}: "
                    f"nothing of it runs there, and {wanted_minor} is wanted"
                )


_STANDING = """
    SELECT controllers.id, sites.standing_minor FROM controllers
    JOIN sites ON sites.id = controllers.site
"""
