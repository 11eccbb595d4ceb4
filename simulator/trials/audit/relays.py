"""Journal before relay: at the instant in which a contact closes, the disk says why."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker
from simulator.trials.audit.observation import Seen


class JournalBeforeRelay(Checker):
    """Whenever a contact closes, a session of that machine is open on the disk."""

    invariant = Invariant.JOURNAL_FIRST

    def saw(self, fact: Seen) -> Iterator[str]:
        file = self.scene.disks.get(fact.who)
        if fact.kind != "relay_on" or file is None:
            return
        machine = str(dict(fact.what)["machine"])
        if self.scene.witnessed.is_broken(fact.who, machine):
            return
        if file.unreadable:
            yield f"{machine} at {fact.who} was switched on, and its disk can't be read"
        elif not file.session_at(machine):
            yield (
                f"{machine} at {fact.who} was switched on without a session in its journal, which "
                f"ends at {file.last_seq}"
            )
