"""Outputs, meters and feedback of the machines: switched, kept on, read."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import dataclass

from firmware_agent.core.inputs import (
    DoorChanged,
    FaultyChanged,
    FeedbackChanged,
    Input,
    Metered,
    PartChanged,
    Pressed,
    ReaderChanged,
)
from firmware_agent.core.model import ControllerState
from firmware_agent.core.session import IN_SESSION, State
from firmware_agent.parts import Parts
from hardware.errors import HardwareError
from hardware.ports import LEASE_MS_MAX, ButtonPressed, Health, HealthState, InputChanged

_log = logging.getLogger(__name__)

NEEDED_PARTS = ("output", "meter", "feedback")
"""Without one of these a machine would be given away, or charged wrongly: it stays in
FAULT until the agent starts anew and finds the part."""
STOPPING_MS = 250
"""A session that ends is settled 300 ms later: its meter is read once more before that."""
FAULT_RETRY_MS = 30_000
"""An output that failed is tried again this often, by switching it off."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often machines are looked at.

    Attributes:
        running_ms: Between two readings of a machine in a session: bounds how far a
            session may run beyond its right.
        idle_ms: Between two readings of one that nobody uses, for its health.
        lease_ms: How long an output stays on when nobody renews it; more than twice
            `running_ms`, at most `LEASE_MS_MAX`.
        rarer: How many times rarer than usual that is done which only keeps things fresh:
            reports, the live view, chores. For simulations, where hours pass in seconds.
    """

    running_ms: int = 250
    idle_ms: int = 5_000
    lease_ms: int = 5_000
    rarer: int = 1

    def __post_init__(self) -> None:
        if not 2 * self.running_ms < self.lease_ms <= LEASE_MS_MAX:
            raise ValueError("lease_ms must be more than twice running_ms, and within its limit")


def input_of_pin(event: ButtonPressed | InputChanged, machines: Container[str]) -> Input | None:
    """What a pin means to the core; None: it isn't one of a machine.

    Pins are named after their machine; doors and fault signals after their kind, too.
    """
    name = event.button if isinstance(event, ButtonPressed) else event.input
    kind, _, machine = name.rpartition("/")
    if machine not in machines:
        return None
    if isinstance(event, ButtonPressed):
        return Pressed(machine)
    if kind == "door":
        return DoorChanged(machine, event.active)
    if kind == "fault":
        return FaultyChanged(machine, event.active)
    return FeedbackChanged(machine, event.active)


class MachineSide:
    """The machines' parts.

    Args:
        parts: Open parts.
        pace: How often they are looked at.
    """

    def __init__(self, parts: Parts, pace: Pace) -> None:
        self._parts = parts
        self._pace = pace
        self._read_ms: dict[str, int] = {}
        self._renewed_ms: dict[str, int] = {}
        self._retried_ms: dict[str, int] = {}

    def opening_inputs(self) -> list[Input]:
        """What the core has to know of parts before anything starts."""
        inputs: list[Input] = []
        for place, reason in self._parts.missing.items():
            kind, _, name = place.partition(" of ")
            if kind in NEEDED_PARTS:
                inputs.append(PartChanged(name, f"{kind}: {reason}"))
            elif kind == "reader":
                inputs.append(ReaderChanged(name, reason))
        return inputs

    def switch_on(self, machine: str, mono_ms: int, lease_ms: int = 0) -> list[Input]:
        """Switch on; `lease_ms` 0: until it isn't renewed any more.

        Returns:
            The failure, or the reading that a session is counted from.
        """
        reason = self._drive(machine, lease_ms or self._pace.lease_ms)
        if reason:
            return [PartChanged(machine, reason)]
        self._renewed_ms[machine] = mono_ms
        return [self.read(machine, mono_ms)]

    def end_use(self, machine: str, mono_ms: int) -> list[Input]:
        """Switch off, and read at once: what was used since the last reading is charged, too."""
        return [*self.switch_off(machine), self.read(machine, mono_ms)]

    def switch_off(self, machine: str) -> list[Input]:
        """Switch off; returns the failure, if any."""
        output = self._parts.outputs.get(machine)
        if output is None:
            return []
        try:
            output.set_off()
        except HardwareError as error:
            _log.critical("%s can't be switched off: %s", machine, error)
            return [PartChanged(machine, str(error))]
        return []

    def look(self, state: ControllerState, mono_ms: int) -> list[Input]:
        """Keep on what has to be on, and read what is due."""
        inputs: list[Input] = []
        for machine in state.machines.values():
            if machine.drives:
                inputs += self._renew(machine.id, mono_ms)
            if machine.state is State.FAULT:
                inputs += self._retry(machine.id, mono_ms)
            if mono_ms >= self._due_ms(state, machine.id):
                inputs += self._feedback(machine.id, machine.feedback)
                inputs += self._health(machine.id)
                inputs.append(self.read(machine.id, mono_ms))
        return inputs

    def read(self, machine: str, mono_ms: int) -> Metered:
        """Read a machine now."""
        self._read_ms[machine] = mono_ms
        output, meter = self._parts.outputs.get(machine), self._parts.meters.get(machine)
        on_ms = output.on_ms_total if output is not None else 0
        return Metered(machine, on_ms, meter.read() if meter is not None else None)

    def due_ms(self, state: ControllerState) -> int | None:
        """Monotonic time when a machine has to be looked at next."""
        return min((self._due_ms(state, machine) for machine in state.machines), default=None)

    def all_off(self) -> None:
        """Switch everything off, whatever else is going on."""
        for machine in self._parts.outputs:
            self.switch_off(machine)

    def _due_ms(self, state: ControllerState, machine: str) -> int:
        now = state.machines[machine].state
        pace_ms = self._pace.running_ms if now in IN_SESSION else self._pace.idle_ms
        if now is State.STOPPING:
            pace_ms = min(pace_ms, STOPPING_MS)
        read_ms = self._read_ms.get(machine)
        return 0 if read_ms is None else read_ms + pace_ms

    def _renew(self, machine: str, mono_ms: int) -> list[Input]:
        renewed_ms = self._renewed_ms.get(machine)
        if renewed_ms is not None and mono_ms - renewed_ms < self._pace.lease_ms // 3:
            return []
        reason = self._drive(machine, self._pace.lease_ms)
        self._renewed_ms[machine] = mono_ms
        return [PartChanged(machine, reason)] if reason else []

    def _retry(self, machine: str, mono_ms: int) -> list[Input]:
        output = self._parts.outputs.get(machine)
        retried_ms = self._retried_ms.setdefault(machine, mono_ms)
        if output is None or mono_ms - retried_ms < FAULT_RETRY_MS:
            return []
        if any(f"{kind} of {machine}" in self._parts.missing for kind in NEEDED_PARTS):
            return []
        self._retried_ms[machine] = mono_ms
        failed = self.switch_off(machine)
        return failed or [PartChanged(machine)]

    def _drive(self, machine: str, lease_ms: int) -> str:
        """Switch on for a lease; the failure in words, or nothing."""
        output = self._parts.outputs.get(machine)
        if output is None:
            return "it has no output"
        try:
            output.set_on(lease_ms)
        except HardwareError as error:
            return str(error)
        return ""

    def _health(self, machine: str) -> list[Input]:
        """What an output that knows whether it works says when it doesn't."""
        output = self._parts.outputs.get(machine)
        health: Health | None = getattr(output, "health", None)
        if health is None or health.state is not HealthState.DOWN:
            return []
        return [PartChanged(machine, health.reason)]

    def _feedback(self, machine: str, known: bool | None) -> list[Input]:  # noqa: FBT001 a level
        """The level now, should a change have been missed."""
        pin = self._parts.feedbacks.get(machine)
        if pin is None or pin.is_active is known:
            return []
        return [FeedbackChanged(machine, pin.is_active)]
