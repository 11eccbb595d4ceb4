"""Wants, rights, and what controllers are told."""

from __future__ import annotations

import pytest
from desk import card_of

from hub.charging import allowances
from hub.fleet import sites
from hub.people import accounts, cards
from wire import topics
from wire.errors import Code


@pytest.fixture
def washer(desk):
    controller = desk.add_controller("pi-1", "washer")
    desk.add_account("ann", 2_000)
    controller.boot()
    desk.journal(controller)
    desk.step()
    desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    return controller


def ask(desk, controller, request="req_1", minor=300, account="ann", **changes):
    """Send a want; gives the message that answers it, if one does."""
    card = changes.pop("card", card_of(account))
    machine = changes.pop("machine", "washer")
    payload = controller.want(request, account, card, machine, minor, **changes)
    desk.deliver(controller, topics.UP_WANT, payload)
    desk.step()
    return next((body for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS) if body.answers), None)


def test_a_want_is_granted_with_the_right_that_it_makes(desk, washer):
    body = ask(desk, washer)

    (answer,) = body.answers
    assert (answer.request, answer.granted_minor, answer.code) == ("req_1", 300, 0)
    (right,) = body.rights
    assert (right.account, right.granted_minor, right.target_minor) == ("ann", 300, 0)
    assert (right.floor_minor, right.as_of_seq) == (500, 1)
    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_700, 300)
    assert desk.faults() == []


def test_the_same_request_again_has_the_same_answer_and_moves_nothing(desk, washer):
    first = ask(desk, washer)

    again = ask(desk, washer)

    assert again.answers == first.answers
    assert desk.escrow("ann") == 300


def test_the_wallet_gives_what_it_has(desk, washer):
    body = ask(desk, washer, minor=5_000)

    (answer,) = body.answers
    assert (answer.granted_minor, answer.code) == (2_000, Code.BALANCE_TOO_LOW)
    assert body.rights[0].floor_minor == 0
    assert ask(desk, washer, "req_2").answers[0].code == Code.BALANCE_TOO_LOW


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": "nobody"}, Code.ACCOUNT_UNKNOWN),
        ({"card": "f" * 32}, Code.CARD_UNKNOWN),
        ({"machine": "laser"}, Code.MACHINE_NOT_CONFIGURED),
    ],
)
def test_a_want_for_what_it_has_no_business_with_gets_nothing(desk, washer, changes, code):
    body = ask(desk, washer, **changes)

    assert (body.answers[0].granted_minor, body.answers[0].code) == (0, code)
    assert desk.wallet("ann") == 2_000
    assert desk.rows("SELECT code FROM wants") == [(code,)]


def test_another_accounts_card_gives_no_access_to_a_wallet(desk, washer):
    desk.add_account("bob", 5_000)

    body = ask(desk, washer, account="bob", card=card_of("ann"))

    assert body.answers[0].code == Code.CARD_UNKNOWN
    assert desk.wallet("bob") == 5_000


def test_a_blocked_card_and_a_closed_account_get_nothing(desk, washer):
    desk.run(lambda tx: cards.block_card(tx, "crd_ann"))
    assert ask(desk, washer).answers[0].code == Code.CARD_BLOCKED

    desk.run(lambda tx: accounts.close_account(tx, "ann"))
    assert ask(desk, washer, "req_2").answers[0].code == Code.ACCOUNT_CLOSED


def test_a_want_of_another_journal_gets_no_answer(desk, washer):
    assert ask(desk, washer, epoch="epo_other") is None
    assert desk.escrow("ann") == 0


def test_credit_can_be_held_too(desk, washer):
    desk.add_account("firm", 0, credit_limit_minor=1_000)

    body = ask(desk, washer, account="firm", minor=400)

    assert body.answers[0].granted_minor == 400
    assert desk.wallet("firm") == -400
    assert desk.faults() == []


def test_a_charge_frees_the_floor_only_with_its_seq(desk, washer):
    washer.start("ses_1", "ann", "washer")
    washer.wall_ms += 3_600_000
    washer.end("ses_1", "ann", "washer", (0, 400), minutes=40)
    desk.journal(washer)

    desk.step()

    rights = [right for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS) for right in body.rights]
    assert [(r.account, r.floor_minor, r.as_of_seq) for r in rights] == [("ann", 500, 3)]


def test_a_wallet_that_shrinks_lowers_the_floor_everywhere(desk, washer):
    other = desk.add_controller("pi-2", "dryer")
    other.boot()
    desk.journal(other)
    ask(desk, washer, minor=100)
    other_want = other.want("req_9", "ann", card_of("ann"), "dryer", 1_600)
    desk.deliver(other, topics.UP_WANT, other_want)

    desk.step()

    floors = [
        right.floor_minor
        for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS)
        for right in body.rights
    ]
    assert floors[-1] == 300
    assert desk.wallet("ann") == 300


def test_a_block_takes_floor_and_target_away(desk, washer):
    ask(desk, washer)
    desk.run(lambda tx: cards.block_card(tx, "crd_ann"))

    desk.step()

    bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    last = [right for body in bodies for right in body.rights][-1]
    assert (last.floor_minor, last.target_minor, last.granted_minor) == (0, 0, 300)


def test_an_overrun_takes_the_floor_away_until_it_is_settled(desk, washer):
    washer.start("ses_1", "ann", "washer")
    washer.wall_ms += 24 * 3_600_000 - 1
    washer.end("ses_1", "ann", "washer", (0, 2_100), minutes=210)
    desk.journal(washer)
    desk.step()
    bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    assert [r.floor_minor for body in bodies for r in body.rights][-1] == 0

    desk.top_up("ann", 1_000)
    desk.step()

    assert (desk.overrun("ann"), desk.wallet("ann")) == (0, 900)
    bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    assert [r.floor_minor for body in bodies for r in body.rights][-1] == 500


