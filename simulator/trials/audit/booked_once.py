"""Every fact that the hub has is in the book exactly once, and nothing else is charged."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.trials.audit import events
from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.hub_file import OWN, Booked, Item
from simulator.trials.audit.rating import tax_minor

FACTS = frozenset({"session", "release", "cash", "code"})
"""Kinds of movements that only a controller's fact may cause; a release also who held."""
REST = "/rest"
"""Ends the id of what a final report leaves of a hold."""


class EveryFactBookedOnce(Checker):
    """One movement for each fact that moves money, of its amount, from who it names.

    Late, over the limit, after a forfeit, of a closed account: it makes no difference.
    Event and movement are committed together, so they come with the same look.
    """

    invariant = Invariant.BOOKED_ONCE

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._pool: dict[str, Item] = {}

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        self._pool = {item.id: item for item in hub.fresh_items if item.kind in FACTS}
        for booked in hub.fresh_events:
            match booked.event.kind:
                case events.ENDED:
                    yield from self._check_charge(booked)
                case events.CASH | events.CODE:
                    yield from self._check_brought(booked)
                case events.RELEASED:
                    yield from self._check_release(booked)
                case _:
                    pass
        for item in self._pool.values():
            if item.kind == "release" and self._is_asked_for(item):
                continue
            yield f"{item.id} is booked as a {item.kind} of {item.total}, and no journal says so"

    def _check_charge(self, booked: Booked) -> Iterator[str]:
        event = booked.event
        if event.charge_minor == 0:
            return
        item = self._take(booked, event.session, "session")
        fact = f"{_place(booked)}: {event.session} charged {event.charge_minor}"
        if item is None:
            yield f"{fact}, nothing is booked"
            return
        if item.total != event.charge_minor:
            yield f"{fact}, {item.total} is booked"
        yield from self._check_sides(booked, item)

    def _check_sides(self, booked: Booked, item: Item) -> Iterator[str]:
        """Who pays is who used it; the machine takes, and the tax is what is in it."""
        hub, event = self.scene.hub, booked.event
        taxed = 0
        for move in item.moves:
            giver, taker = hub.accounts[move.debit], hub.accounts[move.credit]
            if giver.kind not in OWN or giver.whose != event.account:
                yield f"{item.id} is of {event.account}, and {giver.code} pays {move.amount}"
            if taker.kind == "tax":
                taxed += move.amount
            elif taker.kind != "revenue" or taker.whose != event.machine:
                yield f"{item.id} ran on {event.machine}, and {taker.code} gets {move.amount}"
        prices = hub.prices(event.tariff, event.tariff_version)
        wanted = 0 if prices is None else tax_minor(event.charge_minor, prices.tax_rate_ppm)
        if taxed != wanted:
            yield f"{item.id} has {wanted} tax in it, {taxed} is booked"

    def _check_brought(self, booked: Booked) -> Iterator[str]:
        event = booked.event
        if event.amount_minor == 0:
            return
        kind = "cash" if event.kind == events.CASH else "code"
        own = event.cash or f"code:{booked.controller}:{booked.epoch}:{event.seq}"
        item = self._take(booked, own, kind)
        if item is None:
            yield f"{_place(booked)}: {own} brought {event.amount_minor}, nothing is booked"
            return
        hub = self.scene.hub
        brought = sum(
            move.amount for move in item.moves if hub.accounts[move.debit].kind not in OWN
        )
        if kind == "cash" and brought != event.amount_minor:
            yield f"{_place(booked)}: {own} brought {event.amount_minor}, {brought} is booked"

    def _check_release(self, booked: Booked) -> Iterator[str]:
        event = booked.event
        right = self.scene.hub.rights.get((event.account, booked.controller, booked.epoch))
        excused = (right is not None and right.forfeited > 0) or not self.scene.is_honest(
            booked.controller, booked.epoch
        )
        own = f"released:{booked.controller}:{booked.epoch}:{event.seq}"
        item = self._take(booked, own, "release")
        given = 0 if item is None else item.total
        if event.amount_minor and given != event.amount_minor and not excused:
            yield (
                f"{_place(booked)}: {event.amount_minor} of {event.account} was given back, "
                f"{given} is booked"
            )

    def _is_asked_for(self, item: Item) -> bool:
        """Whether another program gave back what it held, or the rest of it."""
        return item.id.removesuffix(REST) in self.scene.witnessed.requests

    def _take(self, booked: Booked, own: str, kind: str) -> Item | None:
        """The movement of a fact: under its own id, or one that names its journal, too."""
        journal = f"@{booked.controller}/{booked.epoch}"
        seq = f"/{booked.event.seq}"
        for item_id in (
            own,
            own + journal,
            own + journal + seq,
            own + journal + seq + journal + seq,
        ):
            item = self._pool.get(item_id)
            if item is not None and item.kind == kind:
                return self._pool.pop(item_id)
        return None


def _place(booked: Booked) -> str:
    return f"event {booked.event.seq} of {booked.controller} in {booked.epoch}"
