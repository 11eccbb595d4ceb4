"""What staff do at the hub while someone is at the bench, by its HTTP API."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec
from msgspec import structs

from simulator.bench.cards import BenchCard
from simulator.bench.deeds import Deed, Field, Form, Kind, Target
from simulator.errors import HubRefusedError, SetupError
from simulator.plan import SitePlan
from simulator.system.hub_api import HubApi, machine_body
from simulator.system.setup import top_up
from wire.machines import Machine


class Desk:
    """The counter.

    Args:
        api: The hub's, with a staff key.
        site: What stands there.
        settle: Waits until controllers know what was changed.
    """

    def __init__(self, api: HubApi, site: SitePlan, settle: Callable[[], None]) -> None:
        self.api = api
        self._site = site
        self._settle = settle
        self._numbers = itertools.count(1)
        self._out: set[tuple[str, str]] = set()

    def block(self, card: BenchCard) -> None:
        """Block a lost card."""
        self.api.post(f"/cards/{self._known(card)}/block", {})
        self._settle()

    def unblock(self, card: BenchCard) -> None:
        """Unblock one that was found."""
        self.api.post(f"/cards/{self._known(card)}/unblock", {})
        self._settle()

    def pay_in(self, card: BenchCard, amount_minor: int) -> None:
        """Take money for a card's account."""
        account = self.api.get(f"/cards/{self._known(card)}")["account"]
        top_up(self.api, str(account), amount_minor, f"desk-{next(self._numbers)}")

    def stop(self, controller: str, machine: str) -> None:
        """Stop what runs at a machine, from afar."""
        body = {"action": "stop", "machine": machine}
        self.api.post(f"/controllers/{controller}/commands", body)

    def set_out(self, controller: str, machine: str, why: str) -> None:
        """Take a machine out of service, or put it back without a reason."""
        self.change(controller, machine, out_of_service=why)
        (self._out.add if why else self._out.discard)((controller, machine))

    def put_all_back(self, controller: str) -> None:
        """Put back what was taken out of service at a controller."""
        for where, machine in tuple(self._out):
            if where == controller:
                self.set_out(controller, machine, "")

    def change(self, controller: str, machine: str, **terms: str) -> None:
        """Change what a machine is."""
        found = msgspec.convert(self.api.get(f"/machines/{machine}")["definition"], Machine)
        self.api.post("/machines", machine_body(controller, structs.replace(found, **terms)))

    def _known(self, card: BenchCard) -> str:
        if not card.link:
            raise SetupError(f"the hub doesn't know {card.words}")
        return card.link


def _desk(target: Target) -> Desk:
    return target.as_a(Desk)


def _machine(target: Target, form: Form) -> str:
    for plan in target.stage.site.controllers:
        if plan.id == target.controller:
            prefix = plan.wired.prefix if plan.wired is not None else ""
            return f"{prefix}{form['machine']}"
    raise KeyError(target.controller)


def _block(target: Target, form: Form) -> None:
    _desk(target).block(target.stage.box.find(form["card"]))


def _unblock(target: Target, form: Form) -> None:
    _desk(target).unblock(target.stage.box.find(form["card"]))


def _pay_in(target: Target, form: Form) -> None:
    _desk(target).pay_in(target.stage.box.find(form["card"]), int(form["amount_minor"]))


def _stop(target: Target, form: Form) -> None:
    _desk(target).stop(target.controller, _machine(target, form))


def _set_out(target: Target, form: Form) -> None:
    _change(target, form, form["why"])


def _set_back(target: Target, form: Form) -> None:
    _change(target, form, "")


def _change(target: Target, form: Form, why: str) -> None:
    try:
        _desk(target).set_out(target.controller, _machine(target, form), why)
    except HubRefusedError as error:
        raise SetupError(str(error)) from None


_CARD = Field(name="card", words="Card", kind="card")
_MACHINE = Field(name="machine", words="Machine")

HUB = Kind(
    name="hub",
    words="counter",
    deeds=(
        Deed(name="block", words="Block a lost card", do=_block, fields=(_CARD,)),
        Deed(name="unblock", words="Unblock it", do=_unblock, fields=(_CARD,)),
        Deed(
            name="pay-in",
            words="Take money",
            do=_pay_in,
            fields=(_CARD, Field(name="amount_minor", words="Cents", kind="number")),
        ),
        Deed(name="stop", words="Stop it", do=_stop, fields=(_MACHINE,)),
        Deed(
            name="set-out",
            words="Take out of service",
            do=_set_out,
            fields=(_MACHINE, Field(name="why", words="Why", usual="being repaired")),
        ),
        Deed(name="set-back", words="Put back", do=_set_back, fields=(_MACHINE,)),
    ),
    mend=lambda target: _desk(target).put_all_back(target.controller),
)
