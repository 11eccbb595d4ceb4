"""The power of a controller goes at any write, and takes any unsynced sector with it.

A real agent works on a disk that notes what SQLite writes and syncs. Then the disk is
made as it would be had the power gone after each step, and the agent opens it again.
STANDPIPE_POWER_CUT_IMAGES says how many disks are drawn per step, and …_SEED which; with
one, sectors are scattered after some of the steps only.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest
from cuts import Cut, Looks, continued, plain_cuts, scattered_cuts
from quick_disk import quick_folder
from witnessed_agent import (
    Committed,
    Promises,
    ReturnedRig,
    Sent,
    SwitchedOn,
    look,
    witnessed,
)

from simulator.disk.loss import Torn
from simulator.disk.platter import write_files
from simulator.disk.steps import Deleted, Synced, Tape, Truncated, Written
from tests.firmware_agent.rig import BERT, MACHINES, code, entry
from wire.downlink import Action
from wire.events import Boot, CodeRedeemed, SessionEnded, SessionStarted

LOCK = "cmd_1"
STARTS = 16
"""Whole agents started on what a cut left; a store is opened on far more."""
RECOVERIES = 2
"""Starts after a cut that are themselves cut after each step."""
EARLY = 12
"""Steps of a start in which it could harm what it found."""


def live(rig) -> None:
    """A busy hour: sessions, a want, a cycle, a code, a command, time without network."""
    rig.hub.wallets = {"anna": 2_000}
    rig.configure()
    rig.cards(entry(), entry(BERT, "bert", floor_minor=0))
    rig.run(2_000)
    rig.tap("front")
    rig.run(35_000)
    rig.type_code("laser", code(1))
    rig.tap("back")
    rig.feedback("washer", active=True)
    rig.tap("front")
    rig.run(5_000)
    rig.deliver(lock(rig))
    rig.run(1_000)
    rig.link.wanted = False
    rig.tap("front")
    rig.run(35_000)
    rig.feedback("washer", active=False)
    rig.configure(machines=MACHINES[:3])
    rig.tap("front")
    rig.link.wanted = True
    rig.run(5_000)


def lock(rig):
    return rig.hub.command(id=LOCK, action=Action.LOCK, machine="socket-1")


def tape_of(synchronous: str) -> Tape:
    with quick_folder() as folder, witnessed(folder, synchronous) as (tape, rig):
        live(rig)
    return tape


@pytest.fixture(scope="module")
def tape() -> Tape:
    """An hour on a disk that is synced at each commit, as it is in use."""
    return tape_of("FULL")


@pytest.fixture(scope="module")
def lazy_tape() -> Tape:
    """The same hour on a disk that is synced only when the WAL is moved."""
    return tape_of("NORMAL")


def broken(tape: Tape, cuts, under_way: int = 1) -> list[str]:
    """What those cuts broke, in words."""
    promises, looks = Promises(tape), Looks(look)
    return [
        f"after {cut.count} steps, {cut.loss}: {words}"
        for cut in cuts
        for words in promises.broken(looks.at(cut), cut.count, under_way)
    ]


def test_the_hour_has_all_that_can_be_cut(tape):
    kinds = Counter(type(step) for step in tape.steps)
    said = Counter(type(said) for _, said in tape.promises)

    assert kinds[Written] > 200
    assert kinds[Synced] >= said[Committed] > 25
    assert said[Sent] > 10
    assert said[SwitchedOn] == 3
    assert {Truncated, Deleted} < set(kinds)
    moved = [step for step in tape.steps if isinstance(step, Written) and not step.number]
    assert len(moved) > 10, "the WAL was moved into the database while it was in use"


def test_a_cut_at_any_write_breaks_no_promise(tape):
    assert not broken(tape, plain_cuts(tape))


def test_sectors_lost_in_any_order_and_torn_break_no_promise(tape):
    assert not broken(tape, scattered_cuts(tape, (Torn.WHOLE, Torn.HALF), every=4))


def test_a_spoilt_sector_holds_nothing_that_was_promised(tape):
    assert not broken(tape, scattered_cuts(tape, (Torn.SPOILT,), every=4))


def test_without_a_sync_at_each_commit_promises_are_broken(lazy_tape):
    found = broken(lazy_tape, scattered_cuts(lazy_tape, (Torn.WHOLE,), every=6))

    assert any("commit" in words for words in found)
    assert any("was sent and isn't there" in words for words in found)
    assert any("ran without a session" in words for words in found)
    assert not any("sound" in words or "opened" in words for words in found)


def starts(tape: Tape):
    cuts = list(scattered_cuts(tape))
    first = next(at for at, said in tape.promises if isinstance(said, Sent))
    cuts = [cut for cut in cuts if cut.count >= first]
    return cuts[:: max(1, len(cuts) // STARTS)]


def hub_at(tape: Tape, count: int):
    """The hub as it was when the power went."""
    return [said.hub for at, said in tape.promises if isinstance(said, Sent) and at <= count][-1]


def test_an_agent_goes_on_after_a_cut_and_repeats_nothing(tape):
    for cut in starts(tape):
        with quick_folder() as folder, ExitStack() as stack:
            write_files(cut.files, folder)
            rig = ReturnedRig(folder, hub_at(tape, cut.count))
            stack.callback(rig.agent.close)
            assert rig.agent.state.alarm is None, cut
            assert not any(output.is_on for output in rig.parts.outputs.values())
            rig.run(5_000)
            rows = [row.data for row in rig.agent._wires.records.journal.walk(0)]
            assert rig.hub.events == rows
            started = [event.session for event in rig.kinds(SessionStarted)]
            ended = [event.session for event in rig.kinds(SessionEnded)]
            assert sorted(ended) == sorted(started)
            assert len(set(ended)) == len(ended)
            assert rig.kinds(Boot)[-1].previous_seq == rig.kinds(Boot)[-1].seq - 1
            obeys_once(rig)
            takes_code_once(rig)


def obeys_once(rig) -> None:
    """What was answered before the cut is answered again, and not done again."""
    was_answered = any(result.id == LOCK for result in rig.hub.results)
    unlock = rig.hub.command(id="cmd_2", action=Action.UNLOCK, machine="socket-1")
    rig.deliver(unlock)
    rig.deliver(lock(rig))
    if was_answered:
        assert "socket-1" not in rig.agent._wires.records.locked_machines()


def takes_code_once(rig) -> None:
    """A code typed before the cut was taken then, or is taken now that a session runs."""
    rig.tap("front")
    runs = rig.is_on("laser")
    rig.type_code("laser", code(1))
    assert len(rig.kinds(CodeRedeemed)) == runs


def test_a_cut_while_a_start_settles_the_last_cut_breaks_nothing(tape):
    for cut in starts(tape)[:: STARTS // RECOVERIES]:
        second = started_on(tape, cut)
        assert not broken(second, [*plain_cuts(second), *scattered_cuts(second, every=2)])


def test_a_commit_that_a_start_finds_is_not_lost_by_what_it_writes_first(tape, commits_under_way):
    """The power went between a commit's last page and its sync: it may be there, or not."""
    for cut in commits_under_way:
        second = started_on(tape, cut)
        early = scattered_cuts(second, (Torn.SPOILT,))
        assert not broken(second, [again for again in early if again.count <= EARLY])


