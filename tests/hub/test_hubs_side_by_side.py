"""Two hubs on one PostgreSQL, put together in one process: what each may do, and hears."""

from __future__ import annotations

import threading

import pytest
from desk import SITE, Cable, Desk, card_of, counting_entropy

from hub.bootstrap import Hub, build_hub
from hub.charging import allowances, rights
from hub.config import ClusterConfig, HubConfig
from hub.errors import ConfigError
from hub.fleet import sites
from hub.identity import fingerprints
from hub.keystore import make_keys
from hub.ledger.book import Book
from hub.ledger.writer import Tx
from hub.mqtt_link import Received
from hub.people import cards
from simulator.waiting import wait_for
from wire import topics
from wire.clock import ManualClock
from wire.uplink import Presence, Status

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
LEASE_MS = 15_000
NAMES = [f"pi-{number}" for number in range(12)]


class Side:
    """One of several hubs; its writer runs, the rest is the test."""

    def __init__(self, data, database: str, name: str) -> None:
        self.clock = ManualClock()
        self.cable = Cable()
        count = counting_entropy()
        config = HubConfig(data=data, database=database, cluster=ClusterConfig(LEASE_MS // 1_000))
        self.hub: Hub = build_hub(
            config,
            clock=self.clock,
            entropy=lambda length: name.encode() + count(length - len(name)),
            link=self.cable,
        )
        self.hub.writer.start()

    def send(self, box, leaf: str, payload: bytes) -> None:
        self.hub.uplink.handle(Received(box.topic(leaf), payload))
        for _ in range(2):
            self.hub.writer.run(lambda tx: None)

    def serves(self) -> set[str]:
        return {name for name in NAMES if self.hub.partitions.serves(name)}

    def step(self) -> None:
        self.hub.partitions.step()


@pytest.fixture
def desk(tmp_path, database):
    """A hub alone, to prepare and to look."""
    desk = Desk(tmp_path / "desk", database)
    desk.add_site()
    desk.add_account("ann", 5_000)
    yield desk
    desk.close()


@pytest.fixture
def boxes(desk):
    return {name: desk.add_controller(name, f"m-{name}") for name in NAMES}


@pytest.fixture
def sides(desk, tmp_path, database):
    found = [Side(tmp_path / "desk", database, name) for name in "ab"]
    yield found
    for side in found:
        side.hub.close()


def shared(sides) -> None:
    """Let both come to hold their share."""
    for _ in range(3):
        for side in sides:
            side.step()


def test_each_serves_about_half_and_all_when_the_other_leaves(sides):
    one, other = sides
    one.step()
    assert len(one.hub.partitions.followed) == 64

    shared(sides)

    assert len(one.hub.partitions.followed) == len(other.hub.partitions.followed) == 32
    assert not one.hub.partitions.followed & other.hub.partitions.followed

    other.hub.partitions.start()
    other.hub.partitions.close()
    one.step()

    assert len(one.hub.partitions.followed) == 64


def test_who_does_not_reach_the_broker_leaves_all_to_others(sides):
    one, other = sides
    shared(sides)
    one.cable.connected = False
    one.step()
    assert len(one.hub.partitions.followed) == 32  # it may be back in a moment

    one.clock.advance(LEASE_MS)
    one.step()
    other.step()

    assert one.hub.partitions.followed == frozenset()
    assert len(other.hub.partitions.followed) == 64


def test_under_a_stolen_lease_nothing_is_booked(desk, boxes, sides):
    one, other = sides
    shared(sides)
    name = min(one.serves())
    box = boxes[name]
    box.boot()
    box.start("ses_1", "ann", f"m-{name}")
    desk.run(lambda tx: tx.connection.exec_driver_sql("UPDATE leases SET expires_ms = 1"))
    desk.run(lambda tx: tx.connection.exec_driver_sql("UPDATE hubs SET seen_ms = 1"))
    other.step()
    assert name in other.serves()

    # It was asleep: its own clock says nothing, its memory says that it serves.
    assert name in one.serves()
    one.send(box, topics.UP_JOURNAL, box.batch(1, 2))
    one.send(box, topics.UP_WANT, box.want("req_1", "ann", card_of("ann"), f"m-{name}", 300))

    assert one.hub.uplink.counts.dropped == 2
    assert desk.rows("SELECT seq FROM events") == []
    assert desk.rows("SELECT request FROM wants") == []
    assert desk.alarm_codes() == []
    assert desk.wallet("ann") == 5_000

    other.send(box, topics.UP_JOURNAL, box.batch(1, 2))

    assert desk.rows("SELECT seq FROM events ORDER BY seq") == [(1,), (2,)]
    assert desk.faults() == []


def test_totals_that_two_hubs_begin_at_once_are_one_row(desk, boxes, sides):
    box = boxes["pi-1"]
    box.boot()
    desk.journal(box)
    place = ("ann", "pi-1", box.epoch)
    done: list[object] = []
    store = sides[0].hub.store
    grant = threading.Thread(
        target=lambda: done.append(
            desk.run(lambda tx: allowances.grant(tx, "grant-1", place, "EUR", 300))
        )
    )
    with store.writing.connect() as connection, connection.begin():
        first = allowances.load_totals(connection, *place[1:], ("ann",), make=True)
        grant.start()
        grant.join(0.3)
        assert not done
        first["ann"].unbacked += 70
        allowances.save_totals(Tx(connection, None, 0), "pi-1", box.epoch, first)
    grant.join(10)

    assert done
    row = desk.rows("SELECT granted_minor, unbacked_minor FROM allowances")
    assert row == [(300, 70)]
    assert desk.escrow("ann") == 300


def test_rights_are_numbered_by_the_newest_wallet_whoever_looks_first(desk, boxes, sides):
    box = boxes["pi-1"]
    box.boot()
    desk.journal(box)
    place = ("ann", "pi-1", box.epoch)
    desk.run(lambda tx: allowances.grant(tx, "grant-1", place, "EUR", 300))
    numbered = threading.Thread(target=lambda: desk.run(lambda tx: rights.refresh(tx, ("ann",))))
    store, clock = sides[0].hub.store, sides[0].clock
    with store.writing.connect() as connection, connection.begin():
        query = "SELECT id FROM controllers WHERE id = 'pi-1' FOR UPDATE"
        connection.exec_driver_sql(query)
        numbered.start()
        numbered.join(0.3)
        assert numbered.is_alive()  # it has looked, and waits for the number
        tx = Tx(connection, Book(connection, clock.now().wall_ms), clock.now().wall_ms)
        allowances.grant(tx, "grant-2", place, "EUR", 40)
        rights.refresh(tx, ("ann",))
        tx.book.flush()
    numbered.join(10)

    newest = desk.rows("SELECT granted_minor FROM floors_sent ORDER BY revision DESC LIMIT 1")
    assert newest == [(340,)]
    assert desk.faults() == []


def test_a_hub_that_heard_of_no_renewal_stops_by_itself(boxes, sides):
    one, _ = sides
    one.step()
    assert one.serves() == set(NAMES)

    one.clock.advance(LEASE_MS)

    assert one.serves() == set()
    box = boxes["pi-1"]
    box.boot()
    one.send(box, topics.UP_JOURNAL, box.batch(1, 1))
    assert one.hub.uplink.counts.dropped == 1


def test_the_same_batch_by_two_ways_is_booked_once(desk, boxes, sides):
    one, _ = sides
    one.step()
    box = boxes["pi-1"]
    box.boot()
    box.start("ses_1", "ann", "m-pi-1")
    box.wall_ms += 3_600_000
    box.end("ses_1", "ann", "m-pi-1", (0, 500), minutes=50)

    for payload in (box.batch(1, 2), box.batch(1, 3), box.batch(2, 3)):
        one.send(box, topics.UP_JOURNAL, payload)
        desk.hub.uplink.handle(Received(box.topic(topics.UP_JOURNAL), payload))
        desk.settle()

    assert desk.rows("SELECT count(*) FROM events") == [(3,)]
    assert desk.wallet("ann") == 4_500
    assert desk.faults() == []


def test_a_key_that_was_changed_by_another_hub_counts_at_once(desk, boxes, sides):
    one, _ = sides
    one.step()
    box = boxes["pi-1"]
    for _ in range(3):
        box.boot()
    one.send(box, topics.UP_JOURNAL, box.batch(1, 1))
    one.send(box, topics.UP_JOURNAL, box.batch(2, 2))
    desk.run(
        lambda tx: tx.connection.exec_driver_sql(
            "UPDATE controllers SET public_key = '' WHERE id = 'pi-1'"
        )
    )

    one.send(box, topics.UP_JOURNAL, box.batch(3, 3))

    assert desk.rows("SELECT max(seq) FROM events") == [(2,)]


def reach(side: Side, box) -> None:
    """Let a controller be online, and known by its journal."""
    status = Status(state=Presence.ONLINE, boot_id="b", at_ms=1)
    side.hub.live.hear_status(box.name, status, 1)


def sent(side: Side, box, leaf: str) -> list:
    """What a hub sends to a controller when it gets to it."""
    side.cable.sent.clear()
    for _ in range(4):
        side.clock.advance(2_500)
        side.step()
        side.hub.downlink.step()
        side.hub.writer.run(lambda tx: None)
    wanted = box.topic(leaf)
    return [message for message in side.cable.sent if message.topic == wanted]


def caught_up(desk, side: Side, box) -> None:
    """Let a controller say that it holds everything, and be believed."""
    sent(side, box, topics.DOWN_ACCOUNTS)
    [(box.list_revision,)] = desk.rows("SELECT revision FROM card_list")
    [(box.accounts_revision, box.config_version)] = desk.rows(
        f"SELECT accounts_revision, config_version FROM controllers WHERE id = '{box.name}'"
    )
    side.send(box, topics.UP_JOURNAL, box.report())
    sent(side, box, topics.DOWN_ACCOUNTS)
    side.clock.advance(10_000)
    side.step()
    assert sent(side, box, topics.DOWN_ACCOUNTS) == []


def test_what_one_changed_is_found_by_the_one_that_serves_without_a_word(desk, boxes, sides):
    one, other = sides
    shared(sides)
    name = min(one.serves())
    box = boxes[name]
    box.boot()
    one.send(box, topics.UP_JOURNAL, box.batch(1, 1))
    for side in sides:
        reach(side, box)
    caught_up(desk, one, box)

    other.hub.writer.run(lambda tx: cards.block_card(tx, "crd_ann"))
    other.hub.downlink.step()
    assert sent(other, box, topics.DOWN_ACCOUNTS) == []
    assert sent(one, box, topics.DOWN_ACCOUNTS)

    caught_up(desk, one, box)
    rules = sites.Site(id=SITE, timezone="Europe/Berlin")
    other.hub.writer.run(lambda tx: sites.change_site(tx, rules))
    assert sent(other, box, topics.DOWN_CONFIG) == []  # it gives the number, and sends nothing
    assert sent(one, box, topics.DOWN_CONFIG)


def test_a_word_makes_it_quick(desk, boxes, sides):
    one, other = sides
    shared(sides)
    box = boxes[min(one.serves())]
    box.boot()
    one.send(box, topics.UP_JOURNAL, box.batch(1, 1))
    reach(one, box)
    sent(one, box, topics.DOWN_ACCOUNTS)
    heard: list[frozenset] = []
    missed: list[int] = []
    one.hub.gossip.listen(heard.append, lambda: missed.append(1))
    for side in sides:
        side.hub.gossip.start()
    wait_for("both listen", lambda: missed, 10)

    other.hub.writer.run(lambda tx: cards.block_card(tx, "crd_ann"))

    assert wait_for("the word", lambda: heard, 10)
    assert ("card_list", "") in heard[0]
    assert all(not id_ for kind, id_ in heard[0] if kind == "account")
    one.hub.downlink.step()
    assert [m.topic for m in one.cable.sent if m.topic == box.topic(topics.DOWN_ACCOUNTS)]


def test_a_command_beside_running_hubs_tells_them_at_its_end(desk, sides, database):
    one, _ = sides
    heard: list[frozenset] = []
    missed: list[int] = []
    one.hub.gossip.listen(heard.append, lambda: missed.append(1))
    one.hub.gossip.start()
    wait_for("it listens", lambda: missed, 10)

    command = build_hub(HubConfig(data=desk.hub.config.data, database=database), link=Cable())
    command.writer.start()
    command.writer.run(lambda tx: cards.block_card(tx, "crd_ann"))
    command.close()

    assert wait_for("the word", lambda: heard, 10)
    assert ("account", "ann") in heard[0]  # nobody else looks after its rights


def test_with_other_keys_a_hub_does_not_start_on_the_database(desk, tmp_path, database):
    (tmp_path / "thief").mkdir()
    entropy = counting_entropy()
    for _ in range(10):
        entropy(32)
    make_keys(tmp_path / "thief", entropy)

    with pytest.raises(ConfigError, match=r"hub\.seed|card\.salt"):
        build_hub(HubConfig(data=tmp_path / "thief", database=database), link=Cable())

    noted = dict(desk.rows("SELECT name, value FROM settings"))
    assert fingerprints(desk.hub.keys).items() <= noted.items()
