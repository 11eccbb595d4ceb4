"""Publishes the live view: at once when a state changes, otherwise at its own pace."""

from __future__ import annotations

import msgspec

from firmware_agent.core.model import ControllerState, Moment
from firmware_agent.core.view import state_view
from firmware_agent.uplink import Uplink
from wire.uplink import StateView

CHANGE_GAP_MS = 200
"""Changes of state are published at most this often: five a second are enough to watch."""
EVERY_MS = 30_000
"""Unchanged, the view is published this often, so that "as of" doesn't grow old."""


class LivePublisher:
    """Decides when the live view is worth a message.

    Args:
        uplink: The way.
    """

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._every_ms = EVERY_MS * uplink.rarer
        self._last: StateView | None = None
        self._last_ms = 0
        self._seen: ControllerState | None = None
        self._seen_waiting = 0
        self.due_ms: int | None = None

    def forget(self) -> None:
        """Publish anew: what was published may be gone."""
        self._last = None

    def publish(self, state: ControllerState, moment: Moment, *, now: bool = False) -> None:
        """Publish the view if it is worth it by now."""
        if not self._uplink.is_up:
            self.due_ms = None
            return
        waiting = self._uplink.waiting
        if not now and not self._is_worth_a_look(state, waiting, moment.mono_ms):
            return
        self._seen, self._seen_waiting = state, waiting
        view = state_view(state, moment, waiting)
        wait_ms = 0 if now else self._wait_ms(view, state.policy.state_ms)
        self.due_ms = self._last_ms + wait_ms
        if moment.mono_ms < self.due_ms:
            return
        went = self._uplink.send_state(view)
        self._last_ms = moment.mono_ms
        self._last = view if went else None
        self.due_ms = moment.mono_ms + (self._every_ms if went else CHANGE_GAP_MS)

    def _is_worth_a_look(self, state: ControllerState, waiting: int, mono_ms: int) -> bool:
        """Whether the view may have changed, or is due; cheap."""
        if self._last is None or state is not self._seen or waiting != self._seen_waiting:
            return True
        return self.due_ms is None or mono_ms >= self.due_ms

    def _wait_ms(self, view: StateView, state_ms: int) -> int:
        last = self._last
        if last is None:
            return 0
        if _words(view) != _words(last):
            return CHANGE_GAP_MS
        same = msgspec.structs.replace(last, at_ms=view.at_ms) == view
        return self._every_ms if same else max(state_ms, CHANGE_GAP_MS)


def _words(view: StateView) -> tuple[object, ...]:
    """What a person would notice at once."""
    machines = tuple((machine.state, machine.session, machine.detail) for machine in view.machines)
    return machines, view.readers_down, view.alarm
