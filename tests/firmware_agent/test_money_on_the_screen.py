"""What the touch screen says at machines that take money, vend, and offer programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware_agent.core.language import ENGLISH
from firmware_agent.kiosk.board import Snapshot, Tile
from firmware_agent.kiosk.drawing import Scene, draw
from tests.firmware_agent.money_rig import MoneyRig

SHOWN = ("payer", "snacks", "door", "washer")


@pytest.fixture
def rig(tmp_path) -> Iterator[MoneyRig]:
    rig = MoneyRig(tmp_path, online=False)
    rig.set_up()
    yield rig
    rig.agent.close()


def screen(rig: MoneyRig) -> Snapshot:
    moment = rig.agent.runtime._time.moment()
    return draw(rig.agent.state, Scene(SHOWN, None, ENGLISH), moment)


def tile(rig: MoneyRig, machine: str) -> Tile:
    return next(one for one in screen(rig).tiles if one.machine == machine)


def test_a_program_is_chosen_on_the_screen_and_its_price_is_shown(rig):
    assert tile(rig, "washer").lines == ("Long", "€0.50/min")
    assert tile(rig, "washer").action == "choose"

    rig.press("washer")

    assert tile(rig, "washer").lines[0] == "Short"
    assert tile(rig, "door").action == ""
    assert tile(rig, "door").lines == ("€2.00",)


def test_a_pay_in_point_says_how_and_what_came_in(rig):
    assert tile(rig, "payer").lines == ("Tap, then pay in",)

    rig.insert(50)
    assert (screen(rig).headline, screen(rig).advice) == ("€0.50 paid in", ("Tap your card",))

    rig.tap("pay")
    assert screen(rig).headline == "Credited"
    rig.run(5_000)
    assert (screen(rig).headline, screen(rig).advice) == ("Put money in", ("€5.50 left",))


def test_who_may_choose_is_told_for_how_much(rig):
    rig.tap("snack")

    assert (screen(rig).headline, screen(rig).advice) == ("Choose something", ("€5.00 left",))
    assert tile(rig, "snacks").status == "Choose something"
