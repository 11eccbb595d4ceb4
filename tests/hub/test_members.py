"""Members of an organisation share its wallet, each within limits of its own."""

from __future__ import annotations

import pytest
from desk import SITE, card_of
from sqlalchemy import event

from hub.charging.member_limits import UNHEARD_MS
from hub.errors import ConflictError
from hub.fleet import machines
from hub.people import card_list, cards, members, roster, spending
from hub.people.limits import Limit
from hub.people.members import MemberState
from hub.people.periods import Period
from wire import topics
from wire.downlink import Standing
from wire.errors import Code
from wire.machines import Machine

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CARD = card_of("org")


def daily(minor: int, kind: str = "") -> Limit:
    return Limit(period=Period.DAY, kind=kind, amount_minor=minor)


def monthly(minor: int, kind: str = "") -> Limit:
    return Limit(period=Period.MONTH, kind=kind, amount_minor=minor)


@pytest.fixture
def washer(desk):
    controller = desk.add_controller("pi-1")
    for id_, kind in (("washer", "washer"), ("laser", "laser")):
        machine = Machine(id=id_, name=id_, kind=kind, tariff="minute")
        desk.run(lambda tx, new=machine: machines.put_machine(tx, "pi-1", new))
    desk.add_account("org", 10_000)
    controller.wall_ms = desk.clock.now().wall_ms
    controller.boot()
    desk.journal(controller)
    desk.step()
    desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    return controller


def add(desk, *limits: Limit, name: str = "mem_ann", timezone: str = "Europe/Berlin", card=True):
    asked = roster.NewMember(id=name, account="org", name="Ann", timezone=timezone, limits=limits)
    found = desk.run(lambda tx: roster.add_member(tx, asked))
    if card:
        desk.run(lambda tx: roster.give_card(tx, name, "crd_org"))
    return found


def member(desk, name: str = "mem_ann"):
    with desk.store.read() as connection:
        return members.get_member(connection, name)


def use(desk, controller, session: str, minor: int, machine: str = "washer", backed: int = 0):
    """A session that cost so much; ten cents a minute."""
    controller.start(session, "org", machine, card=CARD)
    controller.wall_ms += minor // 10 * 60_000
    shares = (backed, minor - backed)
    controller.end(session, "org", machine, shares, minutes=minor // 10, card=CARD)
    desk.journal(controller, *controller.batches(controller.last_seq - 2))


def ask(desk, controller, request: str, minor: int = 300, **changes):
    """Send a want; gives what was granted and why not more."""
    machine = changes.pop("machine", "washer")
    payload = controller.want(request, "org", CARD, machine, minor, **changes)
    desk.deliver(controller, topics.UP_WANT, payload)
    desk.step()
    bodies = [body for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS) if body.answers]
    return bodies[-1].answers[0].granted_minor, bodies[-1].answers[0].code


def entry(desk, card: str = CARD):
    with desk.store.read() as connection:
        page = card_list.entries_after(connection, SITE, 0, 500)
    return next(one for one in page.entries if one.card == card)


def revision(desk) -> int:
    with desk.store.read() as connection:
        return card_list.last_revision(connection)


def days(desk):
    rows = desk.rows("SELECT member, day, kind, spent_minor, held_minor FROM member_spend")
    return sorted(tuple(row) for row in rows)


def test_what_a_session_cost_counts_for_the_member_whose_card_it_was(desk, washer):
    add(desk, daily(1_000))

    use(desk, washer, "ses_1", 300)
    use(desk, washer, "ses_2", 200, machine="laser")

    assert days(desk) == [
        ("mem_ann", 20231114, "laser", 200, 0),
        ("mem_ann", 20231114, "washer", 300, 0),
    ]
    assert desk.rows("SELECT DISTINCT member FROM sessions") == [("mem_ann",)]
    assert entry(desk).limit_minor == 500
    assert desk.wallet("org") == 9_500
    assert desk.faults() == []