@pytest.fixture(scope="module")
def commits_under_way(tape) -> list[Cut]:
    """Cuts that left a commit which hadn't returned."""
    done = [(at, said.digest) for at, said in tape.promises if isinstance(said, Committed)]
    looks = Looks(look)
    found = []
    for cut in plain_cuts(tape):
        coming = [digest for at, digest in done if at > cut.count][:1]
        if cut.count > tape.promises[0][0] and [looks.at(cut).digest] == coming:
            found.append(cut)
    return found[:: max(1, len(found) // RECOVERIES)]


def started_on(tape: Tape, cut: Cut) -> Tape:
    """An agent's start on what a cut left; what it finds must stay."""
    with quick_folder() as folder:
        write_files(cut.files, folder)
        was = Looks(look).at(cut).digest
        sent = [at for at, said in tape.promises if isinstance(said, Sent)]
        hub = hub_at(tape, cut.count) if cut.count >= sent[0] else None
        with witnessed(folder, hub=hub) as (second, rig):
            rig.run(2_000)
    second.promises.insert(0, (0, Committed(was)))
    return second


def test_a_cut_after_a_kill_takes_nothing_that_was_said_since(tape, commits_under_way):
    """The agent is killed amid a commit and starts again; then the power goes."""
    for cut in commits_under_way:
        second = started_on(tape, cut)
        # What was found is said to nobody before the start's own commit.
        (_, found), (first, _) = second.promises[:2]
        second.promises[0] = (first, found)
        both = continued(tape, cut.count, second)
        later = [again for again in plain_cuts(both) if again.count > cut.count]
        assert not broken(both, later, under_way=2)
