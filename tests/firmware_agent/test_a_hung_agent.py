"""The thread that decides is stuck in a driver, for ever: machines go off all the same."""

from __future__ import annotations

import threading
import time

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from firmware_agent.clock import SystemClock
from firmware_agent.machine_side import MachineSide, Pace
from firmware_agent.parts import Parts
from hardware.factory import open_output
from hardware.ports import Quality, Reading
from hardware.specs import OutputSpec

WAIT_S = 10.0


class StuckMeter:
    """Answers once, and then never again."""

    survives_restart = False

    def __init__(self) -> None:
        self.stuck = threading.Event()
        self.free = threading.Event()
        self._asked = 0

    def read(self) -> Reading:
        self._asked += 1
        if self._asked > 1:
            self.stuck.set()
            self.free.wait()
        return Reading(0, Quality.OK, 0)

    def close(self) -> None:
        self.free.set()


@pytest.fixture
def pins():
    factory = MockFactory()
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, factory
    yield factory
    factory.close()
    gpiozero.Device.pin_factory = before


def test_a_lease_that_nobody_renews_ends_while_the_deciding_thread_hangs(pins):
    meter = StuckMeter()
    output = open_output(OutputSpec(pin=17), SystemClock())
    side = MachineSide(Parts(outputs={"m": output}, meters={"m": meter}), Pace(50, 1_000, 300))
    now_ms = SystemClock().now().mono_ms

    def decide():
        side.switch_on("m", now_ms)
        side.read("m", now_ms)

    thread = threading.Thread(target=decide, daemon=True)
    thread.start()
    try:
        assert meter.stuck.wait(WAIT_S)
        assert [state.state for state in pins.pin(17).states][:2] == [False, True]
        end = time.monotonic() + WAIT_S
        while output.is_on:
            assert time.monotonic() < end, "the machine runs on"
            time.sleep(0.01)
        assert thread.is_alive(), "it wasn't stuck after all"
        assert pins.pin(17).state is False
    finally:
        meter.close()
        thread.join(WAIT_S)
        output.close()
