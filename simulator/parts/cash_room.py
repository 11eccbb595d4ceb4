"""The acceptors and vending machines of a virtual controller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from simulator.parts.cash_spec import CashParts
from simulator.parts.cctalk_acceptors import VirtualCoinAcceptor, VirtualDevice, VirtualNoteAcceptor
from simulator.parts.cctalk_wire import VirtualCctalkBus
from simulator.parts.coin_slot import VirtualPulseAcceptor
from simulator.parts.parts_spec import MachineParts
from simulator.parts.pin_host import PinHost
from simulator.parts.vending import VirtualVendingMachine

_KINDS: dict[str, Callable[[CashParts], VirtualDevice]] = {
    "cctalk_coin": VirtualCoinAcceptor,
    "cctalk_note": VirtualNoteAcceptor,
}


class Acceptor(Protocol):
    """What money can be put into."""

    taken: list[int]
    is_jammed: bool

    @property
    def accepts(self) -> bool:
        """Whether it takes anything now."""
        ...

    def insert(self, coin: int) -> bool:
        """Put a coin or note in, by its number; False: it comes out again at once."""
        ...

    def jam(self) -> None:
        """Let it stick."""
        ...

    def mend(self) -> None:
        """Take out what sticks."""
        ...


class _Pluggable(Protocol):
    def plug(self) -> None: ...

    def unplug(self) -> None: ...


class CashRoom:
    """All of them.

    Args:
        machines: Whose.
        pins: The controller's.
        level_of: Gives the level of an output; None: nobody drives it.

    Raises:
        ValueError: There is no such kind of acceptor.
    """

    def __init__(
        self,
        machines: Iterable[MachineParts],
        pins: PinHost,
        level_of: Callable[[int], bool | None],
    ) -> None:
        self.acceptors: dict[str, Acceptor] = {}
        """By their own id."""
        self.slots: dict[str, VirtualPulseAcceptor] = {}
        """Those that pulse."""
        self.buses: dict[str, VirtualCctalkBus] = {}
        """By the path of their port."""
        self.vending: dict[str, VirtualVendingMachine] = {}
        """By the machine."""
        on_bus: dict[str, dict[int, VirtualDevice]] = {}
        silent: set[str] = set()
        for machine in machines:
            if machine.vend is not None:
                vend = machine.vend
                self.vending[machine.id] = VirtualVendingMachine(Path(vend.port), vend.prices)
            for parts in machine.cash:
                if parts.kind == "pulse":
                    slot = VirtualPulseAcceptor(parts, pins, level_of)
                    self.slots[parts.id] = self.acceptors[parts.id] = slot
                    continue
                if parts.kind not in _KINDS:
                    raise ValueError(f"there is no virtual acceptor {parts.kind!r}")
                device = _KINDS[parts.kind](parts)
                self.acceptors[parts.id] = device
                address = parts.address or device.usual_address
                on_bus.setdefault(parts.port, {})[address] = device
                silent |= set() if parts.echo else {parts.port}
        for port, devices in on_bus.items():
            self.buses[port] = VirtualCctalkBus(Path(port), devices, echo=port not in silent)

    def plug(self) -> None:
        """Plug everything in."""
        for device in self._devices():
            device.plug()

    def unplug(self) -> None:
        """Pull everything out."""
        for device in self._devices():
            device.unplug()

    def _devices(self) -> tuple[_Pluggable, ...]:
        return (*self.slots.values(), *self.buses.values(), *self.vending.values())
