"""A ccTalk bus: one serial line, one thread, several devices that are asked in turn.

Source: ccTalk Generic Specification 4.7, part 1: section 6 (9600 baud, 8N1), section 9
(timing and retries): devices speak only when asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from hardware.bus import Bus, join_bus, leave_bus
from hardware.money.cctalk_frame import Message, answer_in, encode
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


class MoneyBus(Bus[Way, Member]):
    """A port and its acceptors."""

    devices = "devices"
    agree_on = "baud rate"
    members_max = MEMBERS_MAX
    idle_ms = IDLE_MS

    def open_line(self) -> serial.Serial:
        return serial.Serial(
            self.way.port,
            self.way.baudrate,
            timeout=CHUNK_MS / _MS_PER_S,
            write_timeout=ANSWER_MS / _MS_PER_S,
            exclusive=True,
        )

    def attend(self, line: serial.Serial, member: Member) -> int:
        return member.attend(_asker(line, member, self.clock))

    def tell_down(self, member: Member, reason: str) -> None:
        member.went_down(reason)


def _asker(line: serial.Serial, member: Member, clock: Clock) -> Ask:
    def ask(header: int, data: bytes = b"", *, tries: int = TRIES) -> bytes:
        question = encode(member.address, Message(header, data), with_crc=member.with_crc)
        complaint = "it doesn't answer"
        for _ in range(tries):
            try:
                answer = _exchange(line, question, clock, with_crc=member.with_crc)
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


def _exchange(
    line: serial.Serial, question: bytes, clock: Clock, *, with_crc: bool
) -> Message | None:
    """Ask once; None: there is no answer.

    Raises:
        ValueError: What came isn't an answer.
    """
    line.reset_input_buffer()
    line.write(question)
    until_ms = clock.now().mono_ms + ANSWER_MS
    heard = b""
    while clock.now().mono_ms < until_ms and len(heard) < HEARD_BYTES_MAX:
        heard += line.read(max(1, line.in_waiting))
        answer = answer_in(heard, question, with_crc=with_crc)
        if answer is not None:
            return answer
    if heard in (b"", question):
        return None
    raise ValueError("an answer without an end")


_buses: Shared[str, MoneyBus] = Shared()


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
        self._bus = join_bus(_buses, member, way, lambda: MoneyBus(way, clock))

    def hurry(self) -> None:
        """Let the device be looked after now."""
        self._member.due_ms = 0
        self._bus.wake()

    def leave(self, said: Callable[[], object]) -> None:
        """Leave the bus; `said` waits until the device was told."""
        self.hurry()
        said()
        leave_bus(_buses, self._bus, self._member)