def test_a_want_gets_the_least_that_is_left_over_periods_and_kinds(desk, washer):
    add(desk, daily(900), monthly(2_000), daily(250, "laser"))

    assert ask(desk, washer, "req_1", 800, machine="laser") == (250, Code.SPENDING_LIMIT)
    assert ask(desk, washer, "req_2", 800) == (650, Code.SPENDING_LIMIT)
    assert ask(desk, washer, "req_3", 800) == (0, Code.SPENDING_LIMIT)
    assert desk.escrow("org") == 900


def test_a_card_with_a_limit_for_one_kind_has_no_larger_floor_than_that(desk, washer):
    """Offline a floor may be spent at any machine; with the hub's answer each kind counts."""
    add(desk, daily(150, "laser"))
    assert (entry(desk).limit_minor, entry(desk).floor_minor) == (None, 150)

    use(desk, washer, "ses_1", 100, machine="laser")
    use(desk, washer, "ses_2", 100)

    assert entry(desk).floor_minor == 50
    assert ask(desk, washer, "req_1", 300) == (300, 0)
    assert ask(desk, washer, "req_2", 300, machine="laser") == (50, Code.SPENDING_LIMIT)


def test_a_running_session_that_asks_again_does_not_pass_the_limit(desk, washer):
    add(desk, daily(500))
    washer.start("ses_long", "org", "washer", card=CARD)
    desk.journal(washer, *washer.batches(washer.last_seq - 1))

    first = ask(desk, washer, "req_1", 300, session="ses_long")
    desk.clock.advance(2 * UNHEARD_MS)
    second = ask(desk, washer, "req_2", 300, session="ses_long")
    third = ask(desk, washer, "req_3", 300, session="ses_long")

    assert (first, second, third) == (
        (300, 0),
        (200, Code.SPENDING_LIMIT),
        (0, Code.SPENDING_LIMIT),
    )


def test_a_grant_that_led_to_no_session_is_forgotten_by_the_limit_not_by_the_book(desk, washer):
    add(desk, daily(500))
    ask(desk, washer, "req_1", 500)
    assert ask(desk, washer, "req_2", 100) == (0, Code.SPENDING_LIMIT)

    desk.clock.advance(UNHEARD_MS + 1)

    assert ask(desk, washer, "req_3", 100) == (100, 0)
    assert desk.escrow("org") == 600


def test_once_a_session_is_booked_only_what_it_cost_counts(desk, washer):
    add(desk, daily(500))
    ask(desk, washer, "req_1", 400, session="ses_1")

    use(desk, washer, "ses_1", 100, backed=100)

    assert ask(desk, washer, "req_2", 500) == (400, Code.SPENDING_LIMIT)


def test_a_fact_beyond_the_limit_is_booked_and_flagged(desk, washer):
    add(desk, daily(200))

    use(desk, washer, "ses_1", 700)

    assert desk.wallet("org") == 9_300
    assert entry(desk).limit_minor == 0
    assert entry(desk).floor_minor == 0
    assert entry(desk).standing is Standing.OK
    assert Code.SPENDING_LIMIT in desk.alarm_codes()
    assert ask(desk, washer, "req_1") == (0, Code.SPENDING_LIMIT)
    assert desk.faults() == []


def test_a_late_fact_counts_in_the_period_of_its_start(desk, washer):
    add(desk, daily(500), monthly(5_000))
    washer.wall_ms -= 2 * DAY_MS

    use(desk, washer, "ses_late", 400)

    assert days(desk) == [("mem_ann", 20231112, "washer", 400, 0)]
    assert entry(desk).limit_minor == 500
    assert ask(desk, washer, "req_1", 900) == (500, Code.SPENDING_LIMIT)


def test_days_are_read_by_the_members_own_clock(desk, washer):
    """22:13 in London is already the next day in Kiritimati."""
    add(desk, daily(500), timezone="Pacific/Kiritimati")

    use(desk, washer, "ses_1", 100)

    assert days(desk) == [("mem_ann", 20231115, "washer", 100, 0)]


