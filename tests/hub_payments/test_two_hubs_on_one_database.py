"""Two hubs on one PostgreSQL: what may happen once happens once, whoever is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from desk import Desk

from hub.errors import HubError
from hub.ledger.writer import Job
from hub.payments.audit_in import audit_money_in
from hub.payments.campaigns import Draft, Terms, create_campaign, get_campaign
from hub.payments.deposits import Deposit, return_deposit, take_deposit
from hub.payments.offers import Tier
from hub.payments.shifts import Closing, Opening, begin_count, close_shift, open_shift
from hub.payments.tills import Till, put_till
from hub.payments.topups import TopUp, top_up
from hub.payments.voucher_batches import NewBatch, create_batch, print_codes
from hub.payments.voucher_rows import Funding
from hub.payments.vouchers import Redemption, redeem

pytestmark = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
ROUNDS = 12


@pytest.fixture
def hubs(tmp_path, database) -> Iterator[tuple[Desk, Desk]]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    pair = Desk(tmp_path / "one", database), Desk(tmp_path / "two", database)
    pair[0].add_site()
    pair[0].add_account("acc_ana", 10_000)
    yield pair
    for desk in pair:
        assert desk.faults() == []
        with desk.store.read() as connection:
            assert list(audit_money_in(connection)) == []
        desk.close()


def at_once(hubs: tuple[Desk, Desk], jobs: list[Job[Any]]) -> list[Any]:
    """Hand jobs to the hubs in turn, all before any is answered; answers or errors."""
    futures = [hubs[index % 2].hub.writer.submit(job) for index, job in enumerate(jobs)]
    answers: list[Any] = []
    for future in futures:
        try:
            answers.append(future.result(30))
        except HubError as error:
            answers.append(error)
    return answers


def done(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if not isinstance(answer, HubError)]


def paid(number: int | str, minor: int = 1_000, till: str = "counter") -> Callable[[Any], Any]:
    asked = TopUp(id=f"t{number}", account="acc_ana", amount_minor=minor, till=till, by="cli")
    return lambda tx: top_up(tx, asked)


def test_one_top_up_asked_of_both_is_booked_once(hubs) -> None:
    for number in range(ROUNDS):
        answers = at_once(hubs, [paid(number), paid(number)])
        assert len(done(answers)) == 2, answers

    assert hubs[0].wallet("acc_ana") == 10_000 + ROUNDS * 1_000


def test_a_budget_holds_across_hubs(hubs) -> None:
    terms = Terms(tiers=(Tier(from_minor=1_000, bonus_minor=300),), uses_per_account_max=4)
    draft = Draft(
        id="spring",
        name="Spring",
        unit="EUR",
        terms=terms,
        starts_ms=0,
        budget_minor=1_000,
        by="cli",
    )
    hubs[0].run(lambda tx: create_campaign(tx, draft))

    answers = at_once(hubs, [paid(number) for number in range(ROUNDS)])

    assert len(done(answers)) == ROUNDS, answers
    assert sorted(answer.bonus_minor for answer in answers) == [0] * 8 + [100, 300, 300, 300]
    with hubs[1].store.read() as connection:
        assert get_campaign(connection, "spring").given_minor == 1_000


def test_a_voucher_asked_of_both_is_redeemed_once(hubs) -> None:
    batch = NewBatch(
        id="b1",
        name="Summer",
        funding=Funding.SOLD,
        unit="EUR",
        amount_minor=500,
        count=ROUNDS,
        till="counter",
        by="cli",
    )
    secret, entropy = hubs[0].hub.keys.voucher_secret, hubs[0].entropy
    hubs[0].run(lambda tx: create_batch(tx, batch))
    made = hubs[0].run(lambda tx: print_codes(tx, "b1", secret, entropy, again=False))

    def use(key: str, code: str) -> Callable[[Any], Any]:
        asked = Redemption(id=key, account="acc_ana", code=code, by="cli")
        return lambda tx: redeem(tx, asked, secret)

    for serial, code in made:
        answers = at_once(hubs, [use(f"a{serial}", code), use(f"b{serial}", code)])
        assert len(done(answers)) == 1, answers

    assert hubs[0].wallet("acc_ana") == 10_000 + ROUNDS * 500
    assert hubs[0].balance("EUR:clearing/vouchers") == 0


def test_a_card_has_one_deposit_and_it_goes_back_once(hubs) -> None:
    def take(key: str) -> Callable[[Any], Any]:
        asked = Deposit(
            id=key, account="acc_ana", amount_minor=500, till="", by="cli", card="crd_acc_ana"
        )
        return lambda tx: take_deposit(tx, asked)

    def give_back(key: str) -> Callable[[Any], Any]:
        asked = Deposit(
            id=key, account="acc_ana", amount_minor=400, till="", by="cli", card="crd_acc_ana"
        )
        return lambda tx: return_deposit(tx, asked)

    taken = at_once(hubs, [take(f"d{number}") for number in range(4)])
    back = at_once(hubs, [give_back(f"r{number}") for number in range(4)])

    assert len(done(taken)) == len(done(back)) == 1, (taken, back)
    assert hubs[0].balance("EUR:deposit/acc_ana") == 100


def test_a_till_is_opened_and_closed_once_and_misses_nothing(hubs) -> None:
    hubs[0].run(lambda tx: put_till(tx, Till(id="bar", name="Bar", unit="EUR")))

    def start(key: str) -> Callable[[Any], Any]:
        return lambda tx: open_shift(tx, Opening(id=key, till="bar", float_minor=500, by="cli"))

    def end(key: str, counted: int) -> Callable[[Any], Any]:
        asked = Closing(id=key, till="bar", counted_minor=counted, reason="?", by="cli")
        return lambda tx: close_shift(tx, asked)

    assert len(done(at_once(hubs, [start(f"s{number}") for number in range(4)]))) == 1
    # Whatever is booked before the count began is in it, and nothing comes in afterwards.
    jobs = [paid(number, till="bar") for number in range(ROUNDS)]
    jobs.insert(ROUNDS // 2, lambda tx: begin_count(tx, "bar"))
    answers = at_once(hubs, jobs)
    taken = 1_000 * sum(1 for answer in done(answers) if hasattr(answer, "fee_minor"))
    closed = at_once(hubs, [end(f"x{number}", 500 + taken) for number in range(4)])

    [shift] = done(closed)
    assert (shift.in_minor, shift.difference_minor) == (taken, 0)
    assert hubs[1].balance("EUR:cash/bar") == 0
