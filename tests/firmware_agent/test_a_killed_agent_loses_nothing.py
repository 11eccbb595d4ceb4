"""SIGKILL at any moment: what was reported as written is there, chained and folded."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from firmware_agent.records import Records
from firmware_agent.recovery import check, read_open_sessions
from firmware_agent.store import Store
from tests.firmware_agent.rig import NAME, Rig
from wire.events import CodeRedeemed, Ended, SessionEnded, SessionStarted

KILLS = 6
ROOT = Path(__file__).parents[2]


def run_and_kill(folder: Path, steps: int) -> int:
    """Let it take some steps, kill it, and return the last seq that it reported."""
    command = [sys.executable, "-m", "tests.firmware_agent.crash_child", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
        assert child.stdout is not None
        reported = 0
        for _ in range(steps):
            line = child.stdout.readline()
            assert line, "it ended by itself"
            reported = int(line)
        child.kill()
        rest = child.stdout.read().split("\n")
        return max([reported, *(int(line) for line in rest[:-1] if line)])


def test_nothing_that_was_written_is_lost(tmp_path):
    chance = random.Random(5)
    for _ in range(KILLS):
        reported = run_and_kill(tmp_path, chance.randint(1, 60))
        store = Store(tmp_path, 1 << 30)
        records = Records(store, NAME)
        alarm, sound_seq = check(records)
        assert alarm is None
        assert sound_seq == records.journal.head_seq >= reported
        assert len(read_open_sessions(records)) <= 1
        store.close()

    rig = Rig(tmp_path, online=False)
    started = [event.session for event in rig.kinds(SessionStarted)]
    ended = rig.kinds(SessionEnded)
    assert [event.session for event in ended] == started
    assert any(event.reason is Ended.POWER_LOST for event in ended)
    rights = rig.agent._wires.records.accounts.load("anna")
    assert rights.unbacked_minor == sum(event.unbacked_minor for event in ended)
    assert rights.spent_minor == sum(event.backed_minor for event in ended)
    redeemed = rig.kinds(CodeRedeemed)
    assert [event.code for event in redeemed] == list(range(1, len(redeemed) + 1))
    assert rights.taken_in_minor == sum(event.amount_minor for event in redeemed) > 0
    assert rights.taken_in_minor == redeemed[-1].totals.taken_in
    rig.agent.close()