def test_a_clock_that_is_wrong_counts_when_it_was_booked(desk, washer):
    add(desk, daily(500))
    washer.wall_ms = 1_000

    use(desk, washer, "ses_1", 100)

    assert days(desk) == [("mem_ann", 20231114, "washer", 100, 0)]
    assert desk.faults() == []


def test_a_new_period_is_fresh_and_listed(desk, washer):
    add(desk, daily(500), timezone="UTC")
    use(desk, washer, "ses_1", 500)
    before = revision(desk)

    assert desk.run(lambda tx: spending.refresh_limits(tx, tx.now_ms, 10)) == 0
    assert revision(desk) == before
    desk.clock.advance(2 * HOUR_MS)
    assert desk.run(lambda tx: spending.refresh_limits(tx, tx.now_ms, 10)) == 1

    assert revision(desk) == before + 1
    assert entry(desk).limit_minor == 500
    assert Code.SPENDING_LIMIT not in desk.alarm_codes()
    assert desk.run(lambda tx: spending.refresh_limits(tx, tx.now_ms, 10)) == 0


def test_a_period_in_which_nothing_was_spent_turns_without_listing_anyone(desk, washer):
    add(desk, daily(500))
    before = revision(desk)

    desk.clock.advance(2 * DAY_MS)
    assert desk.run(lambda tx: spending.refresh_limits(tx, tx.now_ms, 10)) == 1

    assert revision(desk) == before


def test_people_without_limits_are_not_listed_anew_at_sessions(desk, washer):
    add(desk)
    desk.step()
    before = revision(desk)

    use(desk, washer, "ses_1", 100)
    use(desk, washer, "ses_2", 100)
    desk.step()

    assert revision(desk) == before
    assert entry(desk).limit_minor is None
    assert entry(desk).member == "mem_ann"


def test_a_member_without_cards_is_listed_nowhere(desk, washer):
    add(desk, daily(500), card=False)
    before = revision(desk)

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"limits": (daily(100),)}))

    assert revision(desk) == before


def test_members_who_spend_in_one_batch_each_have_a_revision(desk, washer):
    """A page of the list never cuts a revision in two, so none may name everyone."""
    add(desk, daily(500))
    add(desk, daily(300), name="mem_bob", card=False)
    other = "ab" * 16
    desk.run(lambda tx: cards.link_card(tx, "crd_bob", "org", other))
    desk.run(lambda tx: roster.give_card(tx, "mem_bob", "crd_bob"))
    before = revision(desk)
    for session, card in (("ses_1", CARD), ("ses_2", other)):
        washer.start(session, "org", "washer", card=card)
        washer.wall_ms += 10 * 60_000
        washer.end(session, "org", "washer", (0, 100), minutes=10, card=card)

    desk.journal(washer, *washer.batches(washer.last_seq - 4))

    assert revision(desk) == before + 2
    assert (entry(desk).limit_minor, entry(desk, other).limit_minor) == (400, 200)


def test_a_limit_set_below_what_was_spent_leaves_nothing_at_once(desk, washer):
    add(desk, daily(500))
    use(desk, washer, "ses_1", 300)

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"limits": (daily(100),)}))
    assert entry(desk).limit_minor == 0
    assert ask(desk, washer, "req_1") == (0, Code.SPENDING_LIMIT)

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"limits": (daily(1_000),)}))
    assert entry(desk).limit_minor == 700
    assert ask(desk, washer, "req_2") == (300, 0)

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"limits": ()}))
    assert entry(desk).limit_minor is None


@pytest.mark.parametrize("state", [MemberState.SUSPENDED, MemberState.LEFT])
def test_a_members_cards_start_nothing_once_it_is_suspended_or_has_left(desk, washer, state):
    add(desk)

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"state": state}))

    assert entry(desk).standing is Standing.BLOCKED
    assert ask(desk, washer, "req_1") == (0, Code.CARD_BLOCKED)
    use(desk, washer, "ses_1", 100)
    assert days(desk) == [("mem_ann", 20231114, "washer", 100, 0)]


