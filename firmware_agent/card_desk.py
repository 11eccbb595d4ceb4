"""One card at one reader of this controller, for a person who issues cards.

A reader has one owner. The desk takes the lock that an agent holds while it runs, so the
two never drive one reader together, and an agent that is started meanwhile says why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

from firmware_agent.config import AgentConfig, ReaderConfig
from firmware_agent.errors import CardDeskError, StoreError
from firmware_agent.store import lock_folder
from hardware.errors import HardwareError
from hardware.ports import CardPresent, CardReader, CardsSeveral, PartEvent, ReaderDown
from wire.ids import is_random_uid

WAIT_MS = 30_000
"""A person looks for the card and lays it down."""
EVENTS_MAX = 64
"""A reader reports a few events in that time; what doesn't fit is left out."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep the agent from running, and so the reader from two owners.

    Raises:
        CardDeskError: The agent runs.
    """
    try:
        lock = lock_folder(folder)
    except StoreError:
        raise CardDeskError(
            "the agent runs and holds the readers: stop it while you issue cards "
            "(systemctl stop standpipe-agent), and start it again afterwards"
        ) from None
    try:
        yield
    finally:
        lock.close()


def choose(config: AgentConfig, name: str) -> ReaderConfig:
    """The reader to issue at: the named one, or the only one.

    Raises:
        CardDeskError: There is none, or several and none was named.
    """
    known = [reader.id for reader in config.readers]
    for reader in config.readers:
        if reader.id == name or (not name and len(known) == 1):
            return reader
    if not known:
        raise CardDeskError("this controller's file names no reader under [[readers]]")
    raise CardDeskError(f"say which reader: --reader {' or --reader '.join(known)}")


def lay_down(reader: CardReader, wait_ms: int = WAIT_MS) -> CardPresent:
    """Wait until one card lies on a reader. The reader is closed afterwards.

    Args:
        reader: Opened, not started.
        wait_ms: How long.

    Raises:
        CardDeskError: No card, several, one without a UID of its own, or no reader.
    """
    events: Queue[PartEvent] = Queue(EVENTS_MAX)

    def emit(event: PartEvent) -> None:
        if not events.full():
            events.put(event)

    try:
        reader.start(emit)
        while True:
            event = events.get(timeout=wait_ms / 1000)
            if isinstance(event, CardPresent | CardsSeveral | ReaderDown):
                return _one(event)
    except Empty:
        raise CardDeskError(f"no card came within {wait_ms // 1000} s") from None
    except HardwareError as error:
        raise CardDeskError(str(error)) from None
    finally:
        reader.close()


def _one(event: CardPresent | CardsSeveral | ReaderDown) -> CardPresent:
    if isinstance(event, CardsSeveral):
        raise CardDeskError("several cards lie there: lay down one only")
    if isinstance(event, ReaderDown):
        raise CardDeskError(f"the reader doesn't answer: {event.reason}")
    if is_random_uid(event.uid):
        raise CardDeskError(
            "this card makes up a new UID at each tap, as phones do: it can name nobody"
        )
    return event
