"""A serial line that several devices share: one thread asks them in turn.

Such devices speak only when asked, one question at a time (Modbus RTU, ccTalk). The one
that is due first is asked next; a port that is gone is opened again by `OwnerThread`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Lock
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import serial

from hardware.errors import SpecError
from hardware.owner import OwnerThread
from hardware.sharing import Shared
from wire.clock import Clock


class Way(Protocol):
    """How a port talks; ways are compared, since all at one port must talk alike."""

    @property
    def port(self) -> str:
        """Its path."""
        ...


class Member(Protocol):
    """A device on a bus; changed by the bus's thread only.

    Attributes:
        address: Its own on the bus.
        due_ms: When it is asked next, `Instant.mono_ms`.
    """

    address: int
    due_ms: int


WayT = TypeVar("WayT", bound=Way)
MemberT = TypeVar("MemberT", bound=Member)


class Bus(ABC, Generic[WayT, MemberT]):
    """A port and its devices.

    Args:
        way: How the port talks.
        clock: Tells who is due.
    """

    devices: ClassVar[str]
    """What they are, in a word for people."""
    agree_on: ClassVar[str]
    """In what they must agree."""
    members_max: ClassVar[int]
    idle_ms: ClassVar[int]
    """Pause while there is nobody to ask."""

    def __init__(self, way: WayT, clock: Clock) -> None:
        self.way = way
        self.clock = clock
        self._lock = Lock()
        self._members: list[MemberT] = []
        self._thread = OwnerThread(
            f"bus of {self.devices} at {way.port}", lambda: _Round(self), self._went_down
        )

    @abstractmethod
    def open_line(self) -> serial.Serial:
        """Open the port.

        Raises:
            OSError: It isn't there, or another program's.
        """

    @abstractmethod
    def attend(self, line: serial.Serial, member: MemberT) -> int:
        """Ask a device what is due; gives in how many ms to come again.

        Raises:
            OSError: The port is gone.
        """

    @abstractmethod
    def tell_down(self, member: MemberT, reason: str) -> None:
        """Tell a device's owner that the port is gone."""

    def is_same(self, one: MemberT, other: MemberT) -> bool:
        """Whether two would answer to the same question."""
        return one.address == other.address

    def join(self, member: MemberT, way: WayT) -> None:
        """Take a device in, that talks in its `way`.

        Raises:
            SpecError: The others talk in another way, the address is taken, or the bus
                is full.
        """
        port = self.way.port
        if way != self.way:
            raise SpecError(f"the {self.devices} at {port} must all have one {self.agree_on}")
        with self._lock:
            if any(self.is_same(member, other) for other in self._members):
                raise SpecError(
                    f"{port} has two {self.devices} with the address {member.address}: "
                    "give each its own, at the device and here"
                )
            if len(self._members) >= self.members_max:
                raise SpecError(
                    f"{port} has more than {self.members_max} {self.devices}: add a port"
                )
            self._members.append(member)
        self._thread.wake()

    def leave(self, member: MemberT) -> None:
        """Ask a device no more."""
        with self._lock:
            self._members = [other for other in self._members if other is not member]

    def members(self) -> list[MemberT]:
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
            self.tell_down(member, f"{self.way.port}: {reason}")


BusT = TypeVar("BusT", bound=Bus[Any, Any])


def join_bus(
    buses: Shared[str, BusT],
    member: Member,
    way: Way,
    make: Callable[[], BusT],
) -> BusT:
    """Find the bus at a port, or make it, and take a device in; leave it by `leave_bus`.

    Raises:
        SpecError: From `Bus.join`.
    """
    bus = buses.join(way.port, make)
    try:
        bus.join(member, way)
    except SpecError:
        buses.leave(way.port)
        raise
    return bus


def leave_bus(buses: Shared[str, BusT], bus: BusT, member: Member) -> None:
    """Take a device off its bus; the last one closes the port."""
    bus.leave(member)
    buses.leave(bus.way.port)


class _Round(Generic[WayT, MemberT]):
    """An open port: one device after the other."""

    def __init__(self, bus: Bus[WayT, MemberT]) -> None:
        self._bus = bus
        self._line = bus.open_line()

    def serve(self) -> int:
        members = self._bus.members()
        if not members:
            return self._bus.idle_ms
        member = min(members, key=lambda one: one.due_ms)
        now_ms = self._bus.clock.now().mono_ms
        if member.due_ms > now_ms:
            return member.due_ms - now_ms
        pause_ms = self._bus.attend(self._line, member)
        member.due_ms = self._bus.clock.now().mono_ms + pause_ms
        return 0

    def close(self) -> None:
        self._line.close()
