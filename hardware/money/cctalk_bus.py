"""A ccTalk bus: one serial line, one thread, several devices that are asked in turn.

Source: ccTalk Generic Specification 4.7, part 1: section 6 (9600 baud, 8N1), section 9
(timing and retries): devices speak only when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import serial

from hardware.errors import SpecError
from hardware.money.cctalk_frame import Message, answer_in, encode
from hardware.owner import OwnerThread
from hardware.sharing import Shared
from wire.clock import Clock

ANSWER_MS = 250
"""Longest wait for an answer: 25 ms on the wire, and note acceptors think for up to 200."""
CHUNK_MS = 10
"""Two bytes of an answer are at most this far apart (part 1, section 9), within a tick of USB."""
TRIES = 3
"""As often is a question asked: noise is answered by asking again."""
IDLE_MS = 500
MEMBERS_MAX = 8
"""Each is asked every 100 ms and takes up to 30 of it when all share one line: at twice
that a coin may come in unseen."""
HEARD_BYTES_MAX = 520
"""Question and answer of the greatest length."""
_MS_PER_S = 1_000


class SilentError(Exception):
    """Raised when a device doesn't answer, or not so that it is understood."""


class Ask(Protocol):
    """Asks the device a question."""

    def __call__(self, header: int, data: bytes = b"", *, tries: int = TRIES) -> bytes:
        """Give the answer's data.

        Raises:
            SilentError: There is none.
            OSError: The port is gone.
        """
        ...


class Member(Protocol):
    """A device on the bus, as its owner looks after it; called from the bus's thread."""

    address: int
    with_crc: bool
    due_ms: int

    def attend(self, ask: Ask) -> int:
        """Look after the device; gives in how many ms to come again."""
        ...

    def went_down(self, reason: str) -> None:
        """The port is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """How a port talks."""

    port: str
    baudrate: int


class Bus:
    """A port and its devices.

    Args:
        way: How the port talks.
        clock: Tells who is due.
    """

    def __init__(self, way: Way, clock: Clock) -> None:
        self.way = way
        self._clock = clock
        self._lock = Lock()
        self._members: list[Member] = []
        self._thread = OwnerThread(
            f"ccTalk bus {way.port}", lambda: _Line(self, clock), self._went_down
        )

    def join(self, member: Member, way: Way) -> None:
        """Take a device in.

        Raises:
            SpecError: The others talk in another way, the address is taken, or the bus is
                full.
        """
        if way != self.way:
            raise SpecError(f"the devices at {way.port} must all have one baud rate")
        with self._lock:
            if any(other.address == member.address for other in self._members):
                raise SpecError(
                    f"{way.port} has two devices with the address {member.address}: give each "
                    "its own, at the device and here"
                )
            if len(self._members) >= MEMBERS_MAX:
                raise SpecError(f"{way.port} has more than {MEMBERS_MAX} devices: add a port")
            self._members.append(member)
        self._thread.wake()

    def leave(self, member: Member) -> None:
        """Ask a device no more."""
        with self._lock:
            self._members = [other for other in self._members if other is not member]

    def members(self) -> list[Member]:
        """All devices now."""
        with self._lock:
            return list(self._members)

    def wake(self) -> None:
        """Look after those who are due now."""
        self._thread.wake()

    def close(self) -> None:
        """Give the port back."""
        self._thread.close()

    def _went_down(self, reason: str) -> None:
        for member in self.members():
            member.went_down(f"{self.way.port}: {reason}")


class _Line:
    """An open port."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._serial = serial.Serial(
            bus.way.port,
            bus.way.baudrate,
            timeout=CHUNK_MS / _MS_PER_S,
            write_timeout=ANSWER_MS / _MS_PER_S,
            exclusive=True,
        )

    def serve(self) -> int:
        members = self._bus.members()
        if not members:
            return IDLE_MS
        member = min(members, key=lambda one: one.due_ms)
        now_ms = self._clock.now().mono_ms
        if member.due_ms > now_ms:
            return member.due_ms - now_ms
        pause_ms = member.attend(self._asker(member))
        member.due_ms = self._clock.now().mono_ms + pause_ms
        return 0

    def close(self) -> None:
        self._serial.close()

    def _asker(self, member: Member) -> Ask:
        def ask(header: int, data: bytes = b"", *, tries: int = TRIES) -> bytes:
            question = encode(member.address, Message(header, data), with_crc=member.with_crc)
            complaint = "it doesn't answer"
            for _ in range(tries):
                try:
                    answer = self._exchange(question, with_crc=member.with_crc)
                except ValueError as error:
                    complaint = f"it isn't understood ({error})"
                    continue
                if answer is None:
                    continue
                if answer.header != 0:
                    raise SilentError(f"it refuses header {header} (with {answer.header})")
                return answer.data
            raise SilentError(complaint)

        return ask

    def _exchange(self, question: bytes, *, with_crc: bool) -> Message | None:
        """Ask once.

        Raises:
            ValueError: What came isn't an answer.
        """
        line = self._serial
        line.reset_input_buffer()
        line.write(question)
        until_ms = self._clock.now().mono_ms + ANSWER_MS
        heard = b""
        while self._clock.now().mono_ms < until_ms and len(heard) < HEARD_BYTES_MAX:
            heard += line.read(max(1, line.in_waiting))
            answer = answer_in(heard, question, with_crc=with_crc)
            if answer is not None:
                return answer
        if heard in (b"", question):
            return None
        raise ValueError("an answer without an end")


_buses: Shared[str, Bus] = Shared()


class Seat:
    """A device's place on its bus.

    Args:
        member: The device.
        way: How its port talks.
        clock: For the bus, when this is its first device.

    Raises:
        SpecError: From `Bus.join`.
    """

    def __init__(self, member: Member, way: Way, clock: Clock) -> None:
        self._member = member
        self._bus = _buses.join(way.port, lambda: Bus(way, clock))
        try:
            self._bus.join(member, way)
        except SpecError:
            _buses.leave(way.port)
            raise

    def hurry(self) -> None:
        """Let the device be looked after now."""
        self._member.due_ms = 0
        self._bus.wake()

    def leave(self, said: Callable[[], object]) -> None:
        """Leave the bus; `said` waits until the device was told."""
        self.hurry()
        said()
        self._bus.leave(self._member)
        _buses.leave(self._bus.way.port)
