"""Who may do what, and until when: decided alone, and kept in a real database."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from hub.ledger.writer import Writer
from hub.partitions import share
from hub.store import leases
from hub.store.engine import open_store
from hub.store.leases import Lease, LeaseLostError, is_held, taken_over
from hub.store.migrations import upgrade
from wire.clock import ManualClock
from wire.topics import partitions

TTL_MS = 10_000
HUBS = ("hub_a", "hub_b", "hub_c")


class Claimant:
    """A hub with a clock of its own, which believes what it was told last."""

    def __init__(self, name: str, skew_ms: int) -> None:
        self.name = name
        self.skew_ms = skew_ms
        self.lease = Lease("p00")


steps = st.lists(
    st.tuples(
        st.sampled_from(("take", "book", "release", "renew", "book")),
        st.sampled_from(range(3)),
        st.integers(0, 15_000),
    ),
    max_size=60,
)


@given(steps, st.tuples(*(st.integers(-60_000, 60_000) for _ in HUBS)))
def test_nobody_books_under_another_ones_number_whatever_the_clocks_say(steps, skews):
    hubs = [Claimant(name, skew) for name, skew in zip(HUBS, skews, strict=True)]
    row = Lease("p00")
    booked: dict[int, str] = {}
    now_ms = 1_000_000
    for what, which, pause_ms in steps:
        now_ms += pause_ms
        hub = hubs[which]
        own_ms = now_ms + hub.skew_ms
        held = is_held(row, hub.lease, own_ms)
        if what == "take":
            after = taken_over(row, hub.name, own_ms, TTL_MS)
            if after is not None:
                assert after.fence >= row.fence
                assert after.fence > row.fence or row.holder == hub.name
                row = hub.lease = after
        elif what == "book" and held:
            assert booked.setdefault(hub.lease.fence, hub.name) == hub.name
            assert hub.lease.fence == row.fence
            assert row.fence == max(booked)
        elif what == "release" and held:
            row = Lease(row.name, "", row.fence, 0)
        elif what == "renew" and held:
            row = hub.lease = Lease(row.name, hub.name, row.fence, own_ms + TTL_MS)


def test_a_lease_that_ran_out_comes_back_under_another_number():
    first = taken_over(Lease("p00"), "hub_a", 0, TTL_MS)
    assert first == Lease("p00", "hub_a", 1, TTL_MS)
    assert taken_over(first, "hub_a", 5_000, TTL_MS) == Lease("p00", "hub_a", 1, 15_000)
    assert not is_held(first, first, TTL_MS)

    assert taken_over(first, "hub_a", TTL_MS, TTL_MS) == Lease("p00", "hub_a", 2, 20_000)
    assert taken_over(first, "hub_b", TTL_MS - 1, TTL_MS) is None
    assert taken_over(first, "hub_b", TTL_MS - 1, TTL_MS, alone=True).fence == 2


@given(
    st.sets(st.sampled_from("abcdefgh"), min_size=1).map(sorted),
    st.lists(st.sampled_from([*"abcdefgh", "dead", ""]), min_size=64, max_size=64),
)
def test_hubs_that_live_come_to_share_all_partitions_about_evenly(live, holders):
    rows = {
        name: Lease(name, holder, 1, 0 if holder in {"dead", ""} else 100)
        for name, holder in zip(partitions(), holders, strict=True)
    }
    for name, row in rows.items():
        if row.holder not in live:
            rows[name] = Lease(name, row.holder, 1, 0)

    for _ in range(2):
        for me in live:
            move = share(sorted(rows.values(), key=lambda row: row.name), live, me, 50)
            assert not set(move.take) & set(move.release)
            for name in move.release:
                assert rows[name].holder == me
                rows[name] = Lease(name, "", 1, 0)
            for name in move.take:
                assert rows[name].expires_ms == 0
                rows[name] = Lease(name, me, 2, 100)

    held = Counter(row.holder for row in rows.values())
    assert sum(held.values()) == 64
    assert set(held) <= set(live)
    assert max(held.values()) - min(held[me] for me in live) <= 1


@pytest.fixture
def stores(database, tmp_path):
    """Two hubs' connections to one database; SQLite has only one that writes."""
    url = database or str(tmp_path / "hub.db")
    store = open_store(url)
    upgrade(store)
    other = open_store(url) if database else store
    yield store, other
    other.close()
    store.close()


def test_a_lease_is_one_hubs_and_its_number_rises_when_it_changes_hands(stores):
    clock = ManualClock()
    with Writer(stores[0], clock) as writer:
        first = writer.run(lambda tx: leases.take(tx.connection, "job:x", "hub_a", tx.now_ms))
        again = writer.run(lambda tx: leases.take(tx.connection, "job:x", "hub_a", tx.now_ms))
        assert (first.fence, again.fence) == (1, 1)
        writer.run(lambda tx: leases.guard(tx.connection, first, tx.now_ms))
        writer.run(lambda tx: leases.release(tx.connection, first))
        with pytest.raises(LeaseLostError):
            writer.run(lambda tx: leases.guard(tx.connection, first, tx.now_ms))

        second = writer.run(lambda tx: leases.take(tx.connection, "job:x", "hub_b", tx.now_ms))

        assert (second.holder, second.fence) == ("hub_b", 2)
        assert writer.run(lambda tx: leases.renew(tx.connection, first, tx.now_ms)) is None
        assert writer.run(lambda tx: leases.renew(tx.connection, second, tx.now_ms)).fence == 2
        writer.run(lambda tx: leases.release(tx.connection, first))
        assert writer.run(lambda tx: leases.all_leases(tx.connection, ["job:x"]))[0].fence == 2
        writer.run(lambda tx: leases.guard(tx.connection, second, tx.now_ms))


def test_what_an_earlier_process_held_is_free_where_only_one_can_run(tmp_path):
    store = open_store(str(tmp_path / "hub.db"))
    upgrade(store)
    with Writer(store, ManualClock()) as writer:
        writer.run(lambda tx: leases.take(tx.connection, "p00", "hub_a", tx.now_ms))

        taken = writer.run(lambda tx: leases.take(tx.connection, "p00", "hub_b", tx.now_ms))

    store.close()
    assert (taken.holder, taken.fence) == ("hub_b", 2)


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_lease_does_not_change_hands_while_work_under_it_is_not_committed(stores):
    mine, others = stores
    with mine.writing.connect() as connection, connection.begin():
        lease = leases.take(connection, "p00", "hub_a", 0)
    taken: list[Lease | None] = []

    def take_over() -> None:
        with others.writing.connect() as connection, connection.begin():
            taken.append(leases.take(connection, "p00", "hub_b", 0))

    thread = threading.Thread(target=take_over)
    with mine.writing.connect() as connection, connection.begin():
        leases.guard(connection, lease, 0)
        thread.start()
        thread.join(0.3)
        assert not taken
    thread.join(10)
    assert taken == [None]  # it stood all the time

    with mine.writing.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE leases SET expires_ms = 1")
    take_over()
    assert taken[1].fence == lease.fence + 1
    with (
        mine.writing.connect() as connection,
        connection.begin(),
        pytest.raises(LeaseLostError, match="number"),
    ):
        leases.guard(connection, lease, 0)
