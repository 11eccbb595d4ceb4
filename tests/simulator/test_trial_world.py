"""The world of a trial: real agents and a real hub live through what is done to them."""

from __future__ import annotations

from functools import partial

import pytest

from hub.errors import OutcomeUnknownError
from hub.fleet.controllers import ControllerState, get_controller
from hub.payments import topups
from hub.payments.topups import TopUp
from hub.people import accounts, cards
from hub.people.accounts import Terms
from simulator.trials.cuts import Cuts
from simulator.trials.hub_host import POINTS
from simulator.trials.office import Office
from simulator.trials.options import Options
from simulator.trials.trial import run_trial
from simulator.trials.world import World
from wire.errors import Code
from wire.ids import card_ref

ANN = b"\x04annann"
PAID_MINOR = 5_000
MINUTES = 5
CHARGE_MINOR = 60
"""Five minutes at twelve cents."""
PLACE, LASER = "c0", "c0-m0"


def pay_in(number: str, tx):
    asked = TopUp(id=number, account="ann", amount_minor=PAID_MINOR, till="counter", by="kim")
    return topups.top_up(tx, asked)


def move_in(world, tx):
    accounts.open_account(tx, "ann", "EUR", Terms(tariffs={}, permissions={}))
    cards.link_card(tx, "crd_ann", "ann", card_ref(world.hub.card_salt, ANN), level=1)


@pytest.fixture
def world():
    with World(Options(seed=7, controllers=1)) as made:
        made.hub.run(partial(move_in, made))
        made.hub.run(partial(pay_in, "top_1"))
        made.start()
        made.run_ticks(2)
        yield made


def tap(world):
    world.controllers[PLACE].tap(LASER, ANN, 1)
    world.run_ticks(1)


def use(world):
    """A whole session."""
    tap(world)
    world.run_ticks(MINUTES - 1)
    tap(world)


def kept(world, code):
    """What a ledger account holds."""
    sql = "SELECT balance FROM ledger_accounts WHERE code = ?"
    found = world.hub.run(lambda tx: tx.connection.exec_driver_sql(sql, (f"EUR:{code}",)).scalar())
    return found or 0


def seen(world, kind):
    return [fact for fact in world.witness.facts if fact.kind == kind]


def is_booked_once(world):
    return (kept(world, f"revenue/{LASER}"), kept(world, "wallet/ann")) == (
        CHARGE_MINOR,
        PAID_MINOR - CHARGE_MINOR,
    )


def test_a_session_is_charged_and_booked(world):
    use(world)
    world.run_ticks(1)

    assert [len(seen(world, kind)) for kind in ("tapped", "relay_on", "relay_off")] == [2, 1, 1]
    assert is_booked_once(world)
    assert kept(world, "escrow/ann") == 0


def test_a_session_without_network_is_booked_when_it_is_back(world):
    world.network.cut(PLACE)
    use(world)

    assert len(seen(world, "relay_on")) == 1
    assert kept(world, "wallet/ann") == PAID_MINOR
    world.network.heal(PLACE)
    world.run_ticks(3)
    assert is_booked_once(world)


@pytest.mark.parametrize("point", POINTS)
def test_a_hub_that_dies_at_any_point_books_all_once(world, point):
    world.hub.crash_at(point)
    use(world)

    assert not world.hub.is_up
    assert [fact.who for fact in seen(world, "crashed")] == ["hub"]
    with pytest.raises(OutcomeUnknownError):
        kept(world, "wallet/ann")
    world.hub.start()
    world.run_ticks(5)
    assert is_booked_once(world)


@pytest.mark.parametrize(("point", "survives"), [("before_commit", 1), ("after_commit", 2)])
def test_a_commit_is_kept_if_the_hub_died_after_it_and_lost_before(world, point, survives):
    world.hub.crash_at(point)

    with pytest.raises(OutcomeUnknownError):
        world.hub.run(partial(pay_in, "top_2"))

    world.hub.start()
    assert kept(world, "wallet/ann") == survives * PAID_MINOR
    world.hub.run(partial(pay_in, "top_2"))
    assert kept(world, "wallet/ann") == 2 * PAID_MINOR


