"""The virtual hardware of several controllers in one process.

One thread lets the machines run; agents in other processes see it through ports and
pins. All methods may be called from any thread.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from threading import Condition, RLock, Thread
from types import TracebackType
from typing import Self

from simulator.parts.controller import ControllerView, VirtualController
from simulator.parts.machine import Fault, VirtualMachine
from simulator.parts.parts_spec import WorldParts
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Tag

TICK_MS = 10
"""How often machines are looked after; pulses come in lots of this much time."""

HISTORY_MAX = 100_000
"""Relay changes kept: a long run of a busy site, some MB."""

DIGITS_MAX = 64
"""What a keypad sends at most at a time."""

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class RelayChange:
    """A relay opened or closed.

    Attributes:
        controller: Whose.
        machine: Which.
        closed: What it is since.
        mono_ns: When the pin changed, on the machine's monotonic clock.
        released: It opened since the pin was given back (the agent ended), not driven.
    """

    controller: str
    machine: str
    closed: bool
    mono_ns: int
    released: bool


class World:
    """Hosts the parts. Use it as a context manager, or call `close`.

    Args:
        parts: What there is.

    Raises:
        OSError: A path of a port, socket or counter can't be made.
    """

    def __init__(self, parts: WorldParts) -> None:
        self._lock = RLock()
        self._wake = Condition(self._lock)
        self._closed = False
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._history: deque[RelayChange] = deque(maxlen=HISTORY_MAX)
        self._controllers: dict[str, VirtualController] = {}
        self._clock_of: dict[str, int] = {}
        self._clocks_off: dict[str, int] = {}
        for controller in parts.controllers:
            self._controllers[controller.id] = VirtualController(
                controller,
                self._listener(controller.id),
                partial(self._plug_changed, controller.id),
                parts.speed,
            )
        for parts_of_one in self._controllers.values():
            parts_of_one.start()
        self._thread = Thread(target=self._run, name="world", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the machines and pull all parts out."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._wake.notify_all()
        self._thread.join()
        for controller in self._controllers.values():
            controller.close()

    def tap(self, controller: str, reader: str, card: Tag, hold_ms: int = 300) -> int:
        """Lay a card down and take it away `hold_ms` later.

        Returns:
            When it was laid down, in `mono_ns`. It doesn't wait for the rest.

        Raises:
            KeyError: There is no such controller or reader.
        """
        return self.hold(self._chip(controller, reader), card, hold_ms)

    def hold(self, chip: Pn532Chip, card: Tag, hold_ms: int) -> int:
        """Lay a card on a reader of this world, as `tap` does."""
        laid_ns = time.monotonic_ns()
        chip.place(card)
        with self._lock:
            due = laid_ns // _NS_PER_MS + hold_ms
            heapq.heappush(self._later, (due, next(self._order), lambda: chip.remove(card)))
            self._wake.notify_all()
        return laid_ns

    def place(self, controller: str, reader: str, card: Tag) -> int:
        """Lay a card down; returns when, in `mono_ns`. Raises `KeyError` as `tap`."""
        chip = self._chip(controller, reader)
        laid_ns = time.monotonic_ns()
        chip.place(card)
        return laid_ns

    def remove(self, controller: str, reader: str, card: Tag) -> None:
        """Take a card away. Raises `KeyError` as `tap`."""
        self._chip(controller, reader).remove(card)

    def press(self, controller: str, button: str) -> bool:
        """Press a button; False when no agent is there to feel it.

        Raises:
            KeyError: There is no such controller or button.
        """
        parts = self._controllers[controller]
        return parts.pins.pulse(parts.buttons[button])

    def type_code(self, controller: str, machine: str, digits: str) -> bool:
        """Type at a machine's keypad; False when no agent is there to read it.

        Raises:
            KeyError: There is no such controller or machine.
        """
        parts = self._controllers[controller]
        return parts.pins.type_digits(parts.machines[machine].parts.id, digits[:DIGITS_MAX])

    def unplug(self, controller: str, reader: str) -> None:
        """Pull a reader's plug. Raises `KeyError` as `tap`."""
        self._chip(controller, reader).unplug()

    def plug(self, controller: str, reader: str) -> None:
        """Plug a reader in again. Raises `KeyError` as `tap`."""
        self._chip(controller, reader).plug()

    def hang(self, controller: str, reader: str) -> None:
        """Let a reader hang until `restart`. Raises `KeyError` as `tap`."""
        self._chip(controller, reader).hang()

    def restart(self, controller: str, reader: str) -> None:
        """Cut a reader's power for a moment. Raises `KeyError` as `tap`."""
        self._chip(controller, reader).restart()

    def set_fault(self, controller: str, machine: str, fault: Fault) -> None:
        """Bring a fault about, or mend it by `Fault.NONE`.

        Raises:
            KeyError: There is no such controller or machine.
            ValueError: The machine can't have this fault.
        """
        with self._lock:
            self._controllers[controller].machines[machine].set_fault(fault)

    def turn_meter_to(self, controller: str, machine: str, count: int) -> None:
        """Let a meter that keeps its own count stand elsewhere. Raises as `set_fault`."""
        with self._lock:
            self._controllers[controller].machines[machine].turn_meter_to(count)

    def jump_clock(self, controller: str, by_ms: int) -> bool:
        """Let an agent's wall clock jump; False when there is none. Raises `KeyError`."""
        jumped = self._controllers[controller].pins.jump_clock(by_ms)
        if jumped:
            self._clocks_off[controller] = self.clock_off_ms(controller) + by_ms
        return jumped

    def clock_off_ms(self, controller: str) -> int:
        """By how much an agent's clock has jumped since it started."""
        started = self._controllers[controller].pins.agents
        if self._clock_of.get(controller) != started:
            self._clock_of[controller] = started
            self._clocks_off[controller] = 0
        return self._clocks_off.get(controller, 0)

    def set_clock_right(self, controller: str) -> None:
        """Let an agent's clock jump to where it was."""
        if off_ms := self.clock_off_ms(controller):
            self.jump_clock(controller, -off_ms)

    def controller(self, name: str) -> VirtualController:
        """All parts of one controller, to plug and unplug; its machines are moved from here.

        Raises:
            KeyError: There is none of that name.
        """
        return self._controllers[name]

    def snapshot(self) -> dict[str, ControllerView]:
        """Look at everything, by controller."""
        with self._lock:
            return {name: parts.view() for name, parts in self._controllers.items()}

    def history(self) -> tuple[RelayChange, ...]:
        """All relay changes so far, in the order they were seen, at most `HISTORY_MAX`."""
        with self._lock:
            return tuple(self._history)

    def wait_relay(
        self, controller: str, machine: str, *, closed: bool, timeout_ms: int
    ) -> RelayChange | None:
        """Wait until a relay is closed or open.

        Returns:
            Its last change; None when the time ran out or it never changed.

        Raises:
            KeyError: There is no such controller or machine.
        """
        part = self._controllers[controller].machines[machine]
        with self._lock:
            if not self._wake.wait_for(lambda: part.relay_closed == closed, timeout_ms / 1000):
                return None
            for change in reversed(self._history):
                if (change.controller, change.machine) == (controller, machine):
                    return change
        return None

    def _chip(self, controller: str, reader: str) -> Pn532Chip:
        return self._controllers[controller].readers[reader]

    def _listener(self, name: str) -> Callable[[int, bool | None, int], None]:
        def listen(pin: int, level: bool | None, mono_ns: int) -> None:  # noqa: FBT001 a pin's level
            with self._lock:
                self._output_changed(name, pin, level, mono_ns)

        return listen

    def _output_changed(
        self,
        name: str,
        pin: int,
        level: bool | None,  # noqa: FBT001 a pin's level
        mono_ns: int,
    ) -> None:
        controller = self._controllers[name]
        controller.levels[pin] = level
        for machine in controller.machines.values():
            if machine.parts.relay_pin == pin and machine.level_changed(
                level, mono_ns // _NS_PER_MS
            ):
                self._note(name, machine, mono_ns, released=level is None)

    def _plug_changed(self, name: str, machine: str, *, closed: bool) -> None:
        mono_ns = time.monotonic_ns()
        with self._lock:
            part = self._controllers[name].machines[machine]
            if part.relay_changed(mono_ns // _NS_PER_MS, closed=closed):
                self._note(name, part, mono_ns, released=False)

    def _note(self, name: str, machine: VirtualMachine, mono_ns: int, *, released: bool) -> None:
        closed = machine.relay_closed
        self._history.append(RelayChange(name, machine.parts.id, closed, mono_ns, released))
        self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                now_ms = time.monotonic_ns() // _NS_PER_MS
                while self._later and self._later[0][0] <= now_ms:
                    heapq.heappop(self._later)[2]()
                for controller in self._controllers.values():
                    for machine in controller.machines.values():
                        machine.tick(now_ms)
            time.sleep(TICK_MS / 1000)
