"""Any sequence of steps of usages is what a small model says, and two hubs agree."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from cloud import buy, daily, free, give, hold, join, more, register, take
from desk import Desk, card_of
from hypothesis import HealthCheck, given, settings, strategies as st
from postgres import drop_database, fresh_database
from usage_model import Model

from hub.charging import usage
from hub.charging.usage_asked import Authorise
from hub.errors import ConflictError, NotFoundError, RefusedError
from hub.ledger.writer import Writer
from hub.store.engine import open_store

ONE_DATABASE = [HealthCheck.function_scoped_fixture]
"""The database stays for all examples; each makes ids of its own."""
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
