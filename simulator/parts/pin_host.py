"""The world's end of an agent's pins and buses."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

import msgspec

from simulator.parts.pin_lines import (
    LINE_BYTES_MAX,
    BusPresence,
    BusWrite,
    DrivePin,
    JumpClock,
    Order,
    TypeDigits,
    decode_report,
    encode_line,
)

_log = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 2
"""An agent that doesn't read its pins that long (stopped, swapping) loses the edges."""

OnOutput = Callable[[int, bool | None, int], None]
"""Told of pin, level (None: released) and `mono_ns`."""
OnBus = Callable[[BusWrite], None]
"""Told of what is written to an I2C bus."""


class PinHost:
    """Listens for one agent at a time; a second one waits until the first is gone.

    Args:
        path: Where the socket shall be.
        on_output: Called from the host's thread for each change of an output.
        on_bus: Called from the host's thread for each write to a bus.
        on_end: Called from there when an agent is gone.
    """

    def __init__(
        self,
        path: Path,
        on_output: OnOutput,
        on_bus: OnBus = lambda _: None,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._on_output = on_output
        self._on_bus = on_bus
        self._on_end = on_end
        self._present: dict[str, tuple[int, ...]] = {}
        self.agents = 0
        """How many came so far."""
        self._lock = Lock()
        self._held: dict[int, bool] = {}
        self._agent: socket.socket | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = Thread(target=self._accept, name=f"pins {path.name}", daemon=True)

    def start(self) -> None:
        """Let an agent in; one that came before waits at the socket."""
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether an agent's pins are there."""
        with self._lock:
            return self._agent is not None

    def hold(self, pin: int, level: bool | None) -> None:  # noqa: FBT001 a pin's level
        """Hold an input high or low, also for agents that come later; None lets go."""
        with self._lock:
            if level is None:
                self._held.pop(pin, None)
            else:
                self._held[pin] = level
            self._send(DrivePin(pin=pin, level=level))

    def pulse(self, pin: int, count: int = 1) -> bool:
        """Pulse an input `count` times; False when nobody is there to count."""
        with self._lock:
            return self._send(DrivePin(pin=pin, pulses=count))

    def train(self, pin: int, count: int, pulse_ms: int, rest_ms: int) -> bool:
        """Pulse an input as a coin acceptor does; False when nobody is there to count."""
        with self._lock:
            return self._send(DrivePin(pin=pin, pulses=count, pulse_ms=pulse_ms, rest_ms=rest_ms))

    def type_digits(self, machine: str, digits: str) -> bool:
        """Type at a machine's keypad; False when nobody is there to read it."""
        with self._lock:
            return self._send(TypeDigits(machine=machine, digits=digits))

    def set_present(self, bus: str, addresses: tuple[int, ...]) -> None:
        """Let these devices answer on a bus, also for agents that come later."""
        with self._lock:
            self._present[bus] = addresses
            self._send(BusPresence(bus=bus, addresses=addresses))

    def jump_clock(self, by_ms: int) -> bool:
        """Let the agent's wall clock jump; False when nobody is there."""
        with self._lock:
            return self._send(JumpClock(by_ms=by_ms))

    def close(self) -> None:
        """Stop listening and hang up."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            if self._agent is not None:
                with suppress(OSError):
                    self._agent.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join()
        self._path.unlink(missing_ok=True)

    def _send(self, order: Order) -> bool:
        if self._agent is None:
            return False
        try:
            self._agent.sendall(encode_line(order))
        except OSError:
            return False
        return True

    def _accept(self) -> None:
        while True:
            try:
                agent, _ = self._listener.accept()
            except OSError:
                return
            self._serve(agent)

    def _serve(self, agent: socket.socket) -> None:
        # A send time-out only: reading waits for ever.
        timeout = struct.pack("@ll", _SEND_TIMEOUT_S, 0)
        agent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        with self._lock:
            self._agent = agent
            self.agents += 1
            for pin, level in self._held.items():
                self._send(DrivePin(pin=pin, level=level))
            for bus, addresses in self._present.items():
                self._send(BusPresence(bus=bus, addresses=addresses))
        outputs: set[int] = set()
        with suppress(OSError), agent.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                self._take(line, outputs)
        with self._lock:
            self._agent = None
        agent.close()
        for pin in sorted(outputs):
            self._on_output(pin, None, time.monotonic_ns())
        self._on_end()

    def _take(self, line: bytes, outputs: set[int]) -> None:
        try:
            message = decode_report(line)
        except msgspec.DecodeError as error:
            _log.warning("a line that isn't one: %s", error)
            return
        if isinstance(message, BusWrite):
            self._on_bus(message)
            return
        if message.level is None:
            outputs.discard(message.pin)
        else:
            outputs.add(message.pin)
        self._on_output(message.pin, message.level, message.mono_ns)
