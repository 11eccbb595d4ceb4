"""One batch is decided while the one before it is written: nobody can tell."""

from __future__ import annotations

import random

import pytest
from book_model import Model
from book_strategies import CODES, UNIT
from sqlalchemy import event, text

from hub.errors import OutcomeUnknownError, StoreError
from hub.ledger import accounts as chart, statements, writer as writer_module
from hub.ledger.items import Already, Booked, Conflict, Item, Move, Refused, Spill
from hub.ledger.verify import verify_book

WORDS = {Booked: "booked", Already: "already", Conflict: "conflict", Refused: "refused"}
BANK = chart.clearing("bank", UNIT)
WALLET = chart.wallet("ann", UNIT)
WASHER = chart.revenue("washer", UNIT)
WAIT_S = 30


@pytest.fixture(autouse=True)
def overlap(monkeypatch):
    """Whatever comes is handed over, however little it is."""
    monkeypatch.setattr(writer_module, "OVERLAP_ITEMS_MIN", 2)
    monkeypatch.setattr(writer_module, "BATCH_JOBS_MAX", 30)


def random_items(seed: int, count: int) -> list[Item]:
    """Items of few accounts, in which some ids come again, as they were or otherwise."""
    rng = random.Random(seed)
    made: list[Item] = []
    for number in range(count):
        if made and rng.random() < 0.1:
            again = rng.choice(made[-200:])
            made.append(again if rng.random() < 0.7 else make_item(rng, again.id))
        else:
            made.append(make_item(rng, f"item-{number}"))
    return made


def make_item(rng: random.Random, id_: str) -> Item:
    codes = rng.sample(CODES, 4)
    minor = rng.randrange(1, 60)
    leg = rng.choice(
        (
            Move(codes[0], codes[1], minor),
            Move(BANK, chart.wallet(rng.choice(("ann", "bob")), UNIT), minor),
            Spill(tuple(codes[1:]), ((codes[0], minor),)),
        )
    )
    return Item(id=id_, unit=UNIT, kind="test", legs=(leg,))


def pay_in(id_: str, minor: int = 100) -> Item:
    return Item(id=id_, unit=UNIT, kind="top_up", legs=(Move(BANK, WALLET, minor),))


def spend(id_: str, minor: int) -> Item:
    return Item(id=id_, unit=UNIT, kind="session", legs=(Move(WALLET, WASHER, minor),))


def check_book(store):
    with store.read() as connection:
        assert list(verify_book(connection)) == []


@pytest.mark.parametrize("seed", range(3))
def test_outcomes_are_those_of_one_by_one_in_the_same_order(store, writer, seed):
    asked = random_items(seed, 1_500)
    rng = random.Random(seed)
    model = Model()
    expected = [model.post(one) for one in asked]

    answers = [
        writer.submit(lambda tx, one=one: tx.book.post(one))
        if rng.random() < 0.02
        else writer.submit_item(one)
        for one in asked
    ]

    assert [WORDS[type(answer.result(WAIT_S))] for answer in answers] == expected
    check_book(store)
    with store.read() as connection:
        found = statements.balances_of(connection, model.balances)
        assert connection.execute(text("SELECT count(*) FROM batches")).scalar_one() > 10
    assert {code: minor for code, minor in found.items() if minor} == {
        code: minor for code, minor in model.balances.items() if minor
    }


def test_what_depends_on_the_batch_before_is_decided_after_it(store, writer):
    """A wallet that is opened by one batch pays in the next."""
    answers = []
    for number in range(100):
        answers.append(writer.submit_item(pay_in(f"in-{number}", 10)))
        answers.append(writer.submit_item(spend(f"out-{number}", 10)))

    assert {type(answer.result(WAIT_S)) for answer in answers} == {Booked}
    check_book(store)


def fail_commits(store, *numbers):
    """Have the commits with these numbers fail as if the server were gone."""
    count = iter(range(10_000))

    def on_commit(connection):
        if next(count) in numbers:
            connection.invalidate()
            raise StoreError("the answer is lost")

    event.listen(store.writing, "commit", on_commit)


def test_a_batch_whose_commit_is_lost_takes_the_next_with_it_to_be_decided_again(store, writer):
    fail_commits(store, 0)
    answers = [writer.submit_item(pay_in(f"in-{n}")) for n in range(40)]
    late = [writer.submit_item(spend(f"out-{n}", 100)) for n in range(40)]

    unknown = [isinstance(one.exception(WAIT_S), OutcomeUnknownError) for one in answers]
    booked = unknown.count(False)
    assert 0 < booked < 40
    outcomes = [type(one.result(WAIT_S)) for one in late]
    assert outcomes == [Booked] * booked + [Refused] * (40 - booked)
    check_book(store)


def test_a_known_id_costs_its_batch_nothing_but_time(store, writer):
    writer.submit_item(pay_in("in")).result(WAIT_S)
    asked = [pay_in("in" if n == 20 else f"in-{n}") for n in range(60)]

    outcomes = [type(one.result(WAIT_S)) for one in [writer.submit_item(one) for one in asked]]

    assert outcomes == [Already if n == 20 else Booked for n in range(60)]
    check_book(store)


def test_accounts_beyond_what_is_remembered_are_read_anew(store, writer, monkeypatch):
    monkeypatch.setattr("hub.ledger.shelves.ACCOUNTS_REMEMBERED_MAX", 20)
    people = [chart.wallet(f"p{n % 60}", UNIT) for n in range(300)]
    asked = [
        Item(id=f"in-{n}", unit=UNIT, kind="t", legs=(Move(BANK, code, 1),))
        for n, code in enumerate(people)
    ]

    answers = [writer.submit_item(one) for one in asked]

    assert {type(answer.result(WAIT_S)) for answer in answers} == {Booked}
    with store.read() as connection:
        assert set(statements.balances_of(connection, people).values()) == {5}
    check_book(store)
