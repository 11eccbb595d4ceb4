"""Things that several parts use at once, such as a bus: made by the first, ended by the last."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Closes(Protocol):
    """Anything that can be closed."""

    def close(self) -> None: ...


Key = TypeVar("Key")
Thing = TypeVar("Thing", bound=Closes)


class Shared(Generic[Key, Thing]):
    """Keeps each thing as long as somebody uses it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._things: dict[Key, tuple[Thing, int]] = {}

    def join(self, key: Key, make: Callable[[], Thing]) -> Thing:
        """Get the thing, made now when nobody uses it yet."""
        with self._lock:
            thing, users = self._things.get(key) or (make(), 0)
            self._things[key] = (thing, users + 1)
            return thing

    def leave(self, key: Key) -> None:
        """Stop using it; call it as often as `join` for this key. The last one closes it."""
        with self._lock:
            thing, users = self._things.pop(key)
            if users > 1:
                self._things[key] = (thing, users - 1)
                return
            # Closed within the lock: who joins next opens the same port again.
            thing.close()
