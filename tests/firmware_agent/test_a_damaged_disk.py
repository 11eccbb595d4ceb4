"""A real start on a damaged disk: refuse, say why, keep what is sound, send up to the break.

Each page of a controller's database is torn, emptied and spoilt in turn. Whatever is hit,
the agent goes on only when everything is as it was; otherwise it authorises nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from operator import le

import pytest
from quick_disk import quick_folder
from witnessed_agent import ReturnedRig, hub_as_it_is, look

from firmware_agent.commands.journal import list_events, verify
from firmware_agent.commands.run import run
from firmware_agent.commands.status import status
from firmware_agent.errors import StoreCorrupt
from firmware_agent.identity import save_identity
from firmware_agent.store import DATABASE_NAME
from simulator.disk.damage import DAMAGES, PAGE_BYTES, damage_page, mix_page, page_count
from simulator.disk.platter import write_files
from tests.firmware_agent.rig import BERT, NAME, TOML, Hub, Rig, entry, identity
from wire import chain
from wire.errors import Code
from wire.events import SessionEnded, SessionStarted
from wire.machines import Policy

WAL_NAME = f"{DATABASE_NAME}-wal"
FRAME_BYTES = PAGE_BYTES + 24
UNSENT = 4
"""Events, at least, that only the controller has."""


@dataclass(frozen=True, slots=True)
class Life:
    """A controller that was cut off while a session ran.

    Attributes:
        files: As they lie on the disk while it runs, by name.
        moved: The same, once the WAL is moved into the database.
        older: The database some sessions before.
        rows: The whole journal.
        hub: Knows the journal but for its end.
    """

    files: dict[str, bytes]
    moved: bytes
    older: bytes
    rows: list[bytes]
    hub: Hub


def live() -> Life:
    with quick_folder() as folder:
        rig = Rig(folder)
        rig.hub.wallets = {"anna": 20_000}
        rig.configure(policy=Policy(checkpoint_ms=5_000))
        rig.cards(entry(), entry(BERT, "bert", floor_minor=0))
        rig.run(2_000)
        for _ in range(6):
            rig.tap("front")
            rig.run(15_000)
        rig.agent._wires.records.store.close()
        older = (folder / DATABASE_NAME).read_bytes()
        rig.restart()
        rig.tap("front")
        rig.run(12_000)
        rig.tap("front")
        rig.run(2_000)
        rig.link.wanted = False
        rig.tap("front")
        rig.run(45_000)
        names = (DATABASE_NAME, WAL_NAME)
        files = {name: (folder / name).read_bytes() for name in names}
        hub = hub_as_it_is(rig.hub)
        rows = [row.data for row in rig.agent._wires.records.journal.walk(0)]
        rig.agent._wires.records.store.close()
        moved = (folder / DATABASE_NAME).read_bytes()
        for output in rig.parts.outputs.values():
            output.set_off()
    assert len(rows) - len(hub.events) >= UNSENT
    return Life(files, moved, older, rows, hub)


@pytest.fixture(scope="module")
def life() -> Life:
    return live()


@contextmanager
def start(files, hub):
    """A real agent on these files; it was switched off at once."""
    with quick_folder() as folder:
        write_files(files, folder)
        rig = ReturnedRig(folder, hub)
        try:
            yield rig
        finally:
            rig.agent.close()


def refuses(rig) -> bool:
    """Whether a tap switches nothing on, and the display says so."""
    rig.tap("front")
    rig.tap("back")
    assert not any(output.is_on for output in rig.parts.outputs.values())
    rig.run(2_000)
    return not any(output.is_on for output in rig.parts.outputs.values())


def outcome(life: Life, database: bytes) -> str:
    """How a start on a damaged database went; every way is checked for harm."""
    try:
        with start({DATABASE_NAME: database}, life.hub) as rig:
            alarm = rig.agent.state.alarm
            rig.run(3_000)
            sent = rig.hub.events
            if alarm is None:
                assert sent[: len(life.rows)] == life.rows
                return "goes on" if rig.agent.state.config_version else "waits for settings"
            assert alarm.code is Code.JOURNAL_CORRUPT
            assert sent == life.rows[: len(sent)], "nothing but what was journalled is sent"
            assert len(sent) >= len(life.hub.events)
            assert refuses(rig)
            assert "Nothing is authorised" in rig.hub.views[-1].alarm
            return "refuses and sends" if sent != life.hub.events else "refuses"
    except StoreCorrupt:
        return "doesn't start"


def is_as_it_was(life: Life, database: bytes) -> bool:
    """Whether everything that is stored reads as in the sound file."""
    with quick_folder() as one, quick_folder() as other:
        write_files({DATABASE_NAME: database}, one)
        write_files({DATABASE_NAME: life.moved}, other)
        return look(one) == look(other)


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damaged_page_is_taken_for_a_sound_one(life, damage):
    chance, seen = random.Random(damage), Counter()
    for page in range(page_count(life.moved)):
        damaged = damage_page(life.moved, page, damage, chance)
        if damaged != life.moved:
            found = outcome(life, damaged)
            assert found != "goes on" or is_as_it_was(life, damaged), f"page {page}"
            seen[found] += 1

    assert seen["refuses and sends"] > seen["doesn't start"], seen


def test_a_page_that_was_half_written_is_found(life):
    older = life.older + bytes(len(life.moved) - len(life.older))
    seen = Counter()
    for page in range(page_count(life.older)):
        for sectors in (1, 4, 7):
            mixed = mix_page(life.moved, older, page, sectors)
            if mixed != life.moved:
                found = outcome(life, mixed)
                assert found != "goes on" or knows_no_more(life, mixed), f"page {page}"
                seen[found] += 1

    assert seen["refuses and sends"], seen


def knows_no_more(life: Life, database: bytes) -> bool:
    """Whether no fact differs, and no revision runs ahead: the hub sends older ones again."""
    with quick_folder() as one, quick_folder() as other:
        write_files({DATABASE_NAME: database}, one)
        write_files({DATABASE_NAME: life.moved}, other)
        found, sound = look(one), look(other)
    same = [(one.hashes, one.started, one.commands) for one in (found, sound)]
    return same[0] == same[1] and all(map(le, found.revisions, sound.revisions))


def page_of(content: bytes, digest: str) -> int:
    """Page of the journal that holds the event with this hash."""
    return content.index(bytes.fromhex(digest)) // PAGE_BYTES


def test_what_lies_before_a_lost_page_of_the_journal_still_goes_up(life):
    hashes = expected_hashes(life)
    last = page_of(life.moved, hashes[-1])
    sound = next(n for n, digest in enumerate(hashes[1:]) if page_of(life.moved, digest) == last)
    assert len(life.hub.events) < sound, "make the time without network longer"
    damaged = damage_page(life.moved, last, "zeroed", random.Random(1))
    with start({DATABASE_NAME: damaged}, life.hub) as rig:
        assert rig.agent.state.alarm.code is Code.JOURNAL_CORRUPT
        rig.run(5_000)
        assert rig.hub.events == life.rows[:sound]


@pytest.mark.parametrize("pages", [1, 2, 5])
def test_a_database_that_lost_its_tail_is_found(life, pages):
    shorter = life.moved[: -pages * PAGE_BYTES]

    assert outcome(life, shorter) in {"refuses", "refuses and sends", "doesn't start"}


def test_a_log_that_lost_what_the_hub_has_booked_authorises_nothing(life):
    """Commits at the end of the WAL are gone; the hub had acknowledged events in them."""
    known = hub_as_it_is(life.hub)
    known.events, known.head = (
        list(life.rows),
        chain.head(chain.origin(NAME, known.epoch), life.rows),
    )
    with start(shortened(life), known) as rig:
        assert rig.agent.state.alarm is None, "alone it can't be known"
        rig.run(2_000)
        assert rig.agent.state.alarm.code is Code.JOURNAL_FORK
        assert refuses(rig)


def test_a_log_that_lost_what_nobody_knows_goes_on_from_before(life):
    known = hub_as_it_is(life.hub)
    with start(shortened(life), known) as rig:
        rig.run(5_000)
        assert rig.agent.state.alarm is None
        rows = [row.data for row in rig.agent._wires.records.journal.walk(0)]
        assert rig.hub.events == rows
        assert rows[: len(known.events)] == known.events
        started = [event.session for event in rig.kinds(SessionStarted)]
        assert [event.session for event in rig.kinds(SessionEnded)] == started


def shortened(life: Life) -> dict[str, bytes]:
    """The files without the last commits, but with all that the hub has."""
    log = life.files[WAL_NAME]
    at = log.rindex(life.rows[-2]) // FRAME_BYTES * FRAME_BYTES
    return {DATABASE_NAME: life.files[DATABASE_NAME], WAL_NAME: log[:at]}


def test_a_spoilt_page_of_the_log_ends_it_there(life):
    log = life.files[WAL_NAME]
    for at in range(0, len(log), PAGE_BYTES * 3):
        spoilt = log[:at] + random.Random(at).randbytes(512) + log[at + 512 :]
        files = {DATABASE_NAME: life.files[DATABASE_NAME], WAL_NAME: spoilt}
        with quick_folder() as folder:
            write_files(files, folder)
            found = look(folder)
        assert not found.complaint
        hashes = [found.hashes[seq] for seq in sorted(found.hashes)]
        assert hashes == expected_hashes(life)[: len(hashes)]


def expected_hashes(life: Life) -> list[str]:
    digest = chain.origin(NAME, life.hub.epoch)
    hashes = [digest.hex()]
    for row in life.rows:
        digest = chain.link(digest, row)
        hashes.append(digest.hex())
    return hashes


def test_an_older_database_under_a_newer_log_is_no_way_back(life):
    """Someone copies agent.db back and leaves the WAL of another time beside it."""
    files = {DATABASE_NAME: life.older, WAL_NAME: life.files[WAL_NAME]}
    try:
        with start(files, life.hub) as rig:
            rig.run(3_000)
            if rig.agent.state.alarm is None:
                rows = [row.data for row in rig.agent._wires.records.journal.walk(0)]
                assert rows[: len(life.rows)] == life.rows
            else:
                assert refuses(rig)
            assert rig.hub.events[: len(life.hub.events)] == life.hub.events
    except StoreCorrupt:
        pass


def test_an_older_disk_authorises_nothing_once_the_hub_is_heard(life):
    with start({DATABASE_NAME: life.older}, life.hub) as rig:
        rig.run(2_000)
        assert rig.agent.state.alarm.code is Code.JOURNAL_FORK
        assert refuses(rig)
        assert rig.hub.events == life.hub.events, "nothing was merged"


def test_commands_say_what_is_damaged_in_words(life, tmp_path, capsys):
    config = tmp_path / "agent.toml"
    config.write_text(TOML.format(folder=tmp_path / "data"))
    for page in range(page_count(life.moved)):
        for damage in ("zeroed", "end zeroed"):
            damaged = damage_page(life.moved, page, damage, random.Random(1))
            write_files({DATABASE_NAME: damaged}, tmp_path / "data")
            save_identity(tmp_path / "data", identity())
            assert status(config, as_json=False) in {0, 1}
            assert verify(config) in {0, 1}
            assert list_events(config, 0, 100, as_json=False) in {0, 1}
    assert "damaged" in capsys.readouterr().err


def test_a_start_that_is_refused_says_why_and_what_to_do(life, tmp_path, capsys):
    config = tmp_path / "agent.toml"
    config.write_text(TOML.format(folder=tmp_path / "data"))
    damaged = damage_page(life.moved, 0, "zeroed", random.Random(1))
    write_files({DATABASE_NAME: damaged}, tmp_path / "data")
    save_identity(tmp_path / "data", identity())

    assert run(config) == 1
    said = capsys.readouterr().err
    assert "damaged" in said
    assert "call the operator" in said
    assert "code 302" in said
