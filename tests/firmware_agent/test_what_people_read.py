"""Words for people: each refusal says why and what to do, and fits two short lines."""

from __future__ import annotations

import msgspec
import pytest

from firmware_agent.core.display_text import WHY, price_words
from firmware_agent.core.language import ENGLISH
from firmware_agent.core.model import ControllerState
from tests.firmware_agent.rig import MACHINES, PER_KWH, PER_MINUTE, WASH
from wire.errors import Code

COLUMNS = 20


@pytest.mark.parametrize("code", sorted(WHY))
def test_a_reason_and_what_to_do_fit_a_small_display(code):
    why, what = WHY[code]

    assert 0 < len(why) <= COLUMNS
    assert 0 < len(what) <= COLUMNS


def test_whatever_refuses_a_tap_has_words():
    for code in Code:
        if 101 <= code < 115 or code in {201, 202, 204, 210, 212, 301, 302, 304, 503, 505}:
            assert code in WHY, code


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (MACHINES[0], "€0.10/min"),
        (MACHINES[1], "€2.50"),
        (MACHINES[2], "€0.50/1000 Wh"),
        (None, ""),
    ],
)
def test_a_price_is_told_before_the_tap(machine, words):
    tariffs = {tariff.id: tariff for tariff in (PER_MINUTE, PER_KWH, WASH)}
    state = ControllerState("c", "e", tariffs=tariffs)

    assert price_words(state, machine) == words


@pytest.mark.parametrize(
    ("duration_ms", "words"),
    [
        (-5, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (3_600_000, "1 h 00"),
        (5_400_000, "1 h 30"),
    ],
)
def test_durations_are_short(duration_ms, words):
    assert ENGLISH.duration(duration_ms) == words


def test_a_whole_visit_is_told(rig):
    said = [rig.lines("laser")]
    rig.tap("front")
    said.append(rig.lines("laser"))
    rig.run(120_000)
    said.append(rig.lines("laser"))
    rig.tap("front")
    said.append(rig.lines("laser"))
    rig.run(1_000)
    said.append(rig.lines("laser"))
    rig.run(10_000)
    said.append(rig.lines("laser"))

    assert said == [
        ("Laser", "€0.10/min"),
        ("€0.00 0 s", "Tap to stop"),
        ("€0.20 2 min", "Tap to stop"),
        ("Thank you", "€0.20"),
        ("Thank you", "€0.20"),
        ("Laser", "€0.10/min"),
    ]


def test_why_a_machine_rests_is_told(rig):
    broken = msgspec.structs.replace(MACHINES[0], out_of_service="belt")
    rig.configure(machines=(broken, msgspec.structs.replace(MACHINES[1], locked=True)))

    assert rig.lines("laser") == ("Out of service", "Use another one", "belt")
    assert rig.lines("washer") == ("Locked by the staff", "Ask the staff")
    rig.run(3_000)
    views = {view.machine: view for view in rig.hub.views[-1].machines}
    assert views["laser"].detail == "belt"
    assert views["socket-1"].detail == "not configured at the hub"
