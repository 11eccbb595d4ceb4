"""What is done now and then: room on the disk, old rows, rights nobody needs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from firmware_agent.core.inputs import AlarmChanged, ExcessFound
from firmware_agent.core.model import Alarm, Moment
from firmware_agent.decider import Decider
from firmware_agent.errors import StoreError
from firmware_agent.records import Records
from wire.errors import Code

_log = logging.getLogger(__name__)

PROBE_EVERY_MS = 5_000
"""How often writing is tried again when it failed."""
PRUNE_EVERY_MS = 60_000
"""A thousand rows a minute: more than any controller writes."""
DISK_EVERY_MS = 60_000
CHECKPOINT_EVERY_MS = 30_000
DISK_LOW_BYTES = 64 << 20
"""Below this nothing new is authorised: what runs can still be journalled to its end."""
DISK_WARN_BYTES = 256 << 20
"""Below this the log says so; there are days left to act."""

FreeBytes = Callable[[], int]


class Housekeeping:
    """Chores of the deciding thread, each short.

    Args:
        decider: Hears of alarms.
        records: What is kept in order.
        recover: Journals the start, when that couldn't be done at the start.
        free_bytes: Room on the disk; None: asks the system.
        rarer: How many times rarer than usual chores are done that can wait.
    """

    def __init__(
        self,
        decider: Decider,
        records: Records,
        recover: Callable[[], bool],
        free_bytes: FreeBytes | None = None,
        rarer: int = 1,
    ) -> None:
        self._decider = decider
        self._records = records
        self._recover = recover
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(records.store.folder).free)
        self._next: dict[Callable[[Moment], None], int] = {}
        self._chores = (
            (self._probe, PROBE_EVERY_MS),
            (self._prune, PRUNE_EVERY_MS * rarer),
            (self._watch_disk, DISK_EVERY_MS * rarer),
            (self._release, DISK_EVERY_MS * rarer),
            (self._checkpoint, CHECKPOINT_EVERY_MS * rarer),
        )

    def step(self, moment: Moment) -> None:
        """Do what is due."""
        for chore, every_ms in self._chores:
            if moment.mono_ms >= self._next.get(chore, 0):
                self._next[chore] = moment.mono_ms + every_ms
                try:
                    chore(moment)
                except StoreError as error:
                    self._decider.fail(error)

    def due_ms(self) -> int | None:
        """Monotonic time when something is due."""
        is_waiting = self._decider.state.alarm is not None
        times = [ms for chore, ms in self._next.items() if is_waiting or chore != self._probe]
        return min(times, default=None)

    def _probe(self, _: Moment) -> None:
        """Resume when the journal can be written again."""
        alarm = self._decider.state.alarm
        if alarm is None or alarm.code is not Code.JOURNAL_UNWRITABLE or alarm.writable:
            return
        try:
            self._records.store.probe()
        except StoreError:
            return
        if self._recover():
            _log.warning("the journal can be written again")
            self._decider.feed(AlarmChanged(None))

    def _prune(self, _: Moment) -> None:
        """Drop what the hub has and nobody looks at; also to get out of a full database."""
        alarm, records = self._decider.state.alarm, self._records
        if alarm is None or alarm.writable or alarm.code is Code.JOURNAL_UNWRITABLE:
            records.journal.prune(is_tight=records.store.is_tight())

    def _watch_disk(self, _: Moment) -> None:
        try:
            free = self._free_bytes()
        except OSError as error:
            _log.error("the disk can't be asked for room: %s", error)
            return
        alarm = self._decider.state.alarm
        words = f"only {free >> 20} MiB are free on the disk: make room"
        if free < DISK_LOW_BYTES and alarm is None:
            _log.critical("nothing new is authorised: %s", words)
            self._decider.feed(AlarmChanged(Alarm(Code.JOURNAL_UNWRITABLE, words)))
        elif free < DISK_WARN_BYTES:
            _log.warning("%s", words)
        elif alarm is not None and alarm.writable and alarm.code is Code.JOURNAL_UNWRITABLE:
            self._decider.feed(AlarmChanged(None))

    def _checkpoint(self, _: Moment) -> None:
        """Keep the WAL short, so that no tap has to wait for a long checkpoint."""
        self._records.store.checkpoint()

    def _release(self, _: Moment) -> None:
        for rights in self._records.accounts.with_excess():
            if not self._decider.state.is_busy(rights.account):
                self._decider.feed(ExcessFound(rights))
