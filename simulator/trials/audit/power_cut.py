"""What a controller wrote stays: no power cut takes it back or does it twice."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker
from simulator.trials.audit.disk_file import DiskFile
from simulator.trials.audit.observation import Seen


class PowerCutLosesNothing(Checker):
    """A journal only grows, says nothing twice, and has all that the hub has of it.

    A disk that was changed behind its controller's back may have lost something; then the
    hub must show it, once it hears of it.
    """

    invariant = Invariant.POWER_CUT

    def saw(self, fact: Seen) -> Iterator[str]:
        """When the hub dies and when it is back, nobody was told of more than it has kept.

        Soon afterwards it would have it again, since what is missing is sent anew.
        """
        if fact.kind not in ("crashed", "started") or fact.who != "hub":
            return
        kept = {(who, epoch): seq for who, epoch, seq in self.scene.hub.rows(_KEPT)}
        for name, file in self.scene.disks.items():
            if self.scene.witnessed.is_damaged(name):
                continue
            file.look()
            through = kept.get((file.disk.controller, file.epoch), 0)
            if not file.unreadable and file.acked > through:
                yield f"{name} was told that {file.acked} are booked, the hub kept {through}"

    def now(self) -> Iterator[str]:
        yield from self._in_journals()
        for name, file in self.scene.disks.items():
            rewound, file.rewound = file.rewound, []
            if self.scene.witnessed.is_damaged(name):
                continue
            if file.unreadable and file.last_seq:
                yield f"{name} can't be read: {file.unreadable}"
                continue
            for was in rewound:
                yield f"{name} had {was.epoch} through {was.through}, and now has {was.words}"
            yield from self._check_booked(name, file)

    def end(self) -> Iterator[str]:
        for name, file in self.scene.disks.items():
            is_own = not file.unreadable and not self.scene.is_clone(name)
            if is_own and self.scene.witnessed.is_damaged(name):
                yield from self._check_damage(name, file)

    def _check_booked(self, name: str, file: DiskFile) -> Iterator[str]:
        booked = self.scene.hub.hashes.get((file.disk.controller, file.epoch), [b""])
        through = len(booked) - 1
        if file.acked > through:
            yield f"{name} was told that {file.acked} are booked, the hub has {through}"
        if not self.scene.is_honest(file.disk.controller, file.epoch):
            return
        if through > file.last_seq:
            yield f"{name} lost events {file.last_seq + 1} to {through}, which the hub has"
        elif through and file.hashes[through] != booked[through]:
            yield f"{name} has other events up to {through} than those that the hub has"

    def _check_damage(self, name: str, file: DiskFile) -> Iterator[str]:
        """Where a journal branched off from what the hub has, the hub doesn't trust it.

        One that is only behind shows itself with its next event, or when it hears an ack.
        """
        hub = self.scene.hub
        booked = hub.hashes.get((name, file.epoch), [b""])
        both = min(len(booked) - 1, file.last_seq)
        if hub.states.get(name) == ("active", file.epoch) and file.hashes[both] != booked[both]:
            yield f"{name} has other events up to {both} than the hub, and is still trusted"


_KEPT = "SELECT controller, epoch, through_seq FROM journals"
