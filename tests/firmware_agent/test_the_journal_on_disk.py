"""What is on disk: chained, folded, checked at a start, and never half written."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from firmware_agent.core.effects import Append
from firmware_agent.errors import StoreCorrupt, StoreError, StoreUnwritable
from firmware_agent.journal import PRUNE_ROWS, ROWS_KEPT
from firmware_agent.records import Records
from firmware_agent.recovery import check
from firmware_agent.store import Store, open_read_only
from tests.firmware_agent.rig import MACHINES, Rig, entry
from wire import chain
from wire.errors import Code
from wire.events import (
    Boot,
    ClockState,
    Ended,
    Released,
    SessionEnded,
    SessionProgress,
    SessionStarted,
    Stamp,
    Totals,
)

AT = Stamp(wall_ms=1, mono_ms=1, boot_id="b", clock=ClockState.STALE)


def test_a_power_cut_is_settled_by_the_last_checkpoint(rig):
    rig.tap("front")
    rig.run(65_000)
    (*_, checkpoint) = rig.kinds(SessionProgress)
    rig.restart()

    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.POWER_LOST
    assert ended.charge_minor == checkpoint.charge_minor == 10
    assert ended.ended == checkpoint.at
    assert [event.settled for event in rig.kinds(Boot)] == [0, 1]
    assert not rig.is_on("laser")
    assert rig.state("laser") == "free"


def test_a_power_cut_before_any_checkpoint_costs_nothing(rig):
    rig.tap("front")
    rig.run(2_000)
    rig.restart()

    assert rig.kinds(SessionEnded)[0].charge_minor == 0
    assert rig.kinds(Released)[0].amount_minor == 500


def test_a_cycle_that_ran_is_owed_after_a_power_cut(rig):
    rig.tap("back")
    rig.feedback("washer", active=True)
    rig.run(5_000)
    rig.restart()

    assert rig.kinds(SessionEnded)[0].charge_minor == 250


def test_a_cycle_that_never_confirmed_is_not(rig):
    rig.tap("back")
    rig.run(1_000)
    rig.restart()

    assert rig.kinds(SessionEnded)[0].charge_minor == 0


def test_what_was_settled_after_a_power_cut_reaches_the_hub(rig):
    rig.tap("front")
    rig.run(30_000)
    rig.restart()
    rig.run(5_000)

    assert rig.hub.events == [row.data for row in rig.agent._wires.records.journal.walk(0)]


def test_a_shutdown_settles_and_switches_off(rig):
    rig.tap("front")
    rig.run(60_000)
    rig.agent.close()

    assert not rig.is_on("laser")
    (ended,) = rig.kinds(SessionEnded)
    assert (ended.reason, ended.charge_minor) == (Ended.SHUTDOWN, 10)
    assert len(rig.hub.events) == len(rig.journal())


def damage(rig, sql, *values):
    rig.agent._wires.records.store.close()
    with sqlite3.connect(rig.database) as connection:
        connection.execute(sql, values)
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET data = CAST(replace(data, 'laser', 'lazer') AS BLOB)",
        "DELETE FROM journal WHERE seq = 3",
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE rights SET spent = spent - 1 WHERE account = 'anna'",
        "UPDATE base_totals SET spent = 1",
    ],
)
def test_what_was_changed_in_the_file_is_found_at_the_start(rig, sql):
    rig.tap("front")
    rig.run(60_000)
    rig.tap("front")
    rig.run(5_000)
    damage(rig, "INSERT INTO base_totals VALUES ('carl', 0, 0, 0, 0)")
    damage(rig, sql)
    rig.restart()

    assert rig.agent.state.alarm.code is Code.JOURNAL_CORRUPT
    rig.tap("front")
    assert not rig.is_on("laser")
    assert rig.lines("laser") == ("Out of order", "Storage: call staff")
    rig.run(1_000)
    assert "call the operator" in rig.hub.views[-1].alarm


def test_a_flipped_byte_in_the_middle_of_the_file_is_found(rig):
    rig.tap("front")
    rig.run(60_000)
    rig.agent._wires.records.store.close()
    with sqlite3.connect(rig.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    raw = bytearray(rig.database.read_bytes())
    place = raw.index(b'"session_started"')
    raw[place + 3] ^= 1
    rig.database.write_bytes(raw)
    rig.restart()

    assert rig.agent.state.alarm.code is Code.JOURNAL_CORRUPT


def test_events_before_a_break_still_go_up(rig):
    rig.hub.acks = False
    rig.link.wanted = False
    rig.tap("front")
    rig.run(60_000)
    last = len(rig.journal())
    damage(rig, "UPDATE journal SET data = x'00' WHERE seq = ?", last)
    rig.hub.acks = rig.link.wanted = True
    rig.restart()
    rig.run(5_000)

    assert len(rig.hub.events) == last - 1


def test_a_restored_older_copy_is_noticed(rig, tmp_path):
    rig.agent._wires.records.store.close()
    shutil.copy(rig.database, tmp_path / "copy.db")
    rig.restart()
    rig.tap("front")
    rig.run(60_000)
    rig.tap("front")
    rig.run(5_000)
    rig.agent._wires.records.store.close()
    for name in ("agent.db-wal", "agent.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", rig.database)
    rig.restart()
    rig.run(2_000)

    assert rig.agent.state.alarm.code is Code.JOURNAL_FORK
    rig.tap("front")
    assert not rig.is_on("laser")


def test_a_full_disk_stops_everything_and_says_so(tmp_path):
    rig = Rig(tmp_path, extra="journal_bytes_max = 1048576\n")
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry())
    rig.run(1_000)
    rig.tap("front")
    rig.run(5_000)
    fill_up(rig)
    rig.run(180_000)

    assert rig.agent.state.alarm.code is Code.JOURNAL_UNWRITABLE
    assert not rig.is_on("laser")
    assert rig.hub.views[-1].alarm
    rig.tap("back")
    assert not rig.is_on("washer")

    rig.configure(machines=MACHINES[:1])
    assert rig.agent.state.config_version == 1
    make_room(rig)
    rig.run(10_000)

    assert rig.agent.state.alarm is None
    assert rig.agent.state.config_version == 2, "taken when it could be kept"
    (ended,) = rig.kinds(SessionEnded)
    assert ended.reason is Ended.FAULT
    rig.tap("front")
    assert rig.is_on("laser")
    rig.agent.close()


def fill_up(rig):
    store = rig.agent._wires.records.store
    size = 100_000
    while size > 100:
        try:
            with store.transaction() as sql:
                sql.execute(
                    "INSERT INTO documents VALUES (hex(randomblob(8)), zeroblob(?))", (size,)
                )
        except StoreUnwritable:
            size //= 2


def make_room(rig):
    with rig.agent._wires.records.store.transaction() as sql:
        sql.execute("DELETE FROM documents WHERE length(name) = 16")


def test_a_start_with_a_full_disk_settles_later(tmp_path):
    rig = Rig(tmp_path, extra="journal_bytes_max = 1048576\n")
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry())
    rig.run(1_000)
    rig.tap("front")
    rig.run(15_000)
    fill_up(rig)
    rig.run(180_000)
    rig.restart()
    rig.run(3_000)
    assert rig.agent.state.alarm.code is Code.JOURNAL_UNWRITABLE
    assert not rig.kinds(SessionEnded)
    make_room(rig)
    rig.run(10_000)

    assert rig.kinds(SessionEnded)[0].reason is Ended.POWER_LOST
    rig.agent.close()


def test_little_room_authorises_nothing_new_but_lets_what_runs_end(rig):
    rig.tap("front")
    chores = rig.agent.runtime._chores
    chores._free_bytes = lambda: 1 << 20
    rig.run(61_000)
    assert rig.is_on("laser")
    rig.tap("back")
    assert not rig.is_on("washer")
    rig.tap("front")
    rig.run(2_000)
    assert rig.kinds(SessionEnded)[0].reason is Ended.TAP
    chores._free_bytes = lambda: 1 << 40
    rig.run(61_000)

    assert rig.agent.state.alarm is None


def test_only_one_agent_uses_a_folder(rig):
    with pytest.raises(StoreError, match="another agent"):
        Store(rig.folder, 1 << 30)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "agent.db").write_bytes(b"not a database" * 1_000)

    with pytest.raises(StoreCorrupt):
        Store(tmp_path, 1 << 30)


def test_a_journal_of_another_controller_is_not_taken(rig):
    with pytest.raises(StoreCorrupt, match="is of laundry-1"):
        Records(rig.agent._wires.records.store, "someone-else")


def test_a_commit_is_all_or_nothing(rig):
    records = rig.agent._wires.records
    head = records.journal.head_seq
    event = Boot(seq=head + 1, at=AT, version="x")

    def fail(_):
        raise StoreUnwritable("now")

    with pytest.raises(StoreUnwritable):
        records.commit((Append(event),), fail)
    assert records.journal.head_seq == head
    records.commit((Append(event),))

    assert records.journal.head_seq == head + 1
    assert check(records) == (None, head + 1)


def released(seq, total):
    totals = Totals(released=total)
    return Released(seq=seq, at=AT, account="anna", amount_minor=1, totals=totals)


def test_acknowledged_rows_are_pruned_and_the_totals_stay(tmp_path):
    store = Store(tmp_path, 1 << 30)
    records = Records(store, "c")
    records.journal.begin("e")
    count = ROWS_KEPT + 3 * PRUNE_ROWS
    records.commit(tuple(Append(released(seq, seq)) for seq in range(1, count + 1)))
    assert records.journal.prune() == 0
    records.journal.acknowledge(count - 10, 0)
    while records.journal.prune():
        pass
    store.close()

    store = Store(tmp_path, 1 << 30)
    records = Records(store, "c")
    (rows,) = store.query("SELECT COUNT(*), MIN(seq) FROM journal")
    assert rows[0] == ROWS_KEPT
    assert records.journal.base_seq == rows[1] - 1
    assert records.accounts.load("anna").released_minor == count
    assert check(records) == (None, count)
    store.close()


def test_the_chain_is_the_wires(rig):
    rows = list(rig.agent._wires.records.journal.walk(0))
    digest = chain.origin("laundry-1", rig.agent.state.epoch)
    for row in rows:
        digest = chain.link(digest, row.data)
        assert digest == row.hash

    assert rows
    assert isinstance(rig.journal()[0], Boot)
    with open_read_only(rig.folder) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM journal")


def test_every_started_session_ends_exactly_once(rig):
    for _ in range(3):
        rig.tap("front")
        rig.run(12_000)
        rig.restart()

    started = [event.session for event in rig.kinds(SessionStarted)]
    assert [event.session for event in rig.kinds(SessionEnded)] == started
