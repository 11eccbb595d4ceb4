"""A member's limit and a card's purses at real machines, with and without the network."""

from __future__ import annotations

import pytest
from shop import MINUTE, POLICY, WAIT_S, Person, Shop, assert_booked_once, stranger, timed

from simulator.plan import ControllerPlan, MachinePlan, SitePlan
from simulator.system.setup import open_account, top_up
from simulator.waiting import wait_for
from wire.errors import Code
from wire.events import Ended, SessionEnded
from wire.machines import Cycle, Machine, Mode
from wire.money import Unit
from wire.tariff import Tariff

LIMIT = 30
POINTS = Unit("PTS", 0)
FORTY_POINTS = Tariff(
    id="points", version=1, name="Forty points", unit=POINTS, start_fee_micros=40_000_000
)


def by_points(name: str, controller: str) -> ControllerPlan:
    machine = Machine(
        id=name,
        name=name.title(),
        mode=Mode.CYCLE,
        tariff="points",
        cycle=Cycle(pulse_ms=200, feedback_within_ms=1_500, duration_ms=10_000),
    )
    plan = MachinePlan(machine, "front", spin_up_ms=200, cycle_ms=1_500, feedback=True)
    return ControllerPlan(controller, (plan,), POLICY)


@pytest.fixture(scope="module")
def shop(open_shop) -> Shop:
    controllers = (timed("lamp", "one"), by_points("press", "two"))
    return open_shop(SitePlan("test", "Test", (MINUTE, FORTY_POINTS), controllers))


@pytest.fixture(scope="module")
def member(shop) -> Person:
    """Someone of a club with 50.00, who may spend so much a day."""
    open_account(shop.api, "club")
    top_up(shop.api, "club", 5_000, "dues")
    limits = [{"period": "day", "amount_minor": LIMIT}]
    body = {"id": "mem_ana", "name": "Ana", "limits": limits}
    shop.api.post("/accounts/club/members", body)
    uid = bytes.fromhex("04aa0000000001")
    card = shop.api.post("/members/mem_ana/cards", {"uid": uid.hex()})["id"]
    shop.wait_listed()
    return Person("club", card, stranger(uid))


def test_a_member_s_limit_ends_a_session_also_without_network(shop, member):
    session = shop.start_session("one", "lamp", member)
    shop.cut_network("one")
    ended = shop.wait_end("one", session)

    assert ended.reason is Ended.LIMIT_REACHED
    assert LIMIT - 8 <= ended.charge_minor <= LIMIT
    shop.restore_network("one")
    assert_booked_once(shop)


def test_a_limit_that_is_used_refuses_without_network(shop, member):
    shop.api.patch("/members/mem_ana", {"limits": [{"period": "day", "amount_minor": 1}]})
    shop.wait_listed()
    shop.cut_network("one")
    before = shop.rigs["one"].journal().last_seq

    shop.tap("one", member.tag)

    assert shop.refusal("one", Code.SPENDING_LIMIT, before)
    wait_for("it says so", lambda: "Your limit is used" in shop.display("one", "lamp"), WAIT_S)
    shop.restore_network("one")
    assert_booked_once(shop)


def test_a_new_limit_counts_from_what_was_booked(shop, member):
    shop.wait_idle(WAIT_S)
    shop.wait_synced()
    booked = shop.api.get("/members/mem_ana")["limits"][0]
    limits = [{"period": "day", "amount_minor": 2 * LIMIT}]
    shop.api.patch("/members/mem_ana", {"limits": limits})
    shop.wait_listed()

    session = shop.start_session("one", "lamp", member)
    ended = shop.wait_end("one", session)

    assert ended.reason is Ended.LIMIT_REACHED
    assert booked["used_minor"] + ended.charge_minor <= 2 * LIMIT
    assert_booked_once(shop)
    assert shop.verify()


def test_the_machine_takes_the_purse_that_its_price_is_in(shop):
    ben = shop.person(paid_minor=1_000)
    open_account(shop.api, "ben-points", unit="PTS")
    top_up(shop.api, "ben-points", 50, "points")
    shop.api.post(f"/cards/{ben.card}/purses", {"account": "ben-points"})
    shop.wait_listed()

    shop.tap("two", ben.tag)
    wait_for("it was paid in points", lambda: _ended(shop) is not None, WAIT_S)

    ended = _ended(shop)
    assert (ended.account, ended.charge_minor) == ("ben-points", 40)
    assert_booked_once(shop)
    assert shop.wallet("ben-points") == 10
    assert shop.wallet(ben.account) == 1_000
    before = shop.rigs["two"].journal().last_seq
    shop.tap("two", ben.tag)
    assert shop.refusal("two", Code.BALANCE_TOO_LOW, before)
    wait_for("it says so", lambda: "PTS" in shop.display("two", "press"), WAIT_S)
    assert shop.verify()


def _ended(shop: Shop) -> SessionEnded | None:
    ended = shop.rigs["two"].journal().ended()
    return ended[-1] if ended else None
