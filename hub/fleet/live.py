"""What controllers say of themselves right now: for looking, never for money.

Kept in memory from `up/status` and `up/state`, which are unsigned; each figure has
the time at which the hub heard it. A restart of the hub fills it again from what
the broker retains.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from wire.uplink import Presence, StateView, Status

CONTROLLERS_MAX = 20_000
"""Twice the largest fleet planned for; beyond it new ones are not shown."""
MACHINES_SHOWN_MAX = 64
"""More than one controller switches."""

Listener = Callable[[str], None]
"""Told the controller whose view changed. Must only note it: it runs in the sender's thread."""


@dataclass(frozen=True, slots=True)
class LiveController:
    """What is known of one controller right now.

    Attributes:
        controller: Which.
        presence: Online or offline; None: it has said nothing since the hub started.
        boot_id: Which start of its agent.
        version: Version of its agent.
        status_ms: Hub's time when `presence` was heard.
        state: Its own view of its machines; None: not heard.
        state_ms: Hub's time when `state` was heard.
        heard_ms: Hub's time when a signed message was heard.
    """

    controller: str
    presence: Presence | None = None
    boot_id: str = ""
    version: str = ""
    status_ms: int = 0
    state: StateView | None = None
    state_ms: int = 0
    heard_ms: int = 0

    @property
    def online(self) -> bool:
        """Whether its agent is connected, as far as the broker knows."""
        return self.presence is Presence.ONLINE

    @property
    def reachable(self) -> bool:
        """Whether what is sent now has a chance to arrive."""
        return self.online or self.heard_ms > self.status_ms


class Live:
    """The live view of all controllers. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._controllers: dict[str, LiveController] = {}
        self._listeners: tuple[Listener, ...] = ()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change; returns what ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def leave() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return leave

    def hear_status(self, controller: str, status: Status, now_ms: int) -> None:
        """Take in a status; the late will of an earlier start is ignored."""
        before = self.of(controller)
        late_will = status.state is Presence.OFFLINE and before.online
        if late_will and status.boot_id != before.boot_id:
            return
        self._put(
            replace(
                before,
                presence=status.state,
                boot_id=status.boot_id,
                version=status.version or before.version,
                status_ms=now_ms,
            )
        )

    def hear_state(self, controller: str, state: StateView, now_ms: int) -> None:
        """Take in a controller's view of its machines."""
        if len(state.machines) > MACHINES_SHOWN_MAX:
            return
        self._put(replace(self.of(controller), state=state, state_ms=now_ms))

    def hear(self, controller: str, now_ms: int) -> None:
        """Note that a signed message came. Tells nobody: it comes with every batch."""
        with self._lock:
            before = self._controllers.get(controller) or LiveController(controller)
            if len(self._controllers) < CONTROLLERS_MAX or controller in self._controllers:
                self._controllers[controller] = replace(before, heard_ms=now_ms)

    def of(self, controller: str) -> LiveController:
        """What is known of a controller; nothing known: empty, never an error."""
        with self._lock:
            return self._controllers.get(controller) or LiveController(controller)

    def all(self) -> tuple[LiveController, ...]:
        """Every controller heard of, in the order of names."""
        with self._lock:
            return tuple(self._controllers[name] for name in sorted(self._controllers))

    def reachable(self) -> tuple[LiveController, ...]:
        """Every controller that can be reached now."""
        return tuple(one for one in self.all() if one.reachable)

    def forget(self, controller: str) -> None:
        """Drop a controller that was removed."""
        with self._lock:
            self._controllers.pop(controller, None)

    def _put(self, view: LiveController) -> None:
        with self._lock:
            full = len(self._controllers) >= CONTROLLERS_MAX
            if full and view.controller not in self._controllers:
                return
            self._controllers[view.controller] = view
            listeners = self._listeners
        for listener in listeners:
            listener(view.controller)
