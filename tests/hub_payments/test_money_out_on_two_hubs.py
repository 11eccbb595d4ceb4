"""Money that goes back and around, asked of two hubs on one PostgreSQL at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk

from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.payments import corrections, payouts, refund_requests, transfers
from hub.payments.action_contents import Adjust
from hub.payments.actions import ACTIONS
from hub.payments.adjustments import Against, Direction
from hub.payments.approvals import approve, ask_second
from hub.payments.audit_out import audit_money_out
from hub.payments.payout_rows import Step
from hub.payments.refunds import Refund, refund_item
from hub.payments.transfer_rules import TransferRules, write_transfer_rules
from tests.hub_payments.test_two_hubs_on_one_database import at_once, done

pytestmark = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
WALLET = chart.wallet("acc_ana", "EUR")


@pytest.fixture
def hubs(tmp_path, database) -> Iterator[tuple[Desk, Desk]]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    pair = Desk(tmp_path / "one", database), Desk(tmp_path / "two", database)
    pair[0].add_site()
    for account in ("acc_ana", "acc_bob"):
        pair[0].add_account(account, 10_000)
    yield pair
    for desk in pair:
        assert desk.faults() == []
        with desk.store.read() as connection:
            assert list(audit_money_out(connection)) == []
        desk.close()


def charge(desk: Desk, name: str, minor: int) -> None:
    move = Move(WALLET, chart.revenue("washer", "EUR"), minor)
    item = Item(id=name, unit="EUR", kind="fee", legs=(move,), ref=name)
    desk.run(lambda tx: tx.book.must_post(item))


def test_a_charge_goes_back_once_in_all(hubs) -> None:
    charge(hubs[0], "buy", 1_000)

    def refund(key: str):
        asked = Refund(id=key, item="buy", amount_minor=300, reason="broken", by="k")
        return lambda tx: refund_item(tx, asked)

    answers = at_once(hubs, [refund(f"r{number}") for number in range(8)])

    assert len(done(answers)) == 3, answers
    assert hubs[1].wallet("acc_ana") == 10_000 - 100


def test_a_charge_is_refunded_or_corrected(hubs) -> None:
    for number in range(6):
        name = f"a{number}"
        move = Move(WALLET, chart.house("fees", "EUR"), 100)
        item = Item(id=name, unit="EUR", kind="adjustment", legs=(move,), ref="acc_ana")
        hubs[0].run(lambda tx, item=item: tx.book.must_post(item))
        back = Refund(id=f"r{number}", item=name, amount_minor=40, reason="broken", by="k")
        undo = corrections.Ask(id=f"c{number}", item=name, reason="wrong", by="k")
        again = corrections.Ask(id=f"d{number}", item=name, reason="wrong", by="k")

        jobs = [
            lambda tx, back=back: refund_item(tx, back),
            lambda tx, undo=undo: corrections.correct(tx, undo),
            lambda tx, again=again: corrections.correct(tx, again),
        ]
        answers = at_once(hubs, jobs[number % 2 :] + jobs[: number % 2])

        assert len(done(answers)) == 1, answers


def test_one_wallet_is_paid_out_and_given_away_once(hubs) -> None:
    rules = TransferRules(most_minor=10_000, day_minor=10**9)
    hubs[0].run(lambda tx: write_transfer_rules(tx, "EUR", rules))

    def leave(number: int):
        if number % 2:
            asked = payouts.Ask(
                id=f"p{number}", account="acc_ana", amount_minor=3_000, provider="bank", by="k"
            )
            return lambda tx: payouts.request_payout(tx, asked)
        given = transfers.Ask(
            id=f"t{number}", sender="acc_ana", receiver="acc_bob", amount_minor=3_000, by="k"
        )
        return lambda tx: transfers.transfer(tx, given)

    answers = at_once(hubs, [leave(number) for number in (0, 1, 3, 2, 4, 5, 7, 6)])

    assert len(done(answers)) == 3, answers
    assert hubs[0].wallet("acc_ana") == 1_000


def test_a_days_limit_holds_across_hubs(hubs) -> None:
    rules = TransferRules(most_minor=400, day_minor=1_000)
    hubs[0].run(lambda tx: write_transfer_rules(tx, "EUR", rules))

    def give(number: int):
        # Each to the other at once, so that neither waits for the other for ever.
        sides = ("acc_ana", "acc_bob")
        sender, receiver = sides if number % 4 < 2 else sides[::-1]
        asked = transfers.Ask(
            id=f"t{number}", sender=sender, receiver=receiver, amount_minor=400, by="k"
        )
        return lambda tx: transfers.transfer(tx, asked)

    answers = at_once(hubs, [give(number) for number in range(16)])

    assert len(done(answers)) == 4, answers


def test_a_payout_takes_each_step_once(hubs) -> None:
    asked = payouts.Ask(id="p1", account="acc_ana", amount_minor=500, provider="bank", by="k")
    hubs[0].run(lambda tx: payouts.request_payout(tx, asked))

    def step(key: str, what: Step):
        reason = "no" if what in (Step.CANCEL, Step.FAIL) else ""
        take = payouts.Take(id=key, payout="p1", step=what, reason=reason, by="k")
        return lambda tx: payouts.take_step(tx, take)

    first = at_once(hubs, [step("k1", Step.CANCEL), step("k2", Step.CANCEL)])
    assert len(done(first)) == 1, first
    assert hubs[0].wallet("acc_ana") == 10_000


def test_what_two_people_agreed_to_is_done_once(hubs) -> None:
    content = Adjust(
        account="acc_ana",
        direction=Direction.CREDIT,
        amount_minor=500,
        against=Against.SUSPENSE,
        cause="goodwill",
        reason="sorry",
    )
    asked = hubs[0].run(lambda tx: ask_second(tx, ACTIONS, ("a1", "adjustment", content), "key_a"))

    def agree(who: str):
        return lambda tx: approve(tx, ACTIONS, "a1", who, asked.digest)

    answers = at_once(hubs, [agree(f"key_{who}") for who in "bcdefg"])

    assert len(done(answers)) == 1, answers
    assert hubs[1].wallet("acc_ana") == 10_500


def test_a_session_is_asked_back_once(hubs) -> None:
    box = hubs[0].add_controller("box", "washer")
    box.start("ses_1", "acc_ana", "washer")
    box.wall_ms += 1_000 * 6_000
    box.end("ses_1", "acc_ana", "washer", (0, 1_000))
    hubs[0].journal(box)

    def ask(key: str):
        asked = refund_requests.Ask(
            id=key, session="ses_1", amount_minor=None, reason="other", words="", by="k"
        )
        return lambda tx: refund_requests.ask_refund(tx, asked)

    answers = at_once(hubs, [ask(f"q{number}") for number in range(6)])

    assert len(done(answers)) == 1, answers
