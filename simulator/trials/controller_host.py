"""A controller, as people in front of it have it, and somebody with an axe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.trials.audit.observation import Disk
from simulator.trials.box import Box, Place
from simulator.trials.disks import DiskOf, Image, without_tail
from simulator.trials.machines import Part, mode_of


class ControllerHost:
    """One controller with its machines.

    Args:
        name: Its name at the hub.
        site: Where it stands.
        place: What it is joined to.
        box: Its computer.
        clone: Makes a box beside it on another disk, which has no people in front of it.
        disks: Where the auditor looks; grows.
    """

    def __init__(
        self,
        name: str,
        site: str,
        place: Place,
        box: Box,
        clone: Callable[[str, DiskOf], Box],
        disks: list[Disk],
    ) -> None:
        self.name = name
        self.site = site
        self._place = place
        self._box = box
        self._make_clone = clone
        self._disks = disks
        self._clone: Box | None = None
        self._clones = 0
        self._image: Image | None = None
        disks.append(Disk(name, name, box.disk.database))

    @property
    def machines(self) -> Sequence[str]:
        """Ids of its machines, in order."""
        return tuple(self._box.machines)

    @property
    def box(self) -> Box:
        """Its computer."""
        return self._box

    @property
    def is_up(self) -> bool:
        """Whether its agent runs."""
        return self._box.is_up

    @property
    def alarm(self) -> str:
        """Why its agent authorises nothing; empty: it does, or it is off."""
        if self._box.trouble:
            return self._box.trouble
        agent = self._box.agent
        alarm = None if agent is None else agent.state.alarm
        return "" if alarm is None else f"{int(alarm.code)}: {alarm.words}"

    @property
    def unsent(self) -> int:
        """Events of its journal that the hub hasn't acknowledged; 0: it is off."""
        agent = self._box.agent
        return 0 if agent is None else agent.waiting

    @property
    def has_clone(self) -> bool:
        """Whether a copy of it runs somewhere."""
        return self._clone is not None

    def tap(self, machine: str, uid: bytes, level: int) -> None:
        """Lay a card down at a machine's reader for a moment."""
        self._place.witness.see("tapped", self.name, machine=machine, card=uid.hex())
        self._box.machines[machine].tap(uid, level)

    def press(self, machine: str) -> None:
        """Press a machine's button."""
        self._place.witness.see("pressed", self.name, machine=machine)
        self._box.machines[machine].press()

    def type_code(self, machine: str, digits: str) -> None:
        """Type a code at a machine."""
        self._place.witness.see("typed", self.name, machine=machine)
        self._box.do(lambda agent: agent.type_code(machine, digits))
        self._box.wake()

    def is_running(self, machine: str) -> bool:
        """Whether a person sees that a machine runs."""
        found = self._box.machines[machine]
        return found.runs or found.is_closed

    def start(self) -> None:
        """Power on, if it is off."""
        self._box.start()

    def stop(self) -> None:
        """Shut down in order, and its clone."""
        self.stop_clone()
        self._box.stop()

    def crash(self) -> None:
        """The agent is killed; relays fall when their leases end."""
        self._box.kill()

    def power_cut(self, at_write: int, *, after: bool) -> None:
        """Cut the power at the n-th write from now, before or after it is on the disk."""
        fuse = self._box.disk.fuse
        fuse.at_write, fuse.after = at_write, after

    def spare_power(self) -> None:
        """A cut that was to come doesn't."""
        self._box.disk.fuse.at_write = 0

    def fill_disk(self) -> None:
        """Leave no room on its disk."""
        self._spoil("disk_full")
        self._box.disk.fill()

    def free_disk(self) -> None:
        """Give the room back."""
        self._box.disk.free(self._box.journal_bytes_max)

    def tear_page(self, number: int) -> None:
        """Cut the power, and leave half of some page written."""
        self._box.stop()  # so that the page isn't in the log as well
        self._spoil("torn_page")
        self._box.disk.tear(number)

    def flip_bit(self, number: int) -> None:
        """Cut the power, and change a bit of one of the newest events."""
        self._box.stop()
        self._spoil("flipped_bit")
        self._box.disk.flip(number)

    def lose_tail(self, commits: int) -> None:
        """Cut the power, and forget the newest commits."""
        self._box.cut_power()
        self._spoil("lost_tail")
        self._box.disk.write(without_tail(self._box.disk.read(), commits))

    def keep_image(self) -> None:
        """Copy its disk, as somebody careful does."""
        self._image = self._box.disk.read()

    def restore_image(self) -> None:
        """Put the copy back in its place, as somebody careless does, and start."""
        if self._image is None:
            return
        self._box.cut_power()
        self._spoil("restored_image")
        self._box.disk.write(self._image)
        self._box.start()

    def start_clone(self) -> None:
        """Start a copy of its disk in another box, beside it."""
        if self._clone is not None:
            return
        self._clones += 1
        name = f"{self.name}.clone{self._clones}"
        disk = DiskOf(self._box.disk.folder.with_name(name))
        disk.write(self._box.disk.read())
        self._spoil("cloned_image")
        self._clone = self._make_clone(name, disk)
        self._disks.append(Disk(name, self.name, disk.database))
        self._place.witness.see("disk", name, fault="cloned_image")
        self._clone.start()

    def tell_ignored(self) -> None:
        """Have the witness see which messages its agent ignored since its start."""
        self._box.tell_ignored()

    def stop_clone(self) -> None:
        """Take the copy away."""
        clone, self._clone = self._clone, None
        if clone is not None:
            clone.cut_power()

    def begin_anew(self) -> None:
        """Start on an empty disk with its own key; the old disk is kept aside."""
        self._box.cut_power()
        self._clones += 1
        name = f"{self.name}.old{self._clones}"
        folder = self._box.disk.folder.with_name(name)
        self._box.disk.set_aside(folder)
        old = DiskOf(folder)
        self._disks.append(Disk(name, self.name, old.database))
        self._place.witness.see("disk", name, fault="set_aside")
        self._spoil("begun_anew")
        self._box.start()

    def jump_clock(self, by_ms: int) -> None:
        """Move its wall clock."""
        self._box.clock.jump(by_ms)
        self._box.wake()

    def drift_clock(self, ppm: int) -> None:
        """Have its clocks run so much too fast; 0: right."""
        self._box.clock.drift(ppm)
        self._box.wake()

    def lose_time(self) -> None:
        """Cut the power; at the next start its wall clock begins in 1970."""
        self._box.cut_power()
        self._box.clock.lose_battery()

    def set_clock_right(self) -> None:
        """Set its clock as a time server does, and put a battery in."""
        self._box.clock.drift(0)
        self._box.clock.set_right()
        self._box.wake()

    def break_part(self, machine: str, part: str, how: int) -> None:
        """Break a `reader`, `meter`, `relay` or `feedback`; `how` chooses in what way."""
        what = mode_of(Part(part), how)
        self._place.witness.see("part", self.name, machine=machine, fault=part, begins=1, how=what)
        self._box.machines[machine].break_(Part(part), how)

    def mend_part(self, machine: str, part: str) -> None:
        """Mend it."""
        self._box.machines[machine].mend(Part(part))
        self._place.witness.see("part", self.name, machine=machine, fault=part, begins=0)

    def _spoil(self, fault: str) -> None:
        self._place.witness.see("disk", self.name, fault=fault)
