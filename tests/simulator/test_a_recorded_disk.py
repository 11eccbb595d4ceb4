"""The disk of power cuts: what is recorded is what was done, and a cut leaves what it may."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from quick_disk import quick_folder

from simulator.disk.loss import Everything, Nothing, Scattered, Torn
from simulator.disk.platter import Platter, write_files
from simulator.disk.recorder import recording
from simulator.disk.steps import (
    Created,
    Deleted,
    FolderSynced,
    Synced,
    Tape,
    Truncated,
    Written,
)

OLD, NEW = b"o" * 4_096, b"n" * 4_096
DRAWS = 200


def use(path, *, journal="wal", rows=40) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB) STRICT")
        for number in range(rows):
            connection.execute("INSERT INTO t VALUES (?, zeroblob(900))", (number,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("DELETE FROM t WHERE a > 5")
        connection.execute("VACUUM")


def after(tape: Tape) -> Platter:
    platter = Platter(tape.before)
    for step in tape.steps:
        platter.do(step)
    return platter


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist"])
def test_what_was_recorded_done_again_gives_the_same_files(journal):
    with quick_folder() as folder:
        (folder / "other.txt").write_text("was there before")
        with recording(folder) as tape:
            use(folder / "a.db", journal=journal)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert after(tape).cut(Nothing()) == files
    assert {type(step) for step in tape.steps} >= {Created, Written, Synced, FolderSynced}


def test_files_elsewhere_are_left_alone():
    with quick_folder() as folder, quick_folder() as elsewhere:
        with recording(folder) as tape:
            use(elsewhere / "a.db")
        use(folder / "late.db")

    assert tape.steps == []


def test_a_connection_that_outlives_its_recording_is_a_fault():
    with quick_folder() as folder, closing(sqlite3.connect(":memory:")) as usual:
        left = []
        with pytest.raises(RuntimeError, match="still open"), recording(folder):
            left.append(sqlite3.connect(folder / "a.db"))
        left.pop().close()
        usual.execute("CREATE TABLE t (a)")


def platter_with(*steps) -> Platter:
    platter = Platter({"f": OLD})
    for step in steps:
        platter.do(step)
    return platter


def test_what_was_synced_is_there_and_the_rest_may_be():
    platter = platter_with(Written(0, 0, NEW), Synced(0), Written(0, 4_096, OLD), Truncated(0, 100))

    assert platter.cut(Everything()) == {"f": NEW}
    assert platter.cut(Nothing()) == {"f": NEW[:100]}
    assert not platter.is_settled()


def test_names_come_and_go_in_their_order():
    platter = platter_with(Created("g", 1), Written(1, 0, NEW), Synced(1), Deleted("f"))

    assert platter.cut(Everything()) == {"f": OLD}
    assert platter.cut(Nothing()) == {"g": NEW}
    left = {tuple(platter.cut(Scattered(random.Random(seed)))) for seed in range(DRAWS)}
    assert left == {("f",), ("f", "g"), ("g",)}
    platter.do(FolderSynced())
    assert platter.cut(Everything()) == {"g": NEW}
    assert platter.is_settled()


@pytest.mark.parametrize("sector_bytes", [512, 4_096])
def test_sectors_are_there_or_not_whichever_was_written_first(sector_bytes):
    platter = platter_with(Written(0, 0, NEW), Written(0, 4_096, NEW))
    seen = set()
    for seed in range(DRAWS):
        content = platter.cut(Scattered(random.Random(seed), sector_bytes))["f"]
        sectors = [content[at : at + sector_bytes] for at in range(0, 4_096, sector_bytes)]
        assert all(len(set(sector)) == 1 for sector in sectors)
        seen.add((content[:1], content[4_096:4_097]))

    assert {(b"n", b""), (b"o", b"n"), (b"n", b"n"), (b"o", b"")} <= seen


def test_a_torn_sector_begins_as_written_and_ends_as_it_was():
    platter = platter_with(Written(0, 0, NEW))
    ends = set()
    for seed in range(DRAWS):
        content = platter.cut(Scattered(random.Random(seed), 4_096, Torn.HALF))["f"]
        kept = len(content.rstrip(b"o"))
        assert content == NEW[:kept] + OLD[kept:]
        ends.add(kept)

    assert len(ends) > DRAWS // 2


def test_a_spoilt_sector_takes_its_neighbours_and_no_other_sector():
    platter = platter_with(Written(0, 1_000, b"n"))
    content = platter.cut(Scattered(random.Random(1), 512, Torn.SPOILT))["f"]

    assert content[:512] == OLD[:512]
    assert content[1_024:] == OLD[1_024:]
    assert content[512:1_000] != OLD[512:1_000]


def test_a_folder_holds_the_files_of_a_cut_and_nothing_else():
    with quick_folder() as folder:
        (folder / "left.txt").write_text("from before")
        write_files({"f": NEW}, folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"f": NEW}
