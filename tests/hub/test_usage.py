"""Usage by API: what is held can't be spent twice, and what is used is rated as at machines."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from desk import MINUTE, Desk, card_of
from hypothesis import HealthCheck, given, settings, strategies as st
from postgres import drop_database, fresh_database
from usage_model import Model

from hub.charging import lots, services, tariffs, usage, usage_rows
from hub.charging.lots import Gift
from hub.charging.usage_asked import Authorise, Capture, Raise, Release, Stretch
from hub.charging.usage_audit import remind_of_holds
from hub.charging.usage_state import UsageState
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.fleet import machines
from hub.ledger import accounts as chart
from hub.ledger.writer import Writer
from hub.people import accounts, cards, roster
from hub.people.limits import Limit
from hub.people.members import MemberState
from hub.people.periods import Period
from hub.store.engine import open_store
from hub.store.tables.usage import usages as usage_table
from wire.errors import Code
from wire.machines import Machine
from wire.money import EUR, Unit, tax_within
from wire.rating import rate
from wire.tariff import Band, Measure, Tariff, Tier
from wire.usage import BAND_NONE, Segment

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NIGHT = Tariff(
    id="night",
    version=1,
    name="Dear by day",
    unit=EUR,
    time=Measure(unit="ms", per=HOUR_MS, tiers=(Tier(6_000_000),)),
    bands=(Band(name="night", from_minute=22 * 60 + 30, to_minute=6 * 60, time_tiers=(Tier(0),)),),
)


@pytest.fixture
def cloud(desk):
    """A service, and an account with 10.00 in its wallet."""
    register(desk, "cloud")
    desk.add_account("ann", 1_000)
    return desk


@pytest.fixture
def sqlite_cloud(tmp_path):
    """The same on SQLite alone: what is refused before the database is asked."""
    desk = Desk(tmp_path)
    desk.add_site()
    register(desk, "cloud")
    desk.add_account("ann", 1_000)
    yield desk
    desk.close()


def register(desk, name: str, kind: str = "cloud", tariff: str = "minute") -> None:
    service = services.Service(id=name, name=name, kind=kind, tariff=tariff, tariff_by_group={})
    desk.run(lambda tx: services.put_service(tx, service))


def give(desk, minor: int, lot: str = "gift", account: str = "ann", **terms) -> None:
    gift = Gift(
        id=lot,
        account=account,
        amount_minor=minor,
        giver=chart.house("promo", "EUR"),
        source="promo",
        reason="welcome",
        by="cli",
        **terms,
    )
    desk.run(lambda tx: lots.give(tx, gift))


def hold(desk, minor: int | None = None, name: str = "use_1", **asked):
    who = {} if "card_ref" in asked else {"account": "ann"}
    asked = {"service": "cloud", "by": "key", "amount_minor": minor} | who | asked
    return desk.run(lambda tx: usage.authorise(tx, Authorise(id=name, **asked)))


def buy(desk, minor: int | None = None, name: str = "buy_1", **asked):
    asked = {"service": "cloud", "by": "key", "account": "ann", "amount_minor": minor} | asked
    return desk.run(lambda tx: usage.charge(tx, Authorise(id=name, **asked)))


def more(desk, minor: int, step: str = "more_1", name: str = "use_1"):
    asked = Raise(id=step, usage=name, amount_minor=minor, by="key")
    return desk.run(lambda tx: usage.raise_hold(tx, asked))


def take(desk, minor: int | None = None, step: str = "take_1", name: str = "use_1", **asked):
    asked = Capture(id=step, usage=name, amount_minor=minor, by="key", **asked)
    return desk.run(lambda tx: usage.capture(tx, asked))


def free(desk, step: str = "free_1", name: str = "use_1", reason: str = "cancelled"):
    asked = Release(id=step, usage=name, reason=reason, by="key")
    return desk.run(lambda tx: usage.release(tx, asked))


def minutes(count: int, from_ms: int | None = None) -> Stretch:
    return Stretch(from_ms=from_ms, time_ms=count * MINUTE_MS)


def steps(desk) -> int:
    return desk.rows("SELECT count(*) FROM usage_steps")[0][0]


def test_a_hold_takes_money_from_what_can_be_spent_and_exposes_nothing(cloud):
    step = hold(cloud, 600)

    assert (step.state, step.held_minor) == (UsageState.AUTHORISED, 600)
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (400, 600)
    assert cloud.exposure("ann") == {}
    with pytest.raises(RefusedError) as refused:
        hold(cloud, 401, "use_2")
    assert refused.value.code is Code.BALANCE_TOO_LOW
    assert cloud.faults() == []


def test_what_was_used_is_paid_and_the_rest_goes_back(cloud):
    hold(cloud, 600)

    step = take(cloud, use=(minutes(25),))

    assert (step.amount_minor, step.tax_minor) == (250, tax_within(250, 190_000))
    assert step.state is UsageState.CAPTURED
    assert cloud.books() == {
        "EUR:cash/counter": -1_000,
        "EUR:wallet/ann": 750,
        "EUR:revenue/cloud": 250 - step.tax_minor,
        "EUR:tax/190000": step.tax_minor,
    }
    assert cloud.faults() == []


ONE_DATABASE = [HealthCheck.function_scoped_fixture]
"""The database stays for all examples; each makes ids of its own."""


@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=ONE_DATABASE)
def test_slices_cost_what_the_whole_costs_tax_included(cloud, slices):
    name = f"use_{steps(cloud)}"
    cloud.top_up("ann", 1_000_000)
    hold(cloud, 1_000_000, name)
    used, tax = 0, 0
    for number, length in enumerate(slices):
        used += length
        asked = {"use": (Stretch(time_ms=used),), "final": number == len(slices) - 1}
        tax += take(cloud, step=f"{name}_{number}", name=name, **asked).tax_minor

    whole = rate(MINUTE, (Segment(BAND_NONE, used, 0),))
    with cloud.store.read() as connection:
        found = usage_rows.get_usage(connection, name)
    assert (found.captured_minor, found.time_ms) == (whole, used)
    assert found.tax_minor == tax == tax_within(whole, 190_000)


def test_a_usage_keeps_the_tariff_version_that_it_began_with(cloud):
    hold(cloud, 600)
    dear = Tariff(
        id="minute",
        version=2,
        name="A euro a minute",
        unit=EUR,
        time=Measure(unit="ms", per=MINUTE_MS, tiers=(Tier(1_000_000),)),
    )
    cloud.run(lambda tx: tariffs.add_version(tx, dear))

    assert take(cloud, use=(minutes(5),)).amount_minor == 50
    assert buy(cloud, use=(minutes(5),)).amount_minor == 500


def test_hours_with_prices_of_their_own_count_as_at_machines(cloud):
    """The usage begins at 22:13:20; from 22:30 on it is free."""
    cloud.run(lambda tx: tariffs.add_version(tx, NIGHT))
    start_ms = cloud.clock.now().wall_ms
    hold(cloud, 600, tariff="night")

    first = take(cloud, use=(minutes(60),), final=False)
    later = (minutes(60), minutes(30, start_ms + 12 * HOUR_MS))
    second = take(cloud, use=later, step="take_2")

    assert first.amount_minor == 167  # 16 min 40 s of an hour at 6.00
    assert second.captured_minor == 467
    with pytest.raises(InputError, match="one began before"):
        buy(cloud, use=(minutes(60, start_ms), minutes(1, start_ms)), tariff="night")
    with pytest.raises(InputError, match="by the hour"):
        buy(cloud, use=(minutes(50_000),), tariff="night")


def test_prices_of_the_account_and_its_group_hold_as_at_machines(cloud):
    half = Tariff(
        id="half",
        version=1,
        name="Half",
        unit=EUR,
        time=Measure(unit="ms", per=MINUTE_MS, tiers=(Tier(50_000),)),
    )
    cloud.run(lambda tx: tariffs.add_version(tx, half))
    cloud.run(lambda tx: accounts.change_account(tx, "ann", {"tariffs": {"cloud": "half"}}))

    assert buy(cloud, use=(minutes(10),)).amount_minor == 50


def test_beyond_the_hold_the_wallet_pays_only_when_asked(cloud):
    hold(cloud, 300)

    with pytest.raises(RefusedError, match="300 minor units are held") as refused:
        take(cloud, 450)
    assert refused.value.code is Code.LIMIT_EXCEEDED
    assert (cloud.escrow("ann"), steps(cloud)) == (300, 1)

    step = take(cloud, 450, beyond=True)
    assert (step.amount_minor, step.beyond_minor) == (450, 150)
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (550, 0)
    assert cloud.faults() == []


def test_beyond_hold_and_wallet_is_refused_and_changes_nothing(cloud):
    hold(cloud, 300)

    with pytest.raises(RefusedError) as refused:
        take(cloud, 1_001, beyond=True)

    assert refused.value.code is Code.BALANCE_TOO_LOW
    assert (cloud.wallet("ann"), cloud.escrow("ann")) == (700, 300)
    assert take(cloud, 1_000, beyond=True).captured_minor == 1_000


def test_credit_can_be_held_up_to_its_limit(cloud):
    cloud.add_account("firm", 0, credit_limit_minor=500)

    hold(cloud, 500, account="firm")

    assert (cloud.wallet("firm"), cloud.escrow("firm")) == (-500, 500)
    with pytest.raises(RefusedError):
        hold(cloud, 1, "use_2", account="firm")


def test_given_money_that_fits_pays_first_and_comes_back_to_its_lot(cloud):
    give(cloud, 200, kinds=("cloud",))
    give(cloud, 500, "other", kinds=("course",))
    hold(cloud, 300)
    assert (cloud.balance("EUR:escrow/ann/gift"), cloud.escrow("ann")) == (200, 100)
    assert cloud.faults() == []

    take(cloud, 50, final=False)
    more(cloud, 50)
    assert (cloud.balance("EUR:escrow/ann/gift"), cloud.escrow("ann")) == (150, 150)
    free(cloud)

    assert cloud.balance("EUR:bonus/ann/gift") == 150
    assert cloud.balance("EUR:bonus/ann/other") == 500
    assert cloud.wallet("ann") == 1_000
    assert cloud.faults() == []


def test_a_lot_that_expires_while_it_is_held_pays_and_its_rest_lapses(cloud):
    give(cloud, 200, expires_ms=cloud.clock.now().wall_ms + DAY_MS)
    hold(cloud, 300)
    cloud.clock.advance(2 * DAY_MS)
    cloud.run(lambda tx: lots.expire(tx, tx.now_ms, 10))
    assert cloud.balance("EUR:escrow/ann/gift") == 200

    take(cloud, 50)

    assert cloud.balance("EUR:breakage/") == 150
    assert cloud.balance("EUR:escrow/ann/gift") == cloud.balance("EUR:bonus/ann/gift") == 0
    assert cloud.wallet("ann") == 1_000
    assert cloud.rows("SELECT state FROM lots") == [("closed",)]
    assert cloud.faults() == []


def test_a_hold_that_goes_back_settles_an_overrun_first(cloud):
    hold(cloud, 900)
    controller = cloud.add_controller("pi-1", "washer")
    controller.boot()
    controller.start("ses_1", "ann", "washer")
    controller.wall_ms += HOUR_MS
    controller.end("ses_1", "ann", "washer", (0, 400), minutes=40)
    cloud.journal(controller)
    assert (cloud.wallet("ann"), cloud.overrun("ann")) == (0, 300)

    free(cloud)

    assert (cloud.wallet("ann"), cloud.overrun("ann")) == (600, 0)
    assert cloud.faults() == []


def test_a_step_again_is_answered_as_before_and_moves_nothing(cloud):
    asked = {
        "hold": lambda: hold(cloud, 300),
        "more": lambda: more(cloud, 100),
        "part": lambda: take(cloud, 50, final=False),
        "last": lambda: take(cloud, 70, "take_2"),
        "buy": lambda: buy(cloud, 30),
    }
    answers = {name: act() for name, act in asked.items()}
    books = cloud.books()

    assert {name: act() for name, act in asked.items()} == answers
    assert cloud.books() == books
    assert cloud.faults() == []


@pytest.mark.parametrize(
    "other",
    [
        lambda desk: hold(desk, 301),
        lambda desk: hold(desk, 300, account="", card_ref=card_of("ann")),
        lambda desk: buy(desk, 300, "use_1"),
        lambda desk: take(desk, 300, "use_1"),
        lambda desk: free(desk, "use_1"),
    ],
)
def test_an_id_for_something_else_is_a_conflict(sqlite_cloud, other):
    hold(sqlite_cloud, 300)
    books = sqlite_cloud.books()

    with pytest.raises(ConflictError) as conflict:
        other(sqlite_cloud)

    assert conflict.value.code is Code.ID_CONFLICT
    assert sqlite_cloud.books() == books


def test_after_the_end_nothing_more_happens(cloud):
    hold(cloud, 300)
    take(cloud, 100, final=False)
    assert free(cloud).state is UsageState.CAPTURED
    books = cloud.books()

    for late in (
        lambda: take(cloud, 10, "late"),
        lambda: more(cloud, 10, "late"),
        lambda: free(cloud, "late"),
    ):
        with pytest.raises(ConflictError) as conflict:
            late()
        assert conflict.value.code is Code.HOLD_CLOSED
    assert cloud.books() == books


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


def join(desk, *limits: Limit, state: MemberState = MemberState.ACTIVE) -> None:
    asked = roster.NewMember(id="mem_ann", account="ann", name="Ann", limits=limits)
    desk.run(lambda tx: roster.add_member(tx, asked))
    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"state": state}))
    desk.run(lambda tx: roster.give_card(tx, "mem_ann", "crd_ann"))


def daily(minor: int, kind: str = "") -> Limit:
    return Limit(period=Period.DAY, kind=kind, amount_minor=minor)


def spent(desk) -> list[tuple[int, int]]:
    rows = desk.rows("SELECT spent_minor, held_minor FROM member_spend ORDER BY day")
    return [tuple(row) for row in rows]


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


amounts = st.integers(1, 400)
actions = st.one_of(
    st.tuples(st.just("hold"), st.integers(0, 2), amounts),
    st.tuples(st.just("buy"), st.just(0), amounts),
    st.tuples(st.just("more"), st.integers(0, 2), amounts),
    st.tuples(st.just("part"), st.integers(0, 2), amounts),
    st.tuples(st.just("last"), st.integers(0, 2), amounts),
    st.tuples(st.just("beyond"), st.integers(0, 2), amounts),
    st.tuples(st.just("free"), st.integers(0, 2), amounts),
    st.tuples(st.just("again"), st.integers(0, 30), amounts),
)


@given(st.lists(actions, min_size=4, max_size=24), st.integers(0, 300))
@settings(max_examples=20, deadline=None, suppress_health_check=ONE_DATABASE)
def test_any_sequence_of_steps_is_what_a_small_model_says(cloud, sequence, given_minor):
    account = f"acc_{len(cloud.rows('SELECT id FROM accounts'))}"
    cloud.add_account(account, 1_000)
    if given_minor:
        give(cloud, given_minor, f"lot_{account}", account)
    model = Model(wallet=1_000, lot=given_minor)
    done, first = [], {}
    for number, (action, which, minor) in enumerate(sequence):
        if action == "again":
            if done:
                act, answer = done[which % len(done)]
                assert act() == answer
            continue
        name, step = f"{account}.{which}", f"{account}.step{number}"
        if action == "buy":
            name = step

        def act(action=action, name=name, step=step, minor=minor):
            calls = {
                "hold": lambda: hold(cloud, minor, name, account=account),
                "buy": lambda: buy(cloud, minor, name, account=account),
                "more": lambda: more(cloud, minor, step, name),
                "part": lambda: take(cloud, minor, step, name, final=False),
                "last": lambda: take(cloud, minor, step, name),
                "beyond": lambda: take(cloud, minor, step, name, beyond=True),
                "free": lambda: free(cloud, step, name),
            }
            return calls[action]()

        if action == "hold" and first.get(name, (0, None))[0] == minor:
            assert act() == first[name][1]
        elif model.expect(action, name, minor):
            answer = act()
            model.apply(action, name, minor)
            done.append((act, answer))
            if action == "hold":
                first[name] = (minor, answer)
        else:
            with pytest.raises((ConflictError, RefusedError, NotFoundError)):
                act()
        assert model.picture() == (
            cloud.wallet(account),
            cloud.balance(f"EUR:bonus/{account}/lot_{account}"),
            cloud.escrow(account),
            cloud.balance(f"EUR:escrow/{account}/lot_{account}"),
        )
    assert model.total() + model.paid == 1_000 + given_minor
    assert cloud.faults() == []


@pytest.mark.postgres
def test_two_hubs_at_once_do_not_both_give_what_is_left(tmp_path, postgres):
    """Each asks for a third of what the member, and then the wallet, may still give."""
    url = fresh_database(postgres)
    desk = Desk(tmp_path, url)
    desk.add_site()
    register(desk, "cloud")
    desk.add_account("ann", 1_000)
    join(desk, daily(600))
    store = open_store(url)
    with Writer(store, desk.clock) as other:
        writers = (desk.hub.writer, other)

        def attempt(number: int) -> str:
            by_member = number < 12
            who = {"card_ref": card_of("ann")} if by_member else {"account": "ann"}
            asked = Authorise(id=f"u{number}", service="cloud", amount_minor=200, by="k", **who)
            try:
                writers[number % 2].run(lambda tx: usage.authorise(tx, asked))
            except RefusedError as error:
                return error.code.name
            return "held"

        with ThreadPoolExecutor(6) as crowd:
            of_member = list(crowd.map(attempt, range(12)))
            of_wallet = list(crowd.map(attempt, range(12, 24)))
    counted = Counter(of_member), Counter(of_wallet)
    held, faults = desk.escrow("ann"), desk.faults()
    store.close()
    desk.close()
    drop_database(postgres, url)

    assert counted == ({"held": 3, "SPENDING_LIMIT": 9}, {"held": 2, "BALANCE_TOO_LOW": 10})
    assert held == 1_000
    assert faults == []
