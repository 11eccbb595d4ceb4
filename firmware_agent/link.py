"""The way to the hub, as a port: MQTT in the field, a virtual network in simulations.

Used by the deciding thread only. Everything it hands out was put into a bounded queue
by whoever owns the network; nothing is trusted yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wire.uplink import Status


@dataclass(frozen=True, slots=True)
class Up:
    """The controller is connected and subscribed."""


@dataclass(frozen=True, slots=True)
class Down:
    """The connection is gone.

    Attributes:
        reason: Words for a log.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Came:
    """A message came.

    Attributes:
        leaf: `down/…`.
        payload: Its bytes.
    """

    leaf: str
    payload: bytes


LinkEvent = Up | Down | Came


class Link(Protocol):
    """A connection that comes and goes by itself."""

    def start(self, will: Status) -> None:
        """Begin to connect, and try again for ever.

        Args:
            will: What the broker says of the controller when it vanishes.
        """
        ...

    def poll(self) -> list[LinkEvent]:
        """What happened since the last call, oldest first, and a bounded number of it."""
        ...

    def publish(self, leaf: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        """Hand a message over; False: there is no connection, and it is forgotten."""
        ...

    def flush(self, timeout_ms: int) -> bool:
        """Wait until what was handed over is with the broker; False: not in time."""
        ...

    def close(self) -> None:
        """Disconnect, and never raise."""
        ...
