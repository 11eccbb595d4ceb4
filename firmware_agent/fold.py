"""What a journal amounts to: totals per account, unbacked spending, open sessions.

The same fold serves the running agent (one event at a time, in its transaction), the
check at a start and the pruning of old rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wire.codec import decode_event
from wire.events import (
    AnyEvent,
    CashTaken,
    CodeRedeemed,
    Released,
    SessionEnded,
    SessionProgress,
    SessionStarted,
    Totals,
    UnknownEvent,
)

NO_TOTALS = Totals()


@dataclass(slots=True)
class Fold:
    """A journal, folded.

    Attributes:
        totals: Of each account that an event changed.
        open_sessions: Bytes of the last event of each open session, by id.
        codes: Counters of the offline codes that were redeemed.
    """

    totals: dict[str, Totals] = field(default_factory=dict)
    open_sessions: dict[str, bytes] = field(default_factory=dict)
    codes: set[int] = field(default_factory=set)

    def add(self, data: bytes) -> None:
        """Fold one more event.

        Raises:
            wire.errors.DecodeError: It is none.
        """
        event = decode_event(data)
        if (changed := totals_of(event)) is not None:
            self.totals[changed[0]] = changed[1]
        if isinstance(event, SessionStarted | SessionProgress):
            self.open_sessions[event.session] = data
        elif isinstance(event, SessionEnded):
            self.open_sessions.pop(event.session, None)
        elif isinstance(event, CodeRedeemed):
            self.codes.add(event.code)

    def add_all(self, rows: Iterable[bytes]) -> None:
        """Fold several events."""
        for data in rows:
            self.add(data)


def totals_of(event: AnyEvent | UnknownEvent) -> tuple[str, Totals] | None:
    """The account whose totals an event states, and they; None: it states none."""
    if isinstance(event, SessionEnded | Released | CashTaken | CodeRedeemed):
        return event.account, event.totals
    return None
