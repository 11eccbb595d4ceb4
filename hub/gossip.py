"""Tells other hubs on the same database what this one changed, and hears of them.

By PostgreSQL's own LISTEN and NOTIFY, on one connection beside the writer's. Nothing
depends on it: what a message said can be found in the database, and after a break, or
when too much happened at once, everybody looks at everything. It only makes things
quicker: a command, a blocked card, a page that shows the newest session.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Engine

from hub.ledger.writer import Touched
from hub.store.engine import Store

CHANNEL = "standpipe"
WAITING_MAX = 20_000
"""More than are changed in a second at full speed; beyond it others look at everything."""
PAYLOAD_BYTES_MAX = 7_900
"""PostgreSQL takes 8,000 bytes in one message."""
LOOK_S = 0.1
"""How long a change may wait to be told."""
RECONNECT_S = 2.0
NAMED = frozenset({"rights", "controller", "config", "command"})
"""Kinds whose ids others need. Of the rest, such as sessions, only that there are new ones:
rights that follow from a wallet are numbered by the hub that changed it, and told as
`rights`."""

Heard = Callable[[Touched], None]
log = logging.getLogger("hub.gossip")


class Gossip(Protocol):
    """A way to other hubs."""

    def tell(self, touched: Touched) -> None:
        """Say what a commit changed. A listener of the writer: never blocks."""
        ...

    def listen(self, heard: Heard, missed: Callable[[], None]) -> None:
        """Have `heard` told what others changed, and `missed` that something went unheard."""
        ...

    def start(self) -> None:
        """Begin to tell and to hear."""
        ...

    def close(self) -> None:
        """Tell what wasn't told yet, and stop; a second call does nothing."""
        ...


class NoGossip:
    """There are no other hubs."""

    def tell(self, touched: Touched) -> None:
        """Nobody needs to know."""

    def listen(self, heard: Heard, missed: Callable[[], None]) -> None:
        """Nothing is ever heard."""

    def start(self) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """There is nothing to close."""


class _Word(msgspec.Struct, frozen=True, array_like=True):
    """One message; `touched` None: look at everything."""

    sender: str
    touched: tuple[tuple[str, str], ...] | None


class PostgresGossip:
    """Tells and hears by LISTEN and NOTIFY, in a thread of its own.

    One that was never started (a command beside running hubs) tells all at its close.

    Args:
        store: The database.
        instance: Id of this run of the hub: its own words aren't news to it.
    """

    def __init__(self, store: Store, instance: str) -> None:
        self._engine = store.writing
        self._instance = instance
        self._lock = threading.Lock()
        self._waiting: set[tuple[str, str]] = set()
        self._is_too_much = False
        self._listeners: list[tuple[Heard, Callable[[], None]]] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, touched: Touched) -> None:
        news = touched if self._thread is None else {_short(*one) for one in touched}
        with self._lock:
            if len(self._waiting) + len(news) > WAITING_MAX:
                self._waiting.clear()
                self._is_too_much = True
            else:
                self._waiting.update(news)

    def listen(self, heard: Heard, missed: Callable[[], None]) -> None:
        self._listeners.append((heard, missed))

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="gossip", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        words = list(self._words())
        if not words:
            return
        try:
            with _connect(self._engine) as connection:
                _say(connection, words)
        except psycopg.Error as error:
            log.warning("other hubs weren't told of the last changes: %s", error)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with _connect(self._engine) as connection:
                    self._talk(connection)
            except psycopg.Error as error:
                log.warning("other hubs aren't heard for now: %s", error)
                with self._lock:
                    self._is_too_much = True  # what was on its way may be lost
                self._closing.wait(RECONNECT_S)

    def _talk(self, connection: psycopg.Connection) -> None:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        # What was said before is lost on us.
        self._miss()
        while not self._closing.is_set():
            for notify in connection.notifies(timeout=LOOK_S):
                self._hear(notify.payload)
            _say(connection, self._words())

    def _words(self) -> Iterator[str]:
        with self._lock:
            waiting, self._waiting = self._waiting, set()
            too_much, self._is_too_much = self._is_too_much, False
        if too_much:
            yield _encode(_Word(self._instance, None))
        for some in _portions(sorted(waiting)):
            yield _encode(_Word(self._instance, some))

    def _hear(self, payload: str) -> None:
        try:
            word = msgspec.json.decode(payload, type=_Word)
        except msgspec.MsgspecError:
            self._miss()  # of a hub of another version
            return
        if word.sender == self._instance:
            return
        if word.touched is None:
            self._miss()
            return
        for heard, _ in self._listeners:
            heard(frozenset(word.touched))

    def _miss(self) -> None:
        for _, missed in self._listeners:
            missed()


def _short(kind: str, id_: str) -> tuple[str, str]:
    """What a hub that runs says of a change: a right's controller, without its account."""
    return kind, id_.partition("/")[0] if kind in NAMED else ""


def _connect(engine: Engine) -> psycopg.Connection:
    arguments, options = engine.dialect.create_connect_args(engine.url)
    return psycopg.connect(*arguments, **options, autocommit=True)


def _say(connection: psycopg.Connection, payloads: Iterable[str]) -> None:
    for payload in payloads:
        connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))


def _encode(word: _Word) -> str:
    return msgspec.json.encode(word).decode()


def _portions(touched: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Cut into what fits in one message each."""
    some: list[tuple[str, str]] = []
    size = 0
    for one in touched:
        length = len(msgspec.json.encode(one)) + 1
        if some and size + length > PAYLOAD_BYTES_MAX:
            yield tuple(some)
            some, size = [], 0
        some.append(one)
        size += length
    if some:
        yield tuple(some)
