"""Tells controllers of the hub's newest key, until each says that it believes it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable

from hub.fleet import hub_key
from hub.store.engine import Store
from wire.keys import Signer
from wire.succession import key_mark

WAITING_MAX = 20_000
"""As many as a hub has controllers; whoever doesn't fit says again what it believes."""
AT_ONCE_MAX = 100
"""Between, acks and answers get their turn."""

Send = Callable[[str, bytes], object]


class KeyNotices:
    """Who has to be told. Safe to add to from any thread.

    Args:
        store: Has the keys.
        signer: The hub's.
    """

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}

    def heard(self, controller: str, mark: str) -> bool:
        """A controller said which key it believes; True: it must be told of another.

        Args:
            controller: Who.
            mark: Of the key; empty: its agent knows only one.
        """
        if not mark or mark == key_mark(self._signer.public):
            return False
        self.add((controller,))
        return True

    def add(self, controllers: Iterable[str]) -> None:
        """Tell these."""
        with self._lock:
            for name in controllers:
                if len(self._waiting) < WAITING_MAX:
                    self._waiting[name] = None

    def send(self, send: Send) -> None:
        """Tell some of those that wait: `send` takes a controller and a payload."""
        with self._lock:
            names = list(itertools.islice(self._waiting, AT_ONCE_MAX))
            for name in names:
                del self._waiting[name]
        if not names:
            return
        with self._store.read() as connection:
            payload = hub_key.succession(connection)
        for name in names if payload is not None else ():
            send(name, payload or b"")
