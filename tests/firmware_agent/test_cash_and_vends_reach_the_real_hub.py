"""What is paid in and vended without network reaches a real hub's book, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk

from firmware_agent.identity import Identity, save_identity
from firmware_agent.link import Came, Down, LinkEvent, Up
from hardware.money.ports import VendResult
from hub.charging import tariffs
from hub.charging.cash_holdings import HoldingState, list_holdings
from hub.fleet import controllers, machines
from hub.mqtt_link import Received
from hub.payments.vend_decisions import VendDecision, decide_vend
from hub.people import accounts, cards
from hub.people.accounts import Terms
from tests.firmware_agent.money_rig import MONEY_MACHINES, TARIFFS, MoneyRig
from tests.firmware_agent.rig import ANNA, CONTROLLER_SEED, NAME
from wire import topics
from wire.errors import Code
from wire.events import CashTaken, SessionEnded, VendOutcome
from wire.ids import card_ref
from wire.keys import Signer, decode_bytes

ROUNDS = 4
"""Times that hub and controller look at each other until nothing is left to say."""


class DeskLink:
    """A line from a controller to the hub on the desk; `repeats` sends everything twice."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._up = False
        self.plugged = True
        self.repeats = False

    def start(self, will) -> None:
        self._up = False

    def poll(self) -> list[LinkEvent]:
        if self.plugged is not self._up:
            self._up = self.plugged
            return [Up() if self._up else Down("unplugged")]
        if not self._up:
            return []
        partition = topics.partition_of(NAME)
        prefix = topics.topic(partition, NAME, "")
        mine = [one for one in self._desk.cable.sent if one.topic.startswith(prefix)]
        self._desk.cable.sent = [one for one in self._desk.cable.sent if one not in mine]
        return [Came(one.topic.removeprefix(prefix), one.payload) for one in mine]

    def publish(self, leaf: str, payload: bytes, *, qos: int, retain: bool = False) -> bool:
        if not (self._up and self.plugged):
            return False
        where = topics.topic(topics.partition_of(NAME), NAME, leaf)
        for _ in range(2 if self.repeats else 1):
            self._desk.hub.uplink.handle(Received(where, payload))
            self._desk.settle()
        return True

    def flush(self, timeout_ms: int) -> bool:
        return True

    def close(self) -> None:
        self._up = False


class Shop(MoneyRig):
    """A controller that a real hub enrolled."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.desk = desk
        self.line = DeskLink(desk)
        reply = desk.enrol(Signer(CONTROLLER_SEED, NAME)).reply
        self.identity = Identity(seed=CONTROLLER_SEED, reply=reply)
        self.salt = decode_bytes(reply.card_salt)
        super().__init__(folder)

    def build(self):
        save_identity(self.folder, self.identity)
        self.link = self.line
        return super().build()

    def run(self, duration_ms: int) -> None:
        """Let time pass for both."""
        super().run(duration_ms)
        self.desk.clock.advance(duration_ms)

    def sync(self) -> None:
        """Let both talk until nothing is left to say."""
        for _ in range(ROUNDS):
            self.run(2_000)
            self.desk.step()


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    desk = Desk(tmp_path / "hub")
    desk.add_site()
    for tariff in TARIFFS:
        if tariff.id != "minute":
            desk.run(lambda tx, new=tariff: tariffs.add_version(tx, new))
    desk.run(lambda tx: controllers.add_controller(tx, NAME, "cellar", has_acceptor=True))
    for machine in MONEY_MACHINES:
        desk.run(lambda tx, new=machine: machines.put_machine(tx, NAME, new))
    (tmp_path / "agent").mkdir()
    shop = Shop(tmp_path / "agent", desk)
    terms = Terms(tariffs={}, permissions={})
    desk.run(lambda tx: accounts.open_account(tx, "anna", "EUR", terms))
    card = card_ref(shop.salt, ANNA)
    desk.run(lambda tx: cards.link_card(tx, "crd_anna", "anna", card, level=0))
    desk.top_up("anna", 1_000)
    shop.sync()
    yield shop
    shop.agent.close()
    desk.close()


def totals(desk: Desk) -> dict[str, int]:
    """The book, with an account's money in one sum: where it waits changes by itself."""
    books = desk.books()
    anna = books.pop("EUR:wallet/anna", 0) + books.pop("EUR:escrow/anna", 0)
    return books | {"anna": anna}


