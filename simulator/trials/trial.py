"""One trial: a world is built, played in and audited, and what came of it is kept."""

from __future__ import annotations

import hashlib
import sqlite3
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from simulator.trials.audit import Auditor, Breach, Observation
from simulator.trials.coverage import Coverage, codes_in_facts, codes_in_hub, watched_table
from simulator.trials.options import ACTORS, TICK_MS, Options
from simulator.trials.scenario import Play
from simulator.trials.witness import Fact
from simulator.trials.world import World

AUDIT_EVERY_MS = 10 * TICK_MS
"""What must hold in any committed state is looked at so often. What is wrong stays wrong,
so looking more often only tells sooner."""
HOUR_MS = 3_600_000
UNSETTLED = "all comes together again within its time"
"""How a trial fails that never comes to rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial.

    Attributes:
        options: Its options.
        digest: Of all that happened and all that was stored; the same options and the same
            commit give the same one.
        breaches: Invariants that didn't hold, in the order in which they were found.
        unsettled: What hadn't come together in the end.
        error: A failure of a program that nobody caught, with its traceback; empty: none.
        coverage: What was reached.
        hours: Controller-hours of virtual time.
        facts: All that happened.
        moved: By kind of movement, minor units.
        kept: What each kind of ledger account holds in the end.
    """

    options: Options
    digest: str
    breaches: tuple[Breach, ...] = ()
    unsettled: tuple[str, ...] = ()
    error: str = ""
    coverage: Coverage = field(default_factory=Coverage)
    hours: float = 0.0
    facts: tuple[Fact, ...] = ()
    moved: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def ways(self) -> tuple[str, ...]:
        """In which ways it failed, the first one first; none: all is well."""
        found = [breach.invariant.value for breach in self.breaches]
        if self.unsettled:
            found.append(UNSETTLED)
        if self.error:
            found.insert(0, self.error.strip().splitlines()[-1].partition(":")[0])
        return tuple(dict.fromkeys(found))

    @property
    def way(self) -> str:
        """The first way in which it failed; empty: it didn't."""
        return self.ways[0] if self.ways else ""

    @property
    def is_failure(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.ways)


def run_trial(options: Options) -> Outcome:
    """Run a trial. Whatever goes wrong in it is in the outcome."""
    coverage = Coverage()
    with watched_table(coverage.transitions), World(options) as world:
        audit = _Audit(world)
        error = ""
        unsettled: tuple[str, ...] = ()
        try:
            unsettled = Play(world).run()
            audit.finish()
        except Exception:  # noqa: BLE001 whatever it is, a person reads it with its seed
            error = traceback.format_exc()
        facts = tuple(world.witness.facts)
        _count(coverage, facts, world.hub.db)
        outcome = Outcome(
            options=options,
            digest=_digest(facts, world),
            breaches=tuple(audit.breaches),
            unsettled=unsettled,
            error=error,
            coverage=coverage,
            hours=options.controllers * world.kernel.now_ms / HOUR_MS,
            facts=facts,
            moved=_moved(world.hub.db),
            kept=_kept(world.hub.db),
        )
        audit.close()
    return outcome


class _Audit:
    """Has the auditor look now and then, until something is wrong."""

    def __init__(self, world: World) -> None:
        self._kernel = world.kernel
        observation = Observation(
            hub=world.hub.db,
            disks=world.disks,
            facts=world.witness.facts,
            now_ms=lambda: world.kernel.now_ms,
        )
        self._auditor = Auditor(observation)
        self.breaches: list[Breach] = []
        world.witness.listen(self._auditor.saw)
        self._plan()

    def finish(self) -> None:
        """Look once more, for what must hold now that all has come together."""
        self.breaches += self._auditor.check_end()

    def close(self) -> None:
        """Let go of all files."""
        self._auditor.close()

    def _plan(self) -> None:
        self._kernel.after(AUDIT_EVERY_MS, self._look)

    def _look(self) -> None:
        self.breaches += self._auditor.check_now()
        if not self.breaches:
            self._plan()


def _count(coverage: Coverage, facts: tuple[Fact, ...], hub: Path) -> None:
    coverage.faults.update(str(dict(one.what)["name"]) for one in facts if one.kind == "fault")
    coverage.actors.update(
        one.who for one in facts if one.kind in ("staff_asked", "roams") and one.who in ACTORS
    )
    coverage.codes.update(codes_in_facts(facts))
    coverage.codes.update(codes_in_hub(hub))


def _digest(facts: tuple[Fact, ...], world: World) -> str:
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(repr((fact.at_ms, fact.kind, fact.who, fact.what)).encode())
    for path in (world.hub.db, *(disk.path for disk in world.disks)):
        digest.update(path.name.encode())
        for line in _rows(path):
            digest.update(line.encode())
    return digest.hexdigest()


_TABLES = """
    SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_sqlite_migrations'
    ORDER BY name
"""
"""The library that makes an agent's tables notes the real time at which it did."""


def _rows(path: Path) -> Iterator[str]:
    """Every row of a database, as words; a damaged one is what it is."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            for (name,) in connection.execute(_TABLES).fetchall():
                yield name
                yield from sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))  # noqa: S608 names that SQLite gave
    except sqlite3.DatabaseError as error:
        yield repr(error)


_MOVED = """
    SELECT items.kind, sum(transfers.amount) FROM transfers
    JOIN items ON items.id = transfers.item GROUP BY items.kind
"""
_KEPT = "SELECT code, balance FROM ledger_accounts"


def _moved(hub: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{hub}?mode=ro", uri=True)) as connection:
        return dict(connection.execute(_MOVED).fetchall())


def _kept(hub: Path) -> dict[str, int]:
    kept: Counter[str] = Counter()
    with closing(sqlite3.connect(f"file:{hub}?mode=ro", uri=True)) as connection:
        for code, minor in connection.execute(_KEPT):
            kept[code.partition(":")[2].partition("/")[0]] += minor
    return dict(kept)
