"""A controller's journal read from outside: plain SQL on its file, while it runs or after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simulator.system.books import opened
from wire import chain
from wire.codec import decode_event
from wire.events import AnyEvent, CardRefused, SessionEnded, SessionStarted, UnknownEvent

DATABASE = "agent.db"


@dataclass(frozen=True, slots=True)
class JournalView:
    """What stands in a controller's journal.

    Attributes:
        controller: Whose.
        epoch: Id of the journal.
        acked_seq: The hub has booked up to here.
        list_revision: Revision of the card list that the controller holds.
        events: All events that are still kept, in order.
        sound: Whether the chain from its origin holds; also False when rows were
            pruned, since then the origin is gone.
    """

    controller: str
    epoch: str
    acked_seq: int
    list_revision: int
    events: tuple[AnyEvent | UnknownEvent, ...]
    sound: bool

    @property
    def last_seq(self) -> int:
        """Seq of the newest event; 0: there is none."""
        return self.events[-1].seq if self.events else 0

    @property
    def unsynced(self) -> int:
        """How many events the hub hasn't acknowledged."""
        return self.last_seq - self.acked_seq

    @property
    def open_sessions(self) -> set[str]:
        """Sessions that started and didn't end."""
        return {event.session for event in self.started()} - set(self.charges)

    @property
    def charges(self) -> dict[str, int]:
        """What each ended session was charged."""
        return {event.session: event.charge_minor for event in self.ended()}

    def ended(self) -> list[SessionEnded]:
        """Sessions that ended."""
        return [event for event in self.events if isinstance(event, SessionEnded)]

    def started(self) -> list[SessionStarted]:
        """Sessions that started."""
        return [event for event in self.events if isinstance(event, SessionStarted)]

    def refused(self) -> list[CardRefused]:
        """Taps that were refused."""
        return [event for event in self.events if isinstance(event, CardRefused)]

    def after(self, seq: int, upto: int | None = None) -> list[AnyEvent | UnknownEvent]:
        """Events after a seq, up to another one."""
        end = self.last_seq if upto is None else upto
        return [event for event in self.events if seq < event.seq <= end]


def read_journal(controller: str, folder: Path) -> JournalView:
    """Read a controller's journal; an empty one when it hasn't run yet."""
    nothing = JournalView(controller, "", 0, 0, (), sound=True)
    if not (folder / DATABASE).exists():
        return nothing
    with opened(folder / DATABASE) as connection:
        connection.execute("BEGIN")  # one picture of both tables
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchall():
            return nothing
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        rows = connection.execute("SELECT seq, data, hash FROM journal ORDER BY seq").fetchall()
    epoch = str(meta.get("epoch") or "")
    return JournalView(
        controller=controller,
        epoch=epoch,
        acked_seq=int(meta.get("acked_seq") or 0),
        list_revision=int(meta.get("list_revision") or 0),
        events=tuple(decode_event(bytes(data)) for _, data, _ in rows),
        sound=_is_sound(chain.origin(controller, epoch), rows),
    )


def _is_sound(origin: bytes, rows: Iterable[tuple[int, bytes, bytes]]) -> bool:
    digest = origin
    for place, (seq, data, stored) in enumerate(rows, 1):
        digest = chain.link(digest, data)
        if seq != place or stored != digest:
            return False
    return True
