"""Journal before relay: whenever a contact is closed, the disk says why."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.observation import Seen


class JournalBeforeRelay(Checker):
    """At the instant in which a contact closes, and as long as it stays so, a session is open.

    A contact that is welded, or a relay that lies, is no fault of the journal.
    """

    invariant = Invariant.JOURNAL_FIRST

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._closed: set[tuple[str, str]] = set()

    def saw(self, fact: Seen) -> Iterator[str]:
        if fact.kind not in ("relay_on", "relay_off"):
            return
        machine = str(dict(fact.what)["machine"])
        if fact.kind == "relay_off":
            self._closed.discard((fact.who, machine))
            return
        self._closed.add((fact.who, machine))
        yield from self._check(fact.who, machine, "was switched on")

    def now(self) -> Iterator[str]:
        for name, machine in sorted(self._closed):
            yield from self._check(name, machine, "stays on")

    def _check(self, name: str, machine: str, what: str) -> Iterator[str]:
        file = self.scene.disks.get(name)
        if file is None or self.scene.witnessed.is_broken(name, machine):
            return
        if file.unreadable:
            yield f"{machine} at {name} {what}, and its disk can't be read"
        elif not file.fold.session_at(machine):
            yield (
                f"{machine} at {name} {what} without a session in its journal, which ends at "
                f"{file.last_seq}"
            )
