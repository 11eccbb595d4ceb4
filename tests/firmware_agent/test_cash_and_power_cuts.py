"""The power goes at any write while money comes in: what was shown is there, and only once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cuts import plain_cuts, scattered_cuts
from quick_disk import quick_folder

from simulator.disk.platter import write_files
from simulator.disk.recorder import recording
from simulator.disk.steps import Tape
from tests.firmware_agent.money_rig import MONEY_MACHINES, MoneyRig
from tests.firmware_agent.rig import entry
from wire.events import CashHeld, CashTaken, CashUnclaimed

EVERY = 8
"""Of the cuts that lose single sectors, so many are one too many for a busy minute."""


COINS_AND_TAPS = (100, 20, "tap", 200, "tap", 100, "wait", 50, "tap", 20)
"""A busy minute: held and claimed, with a card, left behind, claimed again."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What had been told, and what was in the box, when so many steps were done."""

    credited_minor: int
    box: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What an agent makes of it, started on what a cut left."""

    recorded_minor: int
    credited_minor: int
    unclaimed_minor: int
    held_minor: int
    total_minor: int
    claims: tuple[str, ...]


def pay_in(rig: MoneyRig, tape: Tape) -> None:
    """The minute; each coin is in the box before the agent hears of it."""
    credited = held = 0
    has_card, box = False, rig.acceptors["coins"].box
    for deed in COINS_AND_TAPS:
        if deed == "tap":
            rig.tap("pay")
            has_card = not has_card or held > 0
            credited, held = credited + held, 0
        elif deed == "wait":
            rig.run(121_000)
            has_card, held = False, 0
        else:
            tape.promise(Shown(credited, (*box, deed)))
            assert rig.insert(deed)
            credited, held = (credited + deed, held) if has_card else (credited, held + deed)
        tape.promise(Shown(credited, tuple(box)))


@pytest.fixture(scope="module")
def tape() -> Tape:
    """The minute, on a disk that notes what is done to it."""
    with quick_folder() as folder, recording(folder) as tape:
        rig = MoneyRig(folder, online=False)
        rig.set_up(MONEY_MACHINES, entry(floor_minor=0))
        tape.promise(Shown(0, ()))
        pay_in(rig, tape)
        rig.agent.abandon()
    return tape


class Returned(MoneyRig):
    """The controller starts again; the box has what it had."""

    def __init__(self, folder: Path, box: tuple[int, ...]) -> None:
        self.box_then = box
        super().__init__(folder, online=False)

    def acceptor(self, spec, machine):
        found = super().acceptor(spec, machine)
        if spec.id == "coins" and not found.box:
            found.box = list(self.box_then)
        return found


def look(folder: Path, box: tuple[int, ...]) -> Found:
    """Start on it, twice: nothing may come of it again."""
    rig = Returned(folder, box)
    try:
        rig.run(1_000)
        rig.restart()
        rig.run(1_000)
        assert rig.agent.state.alarm is None
        taken, held = rig.kinds(CashTaken), rig.kinds(CashHeld)
        fresh = sum(one.amount_minor for one in taken if not one.holding)
        return Found(
            recorded_minor=fresh + sum(one.amount_minor for one in held),
            credited_minor=sum(one.amount_minor for one in taken),
            unclaimed_minor=sum(one.amount_minor for one in rig.kinds(CashUnclaimed)),
            held_minor=rig.agent.state.machines["payer"].purse.held_minor,
            total_minor=rig.rights().taken_in_minor,
            claims=tuple(one.holding for one in taken if one.holding),
        )
    finally:
        rig.agent.abandon()


def broken(tape: Tape, cuts) -> list[str]:
    """What those cuts broke, in words."""
    found: list[str] = []
    seen: dict[tuple[int, tuple[int, ...]], Found] = {}
    for cut in cuts:
        said = [shown for at, shown in tape.promises if at <= cut.count]
        if not said:
            continue
        key = (hash(tuple(sorted(cut.files.items()))), said[-1].box)
        if key not in seen:
            with quick_folder() as folder:
                write_files(cut.files, folder)
                seen[key] = look(folder, said[-1].box)
        found += [f"after {cut.count} steps: {words}" for words in _faults(seen[key], said[-1])]
    return found


def _faults(seen: Found, said: Shown) -> list[str]:
    inserted = sum(said.box)
    kept = seen.credited_minor + seen.unclaimed_minor + seen.held_minor
    # Until a first coin is booked, nobody knows where the device stood.
    is_first = len(said.box) == 1 and seen.recorded_minor == 0
    checks = {
        "credited less than was shown": seen.credited_minor >= said.credited_minor,
        "money is lost, or came twice": seen.recorded_minor == inserted or is_first,
        "money is gone": seen.recorded_minor == kept,
        "totals differ": seen.total_minor == seen.credited_minor,
        "claimed twice": len(set(seen.claims)) == len(seen.claims),
    }
    return [words for words, is_so in checks.items() if not is_so]


def test_the_minute_has_all_that_can_be_cut(tape):
    assert len(tape.steps) > 60
    assert tape.promises[-1][1] == Shown(390, (100, 20, 200, 100, 50, 20))


def test_a_cut_at_any_write_loses_no_money_and_credits_none_twice(tape):
    assert not broken(tape, plain_cuts(tape))


def test_lost_sectors_lose_no_money_either(tape):
    assert not broken(tape, scattered_cuts(tape, every=EVERY))
