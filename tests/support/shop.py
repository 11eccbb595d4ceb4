"""A system for fault tests: small machines with plain prices, and people made on the spot."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from simulator.parts.tags import Ntag, Tag
from simulator.plan import ControllerPlan, MachinePlan, MeterPlan, SitePlan
from simulator.system.books import session_charges
from simulator.system.setup import link_card, open_account, top_up
from simulator.system.system import System
from simulator.waiting import wait_for
from wire.events import SessionEnded, SessionStarted
from wire.machines import Cycle, Machine, Mode, Policy
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

WAIT_S = 15.0
GONE_S = 0.12
"""A reader needs two looks to see that a card is gone."""
POLICY = Policy(checkpoint_ms=300, state_ms=500, batch_wait_ms=100)

MINUTE = Tariff(
    id="minute",
    version=1,
    name="Ten euros a minute",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(10_000_000),)),
    tax_rate_ppm=190_000,
)
ENERGY = Tariff(
    id="energy",
    version=1,
    name="A cent a watt-hour",
    unit=EUR,
    quantity=Measure(unit="Wh", per=1, tiers=(Tier(10_000),)),
    tax_rate_ppm=190_000,
)
CYCLE = Tariff(id="cycle", version=1, name="One wash", unit=EUR, start_fee_micros=1_500_000)


def timed(name: str, controller: str) -> ControllerPlan:
    """A controller with one machine, paid by time, with a reader and a stop button."""
    machine = Machine(id=name, name=name.title(), tariff="minute", want_minor=300)
    return ControllerPlan(controller, (MachinePlan(machine, "front", button="stop"),), POLICY)


def metered(name: str, controller: str) -> ControllerPlan:
    """A controller whose machine has an absolute meter of about 20 Wh a second."""
    machine = Machine(id=name, name=name.title(), tariff="energy", want_minor=300)
    meter = MeterPlan("Wh", 72_000, absolute=True)
    return ControllerPlan(
        controller, (MachinePlan(machine, "front", button="stop", meter=meter),), POLICY
    )


def washing(name: str, controller: str) -> ControllerPlan:
    """A controller with a washer that tells that it runs."""
    machine = Machine(
        id=name,
        name=name.title(),
        mode=Mode.CYCLE,
        tariff="cycle",
        cycle=Cycle(pulse_ms=200, feedback_within_ms=1_500, duration_ms=10_000),
    )
    plan = MachinePlan(machine, "front", spin_up_ms=200, cycle_ms=1_500, feedback=True)
    return ControllerPlan(controller, (plan,), POLICY)


def site(*controllers: ControllerPlan) -> SitePlan:
    """A site with the plain prices above."""
    return SitePlan("test", "Test", (MINUTE, ENERGY, CYCLE), controllers)


@dataclass(frozen=True)
class Person:
    """Someone with an account and a card."""

    account: str
    card: str
    tag: Tag


class Shop(System):
    """A system with shorthands for what tests do."""

    _numbers = itertools.count(1)

    def person(self, paid_minor: int = 2_000, **terms: object) -> Person:
        """Make someone, pay money in, and let every controller know the card."""
        number = next(self._numbers)
        account = f"acc-{number}"
        uid = b"\x04" + number.to_bytes(6, "big")
        open_account(self.api, account, **terms)
        card = link_card(self.api, account, uid.hex())
        if paid_minor:
            top_up(self.api, account, paid_minor, f"first-{account}")
        self.wait_listed()
        return Person(account, card, stranger(uid))

    def tap(self, controller: str, tag: Tag, hold_ms: int = 200) -> None:
        """Lay a card on the front reader for a moment, once the one before is gone."""
        self.wait_field_empty(controller)
        self.world.tap(controller, "front", tag, hold_ms)

    def wait_field_empty(self, controller: str) -> None:
        """Wait until the front reader has seen that nothing lies there."""
        wait_for(
            "the reader is empty",
            lambda: not self.world.snapshot()[controller].cards["front"],
            WAIT_S,
        )
        time.sleep(GONE_S)

    def wait_booked(self, controller: str) -> None:
        """Wait until every event of one controller is booked."""
        journal = self.rigs[controller].journal
        wait_for("its events are booked", lambda: journal().unsynced == 0, WAIT_S)

    def is_on(self, controller: str, machine: str, *, closed: bool = True) -> bool:
        """Wait until a relay is closed, or open."""
        change = self.world.wait_relay(
            controller, machine, closed=closed, timeout_ms=int(WAIT_S * 1_000)
        )
        return change is not None

    def start_session(self, controller: str, machine: str, person: Person) -> str:
        """Lay a card down until the machine is on; gives the session's id."""
        before = {event.session for event in self.rigs[controller].journal().started()}
        self.wait_field_empty(controller)
        self.world.place(controller, "front", person.tag)
        closed = self.is_on(controller, machine)
        self.world.remove(controller, "front", person.tag)
        assert closed, self.rigs[controller].child.tail()
        return wait_for("a session is journalled", lambda: self._fresh(controller, before), WAIT_S)

    def end_session(self, controller: str, machine: str, session: str) -> SessionEnded:
        """Press the stop button; gives the session's end."""
        # Presses closer than a button's bounce are one.
        time.sleep(0.3)
        self.world.press(controller, "stop")
        assert self.is_on(controller, machine, closed=False)
        return self.wait_end(controller, session)

    def wait_end(self, controller: str, session: str) -> SessionEnded:
        """Wait until a session's end is journalled."""
        return wait_for("the session has ended", lambda: self.end_of(controller, session), WAIT_S)

    def end_of(self, controller: str, session: str) -> SessionEnded | None:
        """The end of a session, if it is journalled."""
        for event in self.rigs[controller].journal().ended():
            if event.session == session:
                return event
        return None

    def start_of(self, controller: str, session: str) -> SessionStarted:
        """The start of a session."""
        return next(e for e in self.rigs[controller].journal().started() if e.session == session)

    def refusal(self, controller: str, code: int, after_seq: int) -> bool:
        """Wait until a tap was refused with this code."""

        def found() -> bool:
            journal = self.rigs[controller].journal()
            return any(e.code == code and e.seq > after_seq for e in journal.refused())

        return wait_for(f"a tap is refused with {code}", found, WAIT_S)

    def display(self, controller: str, machine: str) -> str:
        """What a machine's display says."""
        return " ".join(self.world.snapshot()[controller].machines[machine].display)

    def wallet(self, account: str) -> int:
        """What is left in a wallet, by the API."""
        return int(self.api.get(f"/accounts/{account}/balance")["wallet_minor"])

    def _fresh(self, controller: str, before: set[str]) -> str | None:
        for event in self.rigs[controller].journal().started():
            if event.session not in before:
                return event.session
        return None


def stranger(uid: bytes) -> Tag:
    """A card that nobody knows."""
    return Ntag(uid)


def assert_booked_once(shop: System) -> None:
    """Everything that was charged is in the ledger, exactly once.

    What `standpipe-hub verify` says is asked at the end of each module: it takes a second.
    """
    shop.wait_synced()
    charged: dict[str, int] = {}
    for journal in shop.journals().values():
        charged.update(journal.charges)
    booked = session_charges(shop.hub.database)
    assert {name: minor for name, minor in booked.items() if minor} == {
        name: minor for name, minor in charged.items() if minor
    }
    assert shop.books().conserved


def folder_of(shop: System, controller: str) -> Path:
    """A controller's folder."""
    return shop.rigs[controller].folder
