"""Acceptors and vending buses: what they report becomes inputs, what is decided is told them.

Money that can't be journalled at once isn't forgotten: it waits here, nothing more is
accepted, and it is booked as soon as the journal takes events again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from firmware_agent.core.effects import ApproveVend, AtVendor, DenyVend, EndOffer, OfferFunds
from firmware_agent.core.inputs import Input
from firmware_agent.core.model import ControllerState
from firmware_agent.core.money_inputs import (
    CashCame,
    CashGap,
    MoneyPartChanged,
    Said,
    VendAsked,
    VendDone,
)
from firmware_agent.core.paying_in import accepts
from firmware_agent.parts import Parts
from hardware.money.ports import (
    AcceptorDown,
    BusDown,
    BusUp,
    CashInserted,
    CashLost,
    MoneyEvent,
    Resumable,
    VendEnded,
    VendRequested,
    VendResult,
)
from wire.ids import IdSource

_log = logging.getLogger(__name__)

WAITING_MAX = 1_000
"""Coins that wait for the journal: acceptors are off by then, so few still come."""

_SAID = {
    VendResult.SUCCESS: Said.SUCCESS,
    VendResult.FAILED: Said.FAILURE,
    VendResult.UNKNOWN: Said.UNKNOWN,
}


class MoneySide:
    """The parts that take money, and those that ask for it.

    Args:
        parts: Open parts.
        ids: Names what came in.
        feed: Lets the core decide; False: its facts couldn't be written.
    """

    def __init__(self, parts: Parts, ids: IdSource, feed: Callable[[Input], bool]) -> None:
        self._parts = parts
        self._ids = ids
        self._feed = feed
        self._enabled: dict[str, bool] = {}
        self._waiting: deque[CashCame] = deque(maxlen=WAITING_MAX)

    @property
    def waiting(self) -> int:
        """Coins and notes that couldn't be journalled yet."""
        return len(self._waiting)

    def resume(self, booked_seq: Callable[[str], int]) -> None:
        """Let devices tell what they took since it was booked last; before they start.

        Args:
            booked_seq: An acceptor's own count of what was booked last; 0: nothing was.
        """
        for acceptor, part in self._parts.acceptors.items():
            seq = booked_seq(acceptor)
            if seq and isinstance(part, Resumable):
                part.resume(seq)

    def opening_inputs(self) -> list[Input]:
        """What couldn't be opened."""
        inputs: list[Input] = []
        for place, reason in self._parts.missing.items():
            kind, _, name = place.partition(" of ")
            if kind == "cash":
                inputs.append(MoneyPartChanged(self._parts.homes[name], name, reason))
            elif kind == "vend":
                inputs.append(MoneyPartChanged(name, self._bus_of(name), reason))
        return inputs

    def take(self, event: MoneyEvent) -> None:
        """Take what a part reported."""
        if isinstance(event, CashInserted):
            self._take_cash(event)
            return
        given = self._input_of(event)
        if given is not None:
            self._feed(given)

    def look(self, state: ControllerState) -> None:
        """Book what had to wait, and accept money exactly where it may be taken."""
        may_write = state.alarm is None or state.alarm.writable
        while self._waiting and may_write and self._feed(self._waiting[0]):
            self._waiting.popleft()
        for acceptor, part in self._parts.acceptors.items():
            machine = state.machines.get(self._parts.homes[acceptor])
            may_take = machine is not None and accepts(state, machine, acceptor)
            wanted = may_take and not self._waiting
            if self._enabled.get(acceptor) is not wanted:
                self._enabled[acceptor] = wanted
                part.set_enabled(wanted)

    def tell(self, effect: AtVendor) -> None:
        """Tell a vending machine what was decided."""
        bus = self._parts.vendors.get(effect.machine)
        if bus is None:
            return
        if isinstance(effect, OfferFunds):
            bus.offer(effect.funds_minor)
        elif isinstance(effect, ApproveVend):
            bus.approve(effect.request, effect.price_minor)
        elif isinstance(effect, DenyVend):
            bus.deny(effect.request)
        elif isinstance(effect, EndOffer):
            bus.end()

    def _take_cash(self, event: CashInserted) -> None:
        machine = self._parts.homes.get(event.acceptor, "")
        if not machine or event.value_minor <= 0:
            _log.error("ignored %s: no such acceptor, or no money", event)
            return
        came = CashCame(
            machine, event.acceptor, event.value_minor, self._ids.new("csh"), event.device_seq
        )
        # In order: what waits is booked first.
        if self._waiting or not self._feed(came):
            self._waiting.append(came)

    def _input_of(self, event: MoneyEvent) -> Input | None:
        """What a part's event means to the core; None: it isn't one of this controller's."""
        part = self._part_of(event)
        machine = self._parts.homes.get(part)
        if machine is None:
            return None
        if isinstance(event, VendRequested):
            return VendAsked(machine, event.request, event.amount_minor, event.item)
        if isinstance(event, VendEnded):
            return VendDone(machine, event.request, _SAID[event.result], event.reason)
        if isinstance(event, CashLost):
            return CashGap(machine, part, event.events)
        reason = event.reason if isinstance(event, AcceptorDown | BusDown) else None
        return MoneyPartChanged(machine, part, "" if reason is None else reason or "no answer")

    def _part_of(self, event: MoneyEvent) -> str:
        if isinstance(event, VendRequested | VendEnded | BusDown | BusUp):
            return event.bus
        return event.acceptor

    def _bus_of(self, machine: str) -> str:
        buses = (part for part, home in self._parts.homes.items() if home == machine)
        return next((bus for bus in buses if bus not in self._parts.acceptors), machine)
