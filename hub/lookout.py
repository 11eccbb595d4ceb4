"""Looks for what other hubs changed, for controllers that this one serves.

Others tell (`hub.gossip`), but nothing may depend on a message arriving: whatever is
numbered and not yet held is found here within seconds, all else within minutes.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.fleet.behind import find_behind
from hub.fleet.live import Live
from hub.partitions import AllPartitions, Partitions
from hub.pending import Pending
from hub.store.engine import Store
from wire.clock import Clock

LOOK_EVERY_MS = 2_000
"""For what is numbered: rights, the card list, configurations, commands."""
LOOK_AT_ALL_EVERY_MS = 600_000
"""For what nobody numbered, since whoever changed it died right then."""
COMMAND_AGAIN_MS = 5_000
"""A command is obeyed once, so another copy of it costs a message and nothing else."""
NEVER_MS = -(2**53)


class Lookout:
    """Finds work for the downlink.

    Args:
        store: Where to look.
        clock: Says when.
        live: Who can be reached.
        pending: Takes what was found.
    """

    def __init__(self, store: Store, clock: Clock, live: Live, pending: Pending) -> None:
        self._store = store
        self._clock = clock
        self._live = live
        self._pending = pending
        self._partitions: Partitions = AllPartitions()
        self._looked_ms = NEVER_MS
        self._looked_at_all_ms = clock.now().mono_ms
        self._commanded: dict[str, int] = {}

    def share(self, partitions: Partitions) -> None:
        """Look for controllers of these partitions from now on."""
        self._partitions = partitions

    def serves(self, controller: str) -> bool:
        """Whether this hub sends to a controller."""
        return self._partitions.serves(controller)

    def served(self, names: Iterable[str]) -> list[str]:
        """Those controllers that this hub sends to."""
        return [name for name in names if self._partitions.serves(name)]

    def note_command(self, command: str) -> None:
        """A command was sent: another copy isn't needed for a while."""
        self._commanded[command] = self._clock.now().mono_ms

    def is_time_for_all(self) -> bool:
        """Whether everything must be looked at again; then not for a long while."""
        now_ms = self._clock.now().mono_ms
        due = self._is_shared() and now_ms - self._looked_at_all_ms >= LOOK_AT_ALL_EVERY_MS
        if due:
            self._looked_at_all_ms = now_ms
        return due

    def step(self) -> None:
        """Look, if it is time to."""
        now = self._clock.now()
        if not self._is_shared() or now.mono_ms - self._looked_ms < LOOK_EVERY_MS:
            return
        self._looked_ms = now.mono_ms
        oldest_ms = now.mono_ms - COMMAND_AGAIN_MS
        self._commanded = {name: at for name, at in self._commanded.items() if at > oldest_ms}
        with self._store.read() as connection:
            behind = find_behind(connection, now.wall_ms)
        reachable = {one.controller for one in self._live.reachable()}
        self._pending.add_controllers(self.served(reachable.intersection(behind.controllers)))
        self._pending.add_configs(self.served(reachable.intersection(behind.configs)))
        self._pending.add_commands(name for name in behind.commands if name not in self._commanded)

    def _is_shared(self) -> bool:
        return self._partitions.followed is not None
