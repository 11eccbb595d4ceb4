"""A month offline on a clock that leaps, then one sync: bounded, and booked once.

`STANDPIPE_MONTH_SESSIONS` says how many sessions there are (50,000 by hand).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from simulator.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from simulator.month.run import MonthResult, run_month

SESSIONS = int(os.environ.get("STANDPIPE_MONTH_SESSIONS", "300"))
MEMORY_KB_MAX = 60 * 1024
"""What a controller may take, from its first start to the end of the sync."""
GROWTH_KB_MAX = 12 * 1024
"""A journal that grows is on disk: what memory gains are caches that fill up, 2 MB for
each of SQLite's connections, and what restarts leave. 50,000 sessions stay below it too."""
DISK_BYTES_PER_SESSION_MAX = 4 * 1024
"""A start, two checkpoints and an end, about a kilobyte each with its hash and its index."""
DISK_BYTES_FIXED = 6 << 20
"""What doesn't grow with sessions: the WAL, cards, the database's own pages."""
ROWS_KEPT_MAX = 6_000
"""The journal keeps 5,000 acknowledged rows, and prunes a thousand at a time."""
WAL_BYTES_MAX = 5 << 20
log = logging.getLogger("month")


@pytest.fixture(scope="module")
def month(tmp_path_factory) -> MonthResult:
    folder = tmp_path_factory.mktemp("month")
    place = folder / "broker"
    place.mkdir()
    broker = MosquittoBroker(place) if find_mosquitto() else EmbeddedBroker(place)
    broker.start()
    try:
        result = run_month(Path(folder), SESSIONS, broker)
    finally:
        broker.stop()
    log.warning("%s %s", result.month, result.sync)
    return result


def test_every_session_without_network_is_booked_once(month):
    charged = month.journal.charges

    assert len(charged) == month.month.sessions == SESSIONS
    assert month.month.refused == 0
    assert all(minor > 0 for minor in charged.values())
    assert {ref: minor for ref, minor in month.booked.items() if minor} == charged
    assert month.books.revenue_minor == sum(charged.values())
    assert month.books.overrun_minor == 0


def test_the_book_is_right_after_it(month):
    assert month.journal.sound
    assert month.books.conserved
    assert month.faults == ()


def test_memory_doesn_t_grow_with_what_waits(month):
    assert month.month.memory_kb - month.month.warm_memory_kb <= GROWTH_KB_MAX
    assert month.sync.memory_peak_kb <= MEMORY_KB_MAX


def test_the_disk_takes_what_sessions_take_and_no_more(month):
    most = DISK_BYTES_FIXED + SESSIONS * DISK_BYTES_PER_SESSION_MAX

    assert month.month.disk_bytes <= most
    assert month.sync.disk_bytes <= most
    assert month.sync.wal_bytes <= WAL_BYTES_MAX
    assert month.sync.rows_kept <= ROWS_KEPT_MAX