def test_released_rights_return_to_the_wallet(desk, washer):
    ask(desk, washer)
    washer.release("ann", 300)

    desk.journal(washer, washer.batch(2, 2))

    assert (desk.wallet("ann"), desk.escrow("ann")) == (2_000, 0)
    assert desk.faults() == []


def test_a_forfeit_returns_the_money_and_a_late_report_is_still_booked(desk, washer):
    ask(desk, washer)
    washer.start("ses_1", "ann", "washer")
    washer.wall_ms += 3_600_000
    washer.end("ses_1", "ann", "washer", (300, 0), minutes=30)
    place = ("ann", "pi-1", washer.epoch)

    for _ in range(2):
        desk.run(lambda tx: allowances.forfeit(tx, "frf_1", place, "burnt"))
    assert (desk.wallet("ann"), desk.escrow("ann")) == (2_000, 0)
    desk.journal(washer, washer.batch(2, 3))

    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_700, 0)
    assert desk.faults() == []


def test_a_forfeited_right_is_given_back_once_and_then_stands_still(desk):
    desk.run(
        lambda tx: sites.change_site(
            tx, sites.Site(id="cellar", floors_minor=(0, 0, 0), standing_minor=600)
        )
    )
    box = desk.add_controller("pi-1", "washer")
    desk.add_account("ann", 2_000)
    box.boot()
    desk.journal(box)
    ask(desk, box, minor=100)
    desk.run(lambda tx: allowances.forfeit(tx, "frf_1", ("ann", "pi-1", box.epoch), "burnt"))
    desk.step()
    # It comes back, and hears of what was granted anew: both are more than stand ready.
    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_400, 600)
    box.release("ann", 600)

    desk.journal(box, box.batch(2, 2))
    desk.step()

    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_400, 600)
    bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    assert max(right.granted_minor for body in bodies for right in body.rights) == 1_200
    box.release("ann", 600)
    desk.journal(box, box.batch(3, 3))
    assert (desk.wallet("ann"), desk.escrow("ann")) == (2_000, 0)
    assert desk.faults() == []


def test_standing_rights_are_granted_again_when_they_are_used(desk):
    desk.run(
        lambda tx: sites.change_site(
            tx, sites.Site(id="cellar", floors_minor=(0, 0, 0), standing_minor=600)
        )
    )
    box = desk.add_controller("pi-1", "washer")
    desk.add_account("ann", 1_000)
    box.boot()
    desk.journal(box)

    ask(desk, box, minor=100)
    assert (desk.wallet("ann"), desk.escrow("ann")) == (400, 600)
    box.start("ses_1", "ann", "washer")
    box.wall_ms += 3_600_000
    box.end("ses_1", "ann", "washer", (500, 0), minutes=50)
    desk.journal(box, box.batch(2, 3))
    desk.step()

    assert (desk.wallet("ann"), desk.escrow("ann")) == (0, 500)
    assert desk.faults() == []


def test_who_was_used_at_a_site_hears_when_less_is_to_stand_ready(desk):
    def stand(minor):
        site = sites.Site(id="cellar", floors_minor=(0, 0, 0), standing_minor=minor)
        desk.run(lambda tx: sites.change_site(tx, site))
        desk.clock.advance(60_000)
        desk.step()
        bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
        return [right.target_minor for body in bodies for right in body.rights][-1]

    site = sites.Site(id="cellar", floors_minor=(0, 0, 0), standing_minor=600)
    desk.run(lambda tx: sites.change_site(tx, site))
    box = desk.add_controller("pi-1", "washer")
    desk.add_account("ann", 2_000)
    box.boot()
    desk.journal(box)
    ask(desk, box, minor=100)

    assert stand(400) == 400
    assert stand(0) == 0
    assert stand(700) == 700
    assert desk.escrow("ann") == 700


def test_what_was_not_received_is_sent_again_from_what_is_held(desk, washer):
    first = ask(desk, washer)
    desk.clock.advance(5_000)
    assert washer.accounts_revision == 0

    desk.journal(washer, washer.report())
    desk.step()
    again = desk.taken("pi-1", topics.DOWN_ACCOUNTS)

    assert again[-1].rights == first.rights
    assert again[-1].revision == first.revision
    washer.accounts_revision = first.revision
    desk.clock.advance(5_000)
    desk.journal(washer, washer.report())
    desk.step()
    assert all(not body.rights for body in desk.taken("pi-1", topics.DOWN_ACCOUNTS))


def test_an_unplugged_broker_loses_nothing_but_time(desk, washer):
    desk.cable.connected = False
    assert ask(desk, washer) is None
    desk.cable.connected = True
    desk.clock.advance(5_000)

    desk.journal(washer, washer.report())
    desk.step()

    bodies = desk.taken("pi-1", topics.DOWN_ACCOUNTS)
    assert [right.granted_minor for body in bodies for right in body.rights] == [300]


def test_old_answers_are_forgotten_and_a_want_of_long_ago_moves_nothing(desk, washer):
    ask(desk, washer)
    desk.clock.advance(8 * 86_400_000)

    ask(desk, washer, "req_2", minor=100)
    assert desk.rows("SELECT request FROM wants") == [("req_2",)]
    late = ask(desk, washer)

    assert late.answers[0].granted_minor == 0
    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_600, 400)
