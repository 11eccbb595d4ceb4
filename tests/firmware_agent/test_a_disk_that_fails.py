"""Each write and each sync of a controller fails once: nothing runs on what isn't journalled.

A sync that failed may have kept everything, something or nothing; the agent takes it for
nothing, authorises nothing, and goes on when writing works again.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from quick_disk import quick_folder
from witnessed_agent import ReturnedRig, hub_as_it_is

from firmware_agent.errors import StoreError
from firmware_agent.recovery import check
from simulator.disk.recorder import recording
from simulator.disk.steps import Trouble
from tests.firmware_agent.rig import Hub, Rig, entry
from wire.errors import Code
from wire.events import SessionEnded, SessionStarted
from wire.machines import Policy

EVERY = int(os.environ.get("STANDPIPE_FAILING_STEPS_EVERY", "30"))
"""Each so-manieth step fails in a run of its own; 1: each."""
STEPS_MIN = 100


@pytest.fixture(scope="module")
def enrolled():
    """The disk of a controller that is configured, and its hub."""
    with quick_folder() as folder:
        rig = Rig(folder)
        rig.hub.wallets = {"anna": 5_000}
        rig.configure(policy=Policy(checkpoint_ms=5_000))
        rig.cards(entry())
        rig.run(2_000)
        rig.agent.close()
        yield folder, rig.hub


def live(rig: ReturnedRig) -> None:
    """Two sessions and what the hub answers, watched all the time."""
    for _ in range(4):
        rig.tap("front")
        for _ in range(12):
            rig.run(1_000)
            runs_only_what_is_journalled(rig)
    rig.run(35_000)
    if rig.is_on("laser"):
        rig.tap("front")
    rig.run(5_000)


def runs_only_what_is_journalled(rig) -> None:
    started = Counter(event.machine for event in rig.kinds(SessionStarted))
    for machine, output in rig.parts.outputs.items():
        assert output.switched.count(True) <= started[machine]


def try_with(source: Path, hub: Hub, trouble: Trouble) -> str:
    """Live with some trouble; says how it went."""
    with quick_folder() as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        with recording(folder, trouble):
            try:
                rig = ReturnedRig(folder, hub_as_it_is(hub))
            except StoreError:
                return "didn't start"
            try:
                live(rig)
                return what_is_left(rig)
            finally:
                rig.agent.close()


def what_is_left(rig) -> str:
    records = rig.agent._wires.records
    assert rig.agent.state.alarm is None, "it works again"
    assert check(records) == (None, records.journal.head_seq)
    assert rig.hub.events == [row.data for row in records.journal.walk(0)]
    started = [event.session for event in rig.kinds(SessionStarted)]
    assert sorted(event.session for event in rig.kinds(SessionEnded)) == sorted(started)
    said = {view.alarm for view in rig.hub.views if view.alarm}
    return "said so" if said else "went on"


def test_each_step_of_the_disk_may_fail(enrolled):
    counted = Trouble()
    assert try_with(*enrolled, counted) == "went on"
    assert counted.seen > STEPS_MIN

    seen = Counter(
        try_with(*enrolled, Trouble(first=first)) for first in range(1, counted.seen, EVERY)
    )

    assert seen["said so"] > seen["went on"] + seen["didn't start"], seen


def test_a_disk_that_fails_for_long_authorises_nothing_for_long(enrolled):
    source, hub = enrolled
    trouble = Trouble()
    with quick_folder() as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        with recording(folder, trouble):
            rig = ReturnedRig(folder, hub_as_it_is(hub))
            rig.run(1_000)
            trouble.first, trouble.count = trouble.seen + 1, 10_000
            rig.tap("front")
            rig.run(60_000)
            assert not rig.is_on("laser")
            assert rig.agent.state.alarm.code is Code.JOURNAL_UNWRITABLE
            trouble.first = 0
            rig.run(10_000)
            assert rig.agent.state.alarm is None
            rig.tap("front")
            assert rig.is_on("laser")
            rig.agent.close()