def test_cash_paid_in_without_network_is_booked_once_to_the_controllers_box(shop):
    desk = shop.desk
    shop.line.plugged = False
    shop.run(1_000)
    shop.insert(100)
    shop.tap("pay")
    shop.insert(200)
    shop.insert(500, "notes")
    shop.tap("gate")
    shop.run(130_000)
    shop.insert(50)
    shop.restart()

    shop.line.plugged, shop.line.repeats = True, True
    shop.sync()

    assert sum(one.amount_minor for one in shop.kinds(CashTaken)) == 800
    assert totals(desk) == {
        "EUR:cash/counter": -1_000,
        f"EUR:cash/{NAME}": -850,
        "EUR:revenue/door": 200,
        "EUR:suspense/": 50,
        "anna": 1_600,
    }
    with desk.store.read() as connection:
        (lost,) = list_holdings(connection, state=HoldingState.UNCLAIMED, after=None, limit=10)
    assert lost.left_minor == 50
    assert desk.alarm_codes() == [Code.CASH_UNCLAIMED]
    assert desk.faults() == []


def test_what_was_paid_in_can_be_spent_elsewhere_once_the_network_is_back(shop):
    desk = shop.desk
    shop.tap("pay")
    shop.insert(1_000, "notes")
    shop.run(61_000)
    shop.sync()

    assert desk.wallet("anna") == 2_000
    assert desk.escrow("anna") == 0
    assert desk.faults() == []


def test_vends_without_network_are_paid_free_or_kept_apart(shop):
    desk = shop.desk
    shop.line.plugged = False
    shop.run(1_000)
    shop.tap("pay")
    shop.insert(1_000, "notes")
    for number, (price, result) in enumerate(
        ((150, VendResult.SUCCESS), (120, VendResult.FAILED), (90, VendResult.UNKNOWN))
    ):
        shop.tap("snack")
        assert shop.choose(price, f"r{number}") == ("approve", f"r{number}")
        shop.vended(result, f"r{number}", "" if result is VendResult.SUCCESS else "jammed")
    shop.vended(VendResult.FAILED, "r2", "it fell back")

    shop.line.plugged = True
    shop.sync()

    assert totals(desk) == {
        "EUR:cash/counter": -1_000,
        f"EUR:cash/{NAME}": -1_000,
        "EUR:revenue/snacks": 150,
        "EUR:suspense/": 90,
        "anna": 1_760,
    }
    assert desk.alarm_codes() == [Code.VEND_UNKNOWN]
    ((words,),) = desk.rows("SELECT detail FROM alarms")
    assert "nothing came out (it fell back)" in words
    outcomes = [(one.outcome, one.late) for one in shop.kinds(VendOutcome)]
    assert outcomes == [
        ("success", False),
        ("failure", False),
        ("unknown", False),
        ("failure", True),
    ]
    session = shop.kinds(SessionEnded)[-1].session
    asked = VendDecision(id="dec-1", session=session, gave=False, reason="it fell back", by="cli")
    desk.run(lambda tx: decide_vend(tx, asked))
    assert totals(desk)["anna"] == 1_850
    assert desk.faults() == []


def test_a_priced_entry_and_a_program_reach_the_book_at_the_hubs_own_price(shop):
    desk = shop.desk
    shop.tap("gate")
    shop.run(6_000)
    shop.press("washer")
    shop.tap("wash")
    desk.step()
    shop.run(500)
    shop.feedback("washer", active=True)
    assert shop.state("washer") == "running"
    shop.run(60_000)
    shop.press("washer")
    shop.run(1_000)
    shop.sync()

    assert totals(desk)["EUR:revenue/door"] == 200
    assert totals(desk)["EUR:revenue/washer"] == 50
    assert desk.alarm_codes() == []
    assert desk.faults() == []
