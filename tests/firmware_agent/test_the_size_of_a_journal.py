"""The database never outgrows its limit, and comes back by itself from having reached it."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from quick_disk import quick_folder

from firmware_agent.core.effects import Append
from firmware_agent.errors import StoreUnwritable
from firmware_agent.journal import CHECK_ROWS_MAX, ROWS_KEPT_TIGHT
from firmware_agent.records import Records
from firmware_agent.recovery import check
from firmware_agent.store import DATABASE_NAME, WAL_BYTES_MAX, Store
from tests.firmware_agent.rig import NAME, Rig, entry
from wire.errors import Code
from wire.events import ClockState, Ended, SessionEnded, Stamp, Totals
from wire.machines import Policy
from wire.usage import NOTHING

AT = Stamp(
    wall_ms=1_700_000_000_000, mono_ms=10**9, boot_id="boot_" + "0" * 26, clock=ClockState.RTC
)
WAITING = 20_000
"""Events while there is no network: two weeks of a busy laundry."""
BYTES_MAX = 32 << 20
"""What they may take here: 1.6 KB each, when the largest kind is below 1 KB."""
PER_COMMIT = 20
CHORES_EVERY = 500
MEGABYTE = 1 << 20
PAGES_LEFT = 30


def ended(seq: int) -> SessionEnded:
    """An event of the largest kind that is usual."""
    return SessionEnded(
        seq=seq,
        at=AT,
        session=f"ses_{seq:026}",
        machine="laser",
        account=f"acc_{seq % 500:026}",
        card="c" * 43,
        tariff="minute",
        tariff_version=1,
        started=AT,
        ended=AT,
        reason=Ended.TAP,
        usage=NOTHING,
        charge_minor=100,
        backed_minor=100,
        totals=Totals(spent=seq),
    )


def sizes(folder) -> tuple[int, int]:
    """Bytes of the database and of its WAL."""
    log = folder / f"{DATABASE_NAME}-wal"
    return (folder / DATABASE_NAME).stat().st_size, log.stat().st_size


def test_two_weeks_of_waiting_events_stay_below_the_limit():
    with quick_folder() as folder:
        with closing(Store(folder, BYTES_MAX)) as store:
            records = Records(store, NAME)
            records.journal.begin("epoch")
            logs = []
            for first in range(1, WAITING + 1, PER_COMMIT):
                records.commit([Append(ended(seq)) for seq in range(first, first + PER_COMMIT)])
                if first % CHORES_EVERY == 1:
                    assert records.journal.prune(is_tight=store.is_tight()) == 0
                    store.checkpoint()
                    logs.append(sizes(folder)[1])
            size, _ = sizes(folder)
            assert not store.is_tight()

        assert size < BYTES_MAX
        assert max(logs) <= WAL_BYTES_MAX + MEGABYTE
        with closing(Store(folder, BYTES_MAX)) as store:
            records = Records(store, NAME)
            assert check(records) == (None, WAITING)
            assert records.journal.head_seq - records.journal.base_seq <= CHECK_ROWS_MAX
            assert store.query("SELECT COUNT(*) FROM journal") == [(WAITING,)], "all still wait"


@pytest.mark.parametrize("bytes_max", [MEGABYTE, 4 * MEGABYTE])
def test_a_full_journal_is_no_larger_and_is_used_again_once_acknowledged(bytes_max):
    with quick_folder() as folder, closing(Store(folder, bytes_max)) as store:
        records = Records(store, NAME)
        records.journal.begin("epoch")
        for _ in range(3):
            fill(records)
            assert sizes(folder)[0] <= bytes_max
            assert store.is_tight()
            head, acked = records.journal.head_seq, records.journal.acked_seq
            while records.journal.prune(is_tight=True):
                pass
            assert len(records.journal.rows(acked + 1, head)) == head - acked, "all still wait"
            records.journal.acknowledge(head, 0)
            while records.journal.prune(is_tight=store.is_tight()):
                pass
            assert not store.is_tight()
            assert check(records) == (None, head)
            assert records.journal.rows(head - ROWS_KEPT_TIGHT + 1, 1)
            store.probe()
        assert sizes(folder)[0] <= bytes_max


def fill(records: Records) -> None:
    with suppress(StoreUnwritable):
        while True:
            first = records.journal.head_seq + 1
            records.commit([Append(ended(seq)) for seq in range(first, first + PER_COMMIT)])


@pytest.fixture
def small():
    """A controller with the smallest journal that may be configured, and without network."""
    with quick_folder() as folder:
        rig = Rig(folder, extra=f"journal_bytes_max = {MEGABYTE}\n")
        rig.hub.wallets = {"anna": 10**7}
        rig.hub.floor_minor = 10**6
        rig.configure(policy=Policy(checkpoint_ms=1_000))
        rig.cards(entry(floor_minor=10**6))
        rig.run(2_000)
        yield rig
        rig.agent.close()


def test_a_controller_works_again_once_the_hub_has_a_full_journal(small):
    small.link.wanted = False
    records = small.agent._wires.records
    leave_little_room(small)
    small.tap("front")
    while small.agent.state.alarm is None:
        small.run(30_000)
    assert small.agent.state.alarm.code is Code.JOURNAL_UNWRITABLE
    assert not small.is_on("laser")
    small.link.wanted = True
    small.run(90_000)

    assert small.agent.state.alarm is None
    assert len(small.hub.events) == records.journal.head_seq
    small.tap("front")
    assert small.is_on("laser")


def leave_little_room(rig) -> None:
    """Leave room for a minute or two of a running session."""
    store = rig.agent._wires.records.store
    pages = store.query("PRAGMA max_page_count")[0][0] - store.query("PRAGMA page_count")[0][0]
    size = (pages - PAGES_LEFT) * 4_000
    with store.transaction() as sql:
        sql.execute("INSERT INTO documents VALUES ('ballast', zeroblob(?))", (size,))
