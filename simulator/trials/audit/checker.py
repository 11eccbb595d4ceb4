"""What every checker gets to see, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.hub_file import HubFile
from simulator.trials.audit.observation import Seen
from simulator.trials.audit.witnessed import Witnessed


@dataclass(slots=True)
class Scene:
    """Everything as of one look.

    Attributes:
        hub: The hub's database.
        disks: Of controllers, by name.
        witnessed: What truly happened.
    """

    hub: HubFile
    disks: dict[str, DiskFile] = field(default_factory=dict)
    witnessed: Witnessed = field(default_factory=Witnessed)

    def is_trusted(self, name: str) -> bool:
        """Whether a disk can be read, and nobody changed it behind its controller's back."""
        file = self.disks[name]
        return not file.unreadable and self.is_honest(file.disk.controller, file.epoch)

    def is_clone(self, name: str) -> bool:
        """Whether a disk is a copy, or was taken out: its controller goes on without it."""
        return name != self.disks[name].disk.controller

    def is_honest(self, controller: str, epoch: str) -> bool:
        """Whether a journal is on its controller's own disk alone, as it was written."""
        mine = [
            name
            for name, file in self.disks.items()
            if file.disk.controller == controller and file.epoch == epoch
        ]
        return mine == [controller] and not self.witnessed.is_damaged(controller)


class Checker:
    """Checks one invariant.

    Attributes:
        invariant: Which.
    """

    invariant: ClassVar[Invariant]

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def saw(self, fact: Seen) -> Iterator[str]:
        """Take in a fact the moment it happens; say what is wrong at this very moment."""
        del fact
        yield from ()

    def now(self) -> Iterator[str]:
        """Say what is wrong in the state that is committed now, after a look at all."""
        yield from ()

    def end(self) -> Iterator[str]:
        """Say what is wrong after all have come together; `now` was asked just before."""
        yield from ()

    def _in_journals(self) -> Iterator[str]:
        """What is wrong in journals themselves; those of damaged disks may say anything."""
        for name, file in self.scene.disks.items():
            complaints = file.take_complaints(self.invariant)
            if not self.scene.witnessed.is_damaged(name):
                yield from (f"{name}: {words}" for words in complaints)
