"""Staff ask a real hub for everything they may, repeat what nobody answered, and err."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from desk_stage import DeskStage

from simulator.trials.counter import REPEAT_MS, Cash
from simulator.trials.office import HOUR_MS, Errand, Office
from simulator.trials.people import pay_in, use
from simulator.trials.settling import move_in
from simulator.trials.staff import OFFICES, schedule_staff
from simulator.trials.town import Billed, draw_town
from wire.ids import card_ref
from wire.topics import UP_WANT

DESKS = frozenset(OFFICES)


def opened(folder: Path, seed: int = 1, accounts: int = 8) -> Office:
    stage = DeskStage(folder, seed)
    office = Office(stage, draw_town(stage.stream, accounts, "machine"))
    move_in(office)
    return office


@pytest.fixture
def office(tmp_path):
    found = opened(tmp_path)
    yield found
    found.world.desk.close()


def use_machines(office: Office) -> None:
    """Everybody has used a machine and holds rights there: to refund, bill and forfeit."""
    stage = office.world
    for number, house in enumerate(office.town):
        session = f"ses_{number}"
        stage.saw.start(session, house.account, "saw1")
        stage.saw.end(session, house.account, "saw1", (0, 50 + 20 * number), minutes=5)
    stage.desk.journal(stage.saw)
    for house in office.town:
        card = card_ref(stage.hub.card_salt, house.cards[0].uid)
        want = stage.saw.want(f"want_{house.account}", house.account, card, "saw1", 100)
        stage.desk.deliver(stage.saw, UP_WANT, want)


@cache
def everything_asked() -> tuple[Counter, tuple[str, ...]]:
    """Kind of errand and its outcomes, over some days of all desks; and what is wrong then."""
    outcomes, wrong = Counter(), []
    with TemporaryDirectory() as folder:
        office = opened(Path(folder), accounts=12)
        stage = office.world
        use_machines(office)
        schedule_staff(office, DESKS, 16 * HOUR_MS)
        stage.kernel.run_until(24 * HOUR_MS)
        for what in stage.seen("staff_answered"):
            kind = what["id"].partition(".")[0].rstrip("0123456789").rstrip("-")
            outcomes[kind, what["outcome"]] += 1
        in_drawer = sum(what["minor"] for what in stage.seen("cash_in"))
        in_drawer -= sum(what["minor"] for what in stage.seen("cash_out"))
        if in_drawer != -stage.desk.balance("EUR:cash/counter"):
            wrong.append(f"{in_drawer} is in the drawer")
        if office.running or office.counter.open:
            wrong.append(f"{office.running} scripts never ended")
        wrong += stage.desk.faults()
        stage.desk.close()
    return outcomes, tuple(wrong)


@pytest.mark.parametrize("kind", [f"{who}-{kind}" for who in OFFICES for kind in OFFICES[who]])
def test_everything_that_staff_do_is_done_at_a_real_hub(kind):
    outcomes, _ = everything_asked()
    assert outcomes[kind, "done"] > 0


def test_the_book_is_right_and_the_drawer_holds_what_it_says():
    _, wrong = everything_asked()
    assert wrong == ()


def test_mistakes_are_refused():
    outcomes, _ = everything_asked()
    assert outcomes["clumsy-other_amount", "refused"] > 0
    assert (
        outcomes["clumsy-refund_beyond", "refused"]
        >= 2 * (outcomes["clumsy-refund_beyond", "done"])
    )
    assert outcomes["clumsy-same_again", "refused"] <= outcomes["clumsy-same_again", "done"] // 4


def test_leaving_one_desk_out_changes_nothing_that_the_others_do(tmp_path):
    seen = []
    for actors in (DESKS, DESKS - {"staff", "clumsy"}):
        office = opened(tmp_path / "-".join(sorted(actors)))
        schedule_staff(office, actors, 3 * HOUR_MS)
        office.world.kernel.run_until(5 * HOUR_MS)
        asked = [(who, what) for kind, who, what in office.world.facts if kind == "staff_asked"]
        seen.append([(what["id"], what["minor"]) for who, what in asked if who == "pricing"])
        office.world.desk.close()
    assert seen[0] == seen[1]
    assert len(seen[0]) > 3


@pytest.mark.parametrize("death", ["before", "after"])
def test_a_request_without_an_answer_is_repeated_until_it_is_known(office, death):
    stage = office.world
    house = next(one for one in office.town if one.billed is Billed.PREPAID)
    before = stage.desk.wallet(house.account)
    request = pay_in(Errand("people-1", "people", stage.stream("x")), house, "ahead")
    stage.hub.dies = [death, "before", death]
    answers = []
    office.counter.ask(request, answers.append)
    assert (answers, office.counter.open) == ([], 1)
    stage.kernel.run_until(10 * REPEAT_MS)
    assert [answer.is_done for answer in answers] == [True]
    assert stage.desk.wallet(house.account) == before + request.minor
    told = [what for what in stage.seen("staff_answered") if what["id"] == request.id]
    assert [what["outcome"] for what in told] == ["unknown", "unknown", "unknown", "done"]
    assert sum(what["minor"] == request.minor for what in stage.seen("cash_in")) >= 1


def test_who_is_refused_gets_the_cash_back(office):
    stage = office.world
    house = next(one for one in office.town if one.billed is Billed.POSTPAID)
    request = pay_in(Errand("people-1", "people", stage.stream("x")), house, "ahead")
    assert request.cash is Cash.IN
    outs = len(stage.seen("cash_out"))
    office.counter.ask(request, lambda answer: None)
    assert stage.seen("cash_out")[outs:] == [{"account": house.account, "minor": request.minor}]


def test_people_tap_stay_and_end_it_as_they_like(office):
    stage = office.world
    card = office.town[0].cards[0]
    for number in range(40):
        errand = Errand(f"people-{number}", "people", stage.stream(f"visit/{number}"))
        office.follow(use(office, errand, ("saw", "saw1", card)))
        stage.kernel.run_until(stage.kernel.now_ms + HOUR_MS)
        if stage.place.is_running("saw1"):
            stage.place.press("saw1")  # the caretaker: somebody walked away
            stage.presses = number
    assert office.running == 0
    assert len(stage.place.taps) > 60
    assert len(stage.place.presses) > 5
    assert set(stage.place.taps) == {("saw1", card.uid, card.level)}


def test_an_errand_that_finds_nothing_ends(office):
    """Without sessions there is nothing to refund: nobody asks, nobody waits."""
    act, _ = OFFICES["clumsy"]["refund_beyond"]
    start = len(office.world.seen("staff_asked"))
    office.follow(act(office, Errand("clumsy-1", "clumsy", office.world.stream("y"))))
    assert office.running == 0
    assert len(office.world.seen("staff_asked")) == start


def test_everybody_in_the_town_has_a_card_that_the_hub_knows(office):
    with office.world.desk.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, account FROM cards").all()
    wanted = {(card.id, house.account) for house in office.town for card in house.cards}
    assert {tuple(row) for row in rows} == wanted
    job = partial(lambda tx: tx.connection.exec_driver_sql("SELECT id FROM members").all())
    assert len(office.counter.look(job)) == sum(
        len(house.cards) for house in office.town if house.billed is Billed.SHARED
    )
