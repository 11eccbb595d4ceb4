"""A controller that works as fast as it can until it is killed; run by a test.

Prints the last seq that is on disk after each step, so that the parent knows what must
have survived. Each code is typed again after the one that follows it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from firmware_agent.code_table import load_used_codes
from tests.firmware_agent.rig import Rig, code, entry
from wire.machines import Policy

WORTH_MINOR = 2
"""So little that sessions go on to the floor too."""


def report(rig: Rig) -> None:
    sys.stdout.write(f"{rig.agent.state.last_seq}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    rig = Rig(folder, online=False)
    if not rig.agent.state.config_version:
        rig.configure(policy=Policy(checkpoint_ms=250))
        rig.cards(entry(floor_minor=10**6))
    while True:
        rig.tap("front")
        for _ in range(10):
            rig.run(250)
            report(rig)
        counter = load_used_codes(rig.agent._wires.records.store).highest + 1
        for typed in (counter, max(1, counter - 1)):
            rig.type_code("laser", code(typed, WORTH_MINOR))
            report(rig)
        rig.tap("front")
        rig.run(1_000)
        report(rig)


main(Path(sys.argv[1]))
