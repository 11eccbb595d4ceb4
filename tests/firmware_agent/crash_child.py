"""A controller that works as fast as it can until it is killed; run by a test.

Prints the last seq that is on disk after each step, so that the parent knows what must
have survived.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.firmware_agent.rig import Rig, entry
from wire.machines import Policy


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
        rig.tap("front")
        rig.run(1_000)
        report(rig)


main(Path(sys.argv[1]))