@pytest.mark.parametrize(("after", "sessions"), [(False, 0), (True, 1)])
def test_power_cut_at_the_commit_of_a_start_never_closes_the_relay(world, after, sessions):
    host = world.controllers[PLACE]
    host.power_cut(1, after=after)
    tap(world)

    assert not host.is_up
    assert seen(world, "relay_on") == []
    host.start()
    world.run_ticks(3)
    booked = "SELECT count(*) FROM sessions"
    found = world.hub.run(lambda tx: tx.connection.exec_driver_sql(booked).scalar())
    assert found == sessions
    assert kept(world, "wallet/ann") == PAID_MINOR
    use(world)
    world.run_ticks(1)
    assert is_booked_once(world)


def test_power_cut_opens_relays_and_a_killed_agent_lets_leases_run_out(world):
    host = world.controllers[PLACE]
    tap(world)
    host.crash()
    assert host.is_running(LASER)
    world.run_ticks(2)
    assert not host.is_running(LASER)
    host.start()
    world.run_ticks(1)

    tap(world)
    assert host.is_running(LASER)
    host.box.cut_power()
    assert not host.is_running(LASER)


def test_a_broker_that_forgets_everything_loses_no_session(world):
    world.network.stop_broker()
    world.run_ticks(1)
    use(world)
    world.network.start_broker()
    world.run_ticks(3)

    assert is_booked_once(world)
    use(world)
    assert len(seen(world, "relay_on")) == 2


def test_nothing_starts_while_the_disk_is_full(world):
    host = world.controllers[PLACE]
    host.fill_disk()
    world.run_ticks(10)
    tap(world)
    assert host.alarm
    assert seen(world, "relay_on") == []

    host.free_disk()
    world.run_ticks(11)
    use(world)
    world.run_ticks(1)
    assert is_booked_once(world)


def test_a_restored_image_is_noticed(world):
    host = world.controllers[PLACE]
    host.keep_image()
    use(world)
    world.run_ticks(1)
    host.restore_image()
    world.run_ticks(3)

    state = world.hub.run(lambda tx: get_controller(tx.connection, PLACE).state)
    assert host.alarm or state is ControllerState.QUARANTINED
    assert is_booked_once(world)


def test_a_clone_is_noticed(world):
    world.controllers[PLACE].start_clone()
    world.run_ticks(5)
    use(world)
    world.run_ticks(30)

    state = world.hub.run(lambda tx: get_controller(tx.connection, PLACE).state)
    assert state is ControllerState.QUARANTINED


def test_a_torn_page_is_noticed_before_anything_starts(world):
    host = world.controllers[PLACE]
    alarms = []
    for page in range(6):
        host.tear_page(page)
        host.start()
        world.run_ticks(1)
        alarms.append(host.alarm)

    assert alarms[-1]


def test_a_changed_bit_of_an_event_is_noticed_before_anything_starts(world):
    host = world.controllers[PLACE]
    use(world)
    host.flip_bit(0)
    host.start()

    assert host.alarm.startswith(str(int(Code.JOURNAL_CORRUPT)))


def test_what_the_book_shows_is_kept_when_the_hub_dies(world):
    office = Office(world, ())
    Cuts(world, office.counter)
    world.hub.crash()
    world.hub.start()

    shown = [dict(one.what)["why"] for one in world.witness.facts if one.kind == "exposure_shown"]
    back = [one.who for one in world.witness.facts if one.kind == "reachable"]
    assert set(shown) == {"hub"}
    assert PLACE in back


@pytest.mark.parametrize("by_ms", [-86_400_000, 86_400_000])
def test_a_clock_that_is_wrong_changes_no_charge(world, by_ms):
    host = world.controllers[PLACE]
    tap(world)
    host.jump_clock(by_ms)
    world.run_ticks(MINUTES - 1)
    tap(world)
    world.run_ticks(1)

    assert is_booked_once(world)


def test_the_same_seed_gives_the_same_facts_and_books():
    options = Options(seed=11, ticks=40, controllers=2, accounts=6)

    one, other = run_trial(options), run_trial(options)

    assert one.facts == other.facts
    assert one.digest == other.digest
    assert run_trial(Options(seed=12, ticks=5, controllers=1)).digest != one.digest
