"""The card list as a stream of changes: whoever follows its pages knows what is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select

from hub.fleet.sites import Site, add_site
from hub.ledger.writer import Tx, Writer
from hub.payments.topups import TopUp, top_up
from hub.people import accounts, cards
from hub.people.accounts import AccountState, Terms
from hub.people.card_list import FLOOR_HALVINGS_MAX, entries_after, floor_cap, last_revision
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from hub.store.tables.people import floor_caps
from wire.clock import ManualClock
from wire.downlink import CardEntry, Standing

PEOPLE = 3
CARDS_EACH = 3


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("list") / "hub.db"
    store = open_store(str(path))
    upgrade(store)
    store.close()
    return path


@pytest.fixture
def store(tmp_path: Path, schema: Path) -> Iterator[Store]:
    path = tmp_path / "hub.db"
    path.write_bytes(schema.read_bytes())
    store = open_store(str(path))
    yield store
    store.close()


def begin(tx: Tx) -> None:
    add_site(tx, Site(id="here", floors_minor=(200, 500, 500)))
    for person in range(PEOPLE):
        accounts.open_account(tx, f"acc_{person}", "EUR", Terms(tariffs={}, permissions={}))
        for card in range(CARDS_EACH):
            ref = f"{person * CARDS_EACH + card:032x}"
            cards.link_card(tx, f"crd_{person}_{card}", f"acc_{person}", ref, level=card)


def apply(tx: Tx, step: tuple[str, int, int], number: int) -> None:
    kind, person, card = step
    if kind == "top_up":
        asked = TopUp(
            id=f"t{number}", account=f"acc_{person}", amount_minor=70, till="till", by="cli"
        )
        top_up(tx, asked)
    elif kind == "block":
        cards.block_card(tx, f"crd_{person}_{card}")
    elif kind == "unblock":
        cards.unblock_card(tx, f"crd_{person}_{card}")
    elif kind == "group":
        accounts.change_account(tx, f"acc_{person}", {"group": f"g{number}"})
    else:
        state = AccountState.BLOCKED if card else AccountState.OPEN
        accounts.change_account(tx, f"acc_{person}", {}, state)


class Follower:
    """A controller: applies pages that continue what it holds, in one step each."""

    def __init__(self) -> None:
        self.revision = 0
        self.held: dict[str, CardEntry] = {}

    def read(self, store: Store, limit: int) -> bool:
        with store.read() as connection:
            page = entries_after(connection, "here", self.revision, limit)
        assert page.from_revision == self.revision
        assert self.revision <= page.upto_revision <= page.last_revision
        for entry in page.entries:
            self.held[entry.card] = entry
        moved = page.upto_revision > self.revision
        self.revision = page.upto_revision
        return moved


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["top_up", "block", "unblock", "group", "state"]),
        st.integers(0, PEOPLE - 1),
        st.integers(0, CARDS_EACH - 1),
    ),
    max_size=12,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, limits=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_who_follows_in_any_portions_holds_what_who_reads_all_at_once_holds(
    steps: list[tuple[str, int, int]], limits: list[int], schema: Path, tmp_path: Path
) -> None:
    path = tmp_path / "hub.db"
    for left in tmp_path.glob("hub.db*"):
        left.unlink()
    path.write_bytes(schema.read_bytes())
    store = open_store(str(path))
    follower = Follower()
    with Writer(store, ManualClock()) as writer:
        writer.run(begin)
        for number, step in enumerate(steps):
            writer.run(lambda tx, step=step, number=number: apply(tx, step, number))
            follower.read(store, limits[number % len(limits)])
    while follower.read(store, limits[0]):
        pass
    fresh = Follower()
    fresh.read(store, 500)

    assert follower.held == fresh.held
    with store.read() as connection:
        assert follower.revision == fresh.revision == last_revision(connection)
    store.close()


def test_a_page_never_cuts_a_revision_in_two(store: Store) -> None:
    with Writer(store, ManualClock()) as writer:
        writer.run(begin)
    seen = Follower()

    with store.read() as connection:
        page = entries_after(connection, "here", 0, 1)
    seen.read(store, 1)

    assert len(page.entries) == CARDS_EACH
    assert len({entry.account for entry in page.entries}) == 1


def test_the_floor_follows_the_wallet_in_halves_and_is_noted_for_exposure(store: Store) -> None:
    def caps() -> list[int]:
        with store.read() as connection:
            query = select(floor_caps.c.cap_minor).where(floor_caps.c.account == "acc_0")
            return list(connection.execute(query.order_by(floor_caps.c.list_revision)).scalars())

    with Writer(store, ManualClock()) as writer:
        writer.run(begin)
        assert set(caps()) == {0}
        noted = len(caps())
        for number in range(8):
            writer.run(lambda tx, number=number: apply(tx, ("top_up", 0, 0), number))

    # 70, 140, … 560: a sixteenth of 500 first, then halves up to all of it.
    assert caps()[noted:] == [62, 125, 250, 500]
    with store.read() as connection:
        page = entries_after(connection, "here", 0, 500)
    floors = {entry.level: entry.floor_minor for entry in page.entries if entry.account == "acc_0"}
    assert floors == {0: 200, 1: 500, 2: 500}
    assert all(entry.standing is Standing.OK for entry in page.entries)


@given(available=st.integers(0, 10**6), most=st.integers(0, 10**6))
def test_a_cap_is_covered_and_within_a_half_of_what_it_could_be(available: int, most: int) -> None:
    cap = floor_cap(available, most)

    assert 0 <= cap <= min(available, most)
    if available >= most >> FLOOR_HALVINGS_MAX:
        assert 2 * cap + 1 >= min(available, most)


def test_a_persons_language_comes_with_each_of_their_cards(store: Store) -> None:
    follower = Follower()
    with Writer(store, ManualClock()) as writer:
        writer.run(begin)
        follower.read(store, 500)
        writer.run(lambda tx: accounts.change_account(tx, "acc_1", {"language": "zh-CN"}))
    follower.read(store, 500)

    spoken = {entry.account: entry.language for entry in follower.held.values()}
    assert spoken == {"acc_0": "", "acc_1": "zh-CN", "acc_2": ""}