def test_who_was_suspended_may_come_back_and_who_left_may_not(desk, washer):
    add(desk)
    for state in (MemberState.SUSPENDED, MemberState.ACTIVE):
        desk.run(lambda tx, to=state: roster.change_member(tx, "mem_ann", {"state": to}))
    assert entry(desk).standing is Standing.OK

    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"state": MemberState.LEFT}))
    with pytest.raises(ConflictError, match="has left"):
        desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"state": MemberState.ACTIVE}))


def test_a_replaced_card_stays_its_members(desk, washer):
    add(desk, daily(500))

    new = desk.run(lambda tx: cards.replace_card(tx, "crd_org", "crd_new", "ab" * 16, 1))

    assert new.member == "mem_ann"
    assert entry(desk, "ab" * 16).limit_minor == 500


def test_a_card_of_another_account_or_member_is_not_given(desk, washer):
    add(desk)
    desk.add_account("other")
    add(desk, name="mem_bob", card=False)

    with pytest.raises(ConflictError, match="another account"):
        desk.run(lambda tx: roster.give_card(tx, "mem_ann", "crd_other"))
    with pytest.raises(ConflictError, match="mem_ann"):
        desk.run(lambda tx: roster.give_card(tx, "mem_bob", "crd_org"))

    desk.run(lambda tx: roster.take_card(tx, "mem_ann", "crd_org"))
    desk.run(lambda tx: roster.give_card(tx, "mem_bob", "crd_org"))
    use(desk, washer, "ses_1", 100)
    assert [row[0] for row in days(desk)] == ["mem_bob"]


def test_a_card_of_one_member_reported_for_another_account_spends_no_limit(desk, washer):
    add(desk, daily(500))
    desk.add_account("other", 1_000)
    washer.start("ses_1", "other", "washer", card=CARD)
    washer.end("ses_1", "other", "washer", (0, 100), minutes=10, card=CARD)

    desk.journal(washer, *washer.batches(washer.last_seq - 2))

    assert days(desk) == []
    assert desk.faults() == []


def test_the_same_member_again_is_the_same_and_another_is_a_conflict(desk, washer):
    first = add(desk, daily(500))
    asked = roster.NewMember(id="mem_ann", account="org", name="Ann", timezone="Europe/Berlin")

    assert desk.run(lambda tx: roster.add_member(tx, asked)).limits == first.limits
    other = roster.NewMember(id="mem_ann", account="org", name="Bob")
    with pytest.raises(ConflictError):
        desk.run(lambda tx: roster.add_member(tx, other))


def test_the_audit_names_a_sum_that_is_wrong(desk, washer):
    add(desk, daily(500))
    use(desk, washer, "ses_1", 100)
    desk.run(lambda tx: tx.connection.exec_driver_sql("UPDATE member_spend SET spent_minor = 90"))

    (fault,) = desk.faults()

    assert "mem_ann on 20231114 at washer" in fault
    assert "90 spent" in fault
    assert "100 and 0 are booked" in fault


def test_a_batch_costs_no_statement_more_for_each_members_session(desk, washer):
    add(desk, daily(100_000))
    statements: list[str] = []

    def count(first: int, sessions: int) -> int:
        for number in range(first, first + sessions):
            washer.start(f"ses_{number}", "org", "washer", card=CARD)
            washer.wall_ms += 60_000
            washer.end(f"ses_{number}", "org", "washer", (0, 10), minutes=1, card=CARD)
        payloads = washer.batches(washer.last_seq - 2 * sessions)
        statements.clear()
        desk.journal(washer, *payloads)
        return len(statements)

    def heard(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(desk.store.writing, "before_cursor_execute", heard)
    one, many = count(0, 1), count(1, 20)
    event.remove(desk.store.writing, "before_cursor_execute", heard)

    assert many <= one + 2
