"""Usage by API: who may hold, whose limits count, and holds that nobody ended."""

from __future__ import annotations

import pytest
from cloud import DAY_MS, buy, daily, free, hold, join, minutes, more, register, spent, steps, take
from desk import card_of

from hub.charging import services, tariffs, usage_rows
from hub.charging.usage_asked import Stretch
from hub.charging.usage_audit import remind_of_holds
from hub.charging.usage_state import UsageState
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.fleet import machines
from hub.people import accounts, cards
from hub.people.members import MemberState
from hub.store.tables.usage import usages as usage_table
from wire.errors import Code
from wire.machines import Machine
from wire.money import Unit
from wire.tariff import Tariff


@pytest.mark.parametrize(
    ("asked", "error", "code"),
    [
        ({"minor": 0}, InputError, Code.AMOUNT_INVALID),
        ({"minor": -5}, InputError, Code.AMOUNT_INVALID),
        ({"minor": 10**15 + 1}, InputError, Code.AMOUNT_INVALID),
        ({"minor": 10**15}, RefusedError, Code.BALANCE_TOO_LOW),
        ({}, InputError, Code.BODY_MALFORMED),
        ({"minor": 5, "use": ()}, InputError, Code.BODY_MALFORMED),
        ({"use": (Stretch(time_ms=-1),)}, InputError, Code.BODY_MALFORMED),
        ({"minor": 5, "account": "nobody"}, NotFoundError, Code.ACCOUNT_UNKNOWN),
        ({"minor": 5, "account": ""}, InputError, Code.BODY_MALFORMED),
        ({"minor": 5, "card_ref": "f" * 32}, NotFoundError, Code.CARD_UNKNOWN),
        ({"minor": 5, "service": "moon"}, NotFoundError, Code.NOT_FOUND),
        ({"minor": 5, "tariff": "moon"}, NotFoundError, Code.NOT_FOUND),
        ({"minor": 5, "member": "mem_x"}, NotFoundError, Code.NOT_FOUND),
        ({"minor": 5, "name": "a b"}, InputError, Code.BODY_MALFORMED),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(sqlite_cloud, asked, error, code):
    books = sqlite_cloud.books()

    with pytest.raises(error) as refused:
        hold(sqlite_cloud, **asked)

    assert refused.value.code == code
    assert sqlite_cloud.books() == books
    assert steps(sqlite_cloud) == 0


def test_blocked_and_closed_accounts_and_cards_begin_nothing(cloud):
    hold(cloud, 100)
    cloud.run(lambda tx: cards.block_card(tx, "crd_ann"))
    with pytest.raises(RefusedError) as refused:
        hold(cloud, 100, "use_2", card_ref=card_of("ann"))
    assert refused.value.code is Code.CARD_BLOCKED

    cloud.run(lambda tx: accounts.close_account(tx, "ann"))
    with pytest.raises(ConflictError) as closed:
        hold(cloud, 100, "use_2")
    assert closed.value.code is Code.ACCOUNT_CLOSED
    with pytest.raises(ConflictError):
        take(cloud, 150, beyond=True)
    assert take(cloud, 60).state is UsageState.CAPTURED
    assert cloud.wallet("ann") == 940


def test_money_of_one_unit_pays_nothing_of_another(cloud):
    points = Tariff(id="points", version=1, name="Points", unit=Unit("PTS", 0))
    cloud.run(lambda tx: tariffs.add_version(tx, points))

    with pytest.raises(RefusedError) as refused:
        hold(cloud, 5, tariff="points")

    assert refused.value.code is Code.UNIT_MISMATCH


def test_a_members_limit_holds_for_holds_and_counts_them(cloud):
    join(cloud, daily(500), daily(400, "cloud"))
    card = {"card_ref": card_of("ann")}

    hold(cloud, 300, **card)
    assert spent(cloud) == [(0, 300)]
    for refused in (
        lambda: hold(cloud, 101, "use_2", **card),
        lambda: more(cloud, 101),
        lambda: buy(cloud, 101, account="", **card),
        lambda: buy(cloud, 101, member="mem_ann"),
    ):
        with pytest.raises(RefusedError, match="may spend 100 more") as error:
            refused()
        assert error.value.code is Code.SPENDING_LIMIT

    take(cloud, 120)
    assert spent(cloud) == [(120, 0)]
    buy(cloud, 280, member="mem_ann")
    assert spent(cloud) == [(400, 0)]
    assert cloud.faults() == []


def test_what_was_used_beyond_a_members_limit_is_paid_and_flagged(cloud):
    join(cloud, daily(200))
    hold(cloud, 200, card_ref=card_of("ann"))

    take(cloud, 350, beyond=True)

    assert spent(cloud) == [(350, 0)]
    assert cloud.alarm_codes() == [Code.SPENDING_LIMIT]
    assert cloud.faults() == []


def test_a_usage_counts_in_the_day_in_which_it_began(cloud):
    join(cloud, daily(200))
    hold(cloud, 200, card_ref=card_of("ann"))
    cloud.clock.advance(DAY_MS)
    hold(cloud, 200, "use_2", card_ref=card_of("ann"))

    take(cloud, 150)

    assert spent(cloud) == [(150, 0), (0, 200)]
    assert cloud.faults() == []


def test_a_suspended_member_begins_nothing(cloud):
    join(cloud, state=MemberState.SUSPENDED)

    with pytest.raises(RefusedError) as refused:
        hold(cloud, 5, card_ref=card_of("ann"))

    assert refused.value.code is Code.CARD_BLOCKED


def test_an_old_hold_is_shown_and_stays_until_someone_ends_it(cloud):
    hold(cloud, 300)
    assert cloud.run(lambda tx: remind_of_holds(tx, tx.now_ms, 10)) == 0
    cloud.clock.advance(usage_rows.OLD_MS)

    assert cloud.run(lambda tx: remind_of_holds(tx, tx.now_ms, 10)) == 1
    assert cloud.run(lambda tx: remind_of_holds(tx, tx.now_ms, 10)) == 0

    cloud.clock.advance(100 * DAY_MS)
    cloud.step()
    assert cloud.escrow("ann") == 300
    assert cloud.alarm_codes() == [Code.HOLD_OLD]
    free(cloud, reason="the course didn't take place")
    assert cloud.alarm_codes() == []
    assert cloud.wallet("ann") == 1_000


def test_a_service_that_is_sold_no_more_ends_what_it_began(cloud):
    hold(cloud, 300)
    cloud.run(lambda tx: services.remove_service(tx, "cloud"))

    with pytest.raises(NotFoundError):
        hold(cloud, 10, "use_2")
    assert take(cloud, use=(minutes(3),)).amount_minor == 30


def test_a_service_has_no_machines_id_and_a_known_tariff(cloud):
    cloud.add_controller("pi-1", "washer")

    with pytest.raises(ConflictError, match="is a machine"):
        register(cloud, "washer")
    with pytest.raises(ConflictError, match="is a service"):
        cloud.run(
            lambda tx: machines.put_machine(
                tx, "pi-1", Machine(id="cloud", name="x", tariff="minute")
            )
        )
    with pytest.raises(InputError, match="no tariff moon"):
        register(cloud, "door", tariff="moon")
    with pytest.raises(InputError, match="lower case"):
        register(cloud, "A Door")


def test_the_audit_names_a_hold_that_the_book_does_not_know(cloud):
    hold(cloud, 300)
    cloud.run(lambda tx: tx.connection.exec_driver_sql("UPDATE usage_holds SET minor = 200"))
    cloud.run(lambda tx: tx.connection.execute(usage_table.update().values(captured_minor=7)))

    faults = "\n".join(cloud.faults())

    assert "keep 200 in EUR:escrow/ann, it is 300" in faults
    assert "use_1 holds 300, its parts keep 200" in faults
    assert "use_1 captured 7, 0 is booked" in faults
