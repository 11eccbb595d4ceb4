"""Every machine off, whatever became of the agent."""

from __future__ import annotations

import os
import subprocess
import sys

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from firmware_agent.clock import SystemClock
from firmware_agent.commands.outputs import shut_acceptors, switch_off
from firmware_agent.config import parse_config
from firmware_agent.parts import RealParts
from hardware.errors import PartError
from hardware.money.cctalk_frame import Message
from simulator.parts.cash_spec import CashParts
from simulator.parts.cctalk_acceptors import VirtualCoinAcceptor
from simulator.parts.cctalk_wire import VirtualCctalkBus

TOML = """
data_dir = "/nowhere/at/all"
[[machines]]
id = "plug"
output = { pin = 4, driver = "my.plug" }
[[machines]]
id = "washer"
output = { pin = 17 }
[[machines]]
id = "dryer"
output = { pin = 27, active_high = false }
"""


class Opener:
    """Opens outputs that note what is done to them; one is broken."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.done: list[tuple[str, str]] = []

    def output(self, _spec, machine):
        self.done.append(("open", machine))
        if machine == self.broken:
            raise PartError(f"output of {machine}", "no answer", "Check the network")
        return Opened(self, machine)


class Opened:
    def __init__(self, opener: Opener, machine: str) -> None:
        self._opener, self._machine = opener, machine

    def set_off(self) -> None:
        self._opener.done.append(("off", self._machine))

    def close(self) -> None:
        self._opener.done.append(("close", self._machine))


CASH_TOML = """
data_dir = "/nowhere/at/all"
[[machines]]
id = "till"
output = {{ driver = "none" }}
[[machines.cash]]
id = "gone"
driver = "coin_pulse"
pin = 5
values = [10]
[[machines.cash]]
id = "coins"
driver = "cctalk"
port = "{bus}"
values = [10, 20]
"""


def test_a_coin_acceptor_that_a_dead_agent_left_open_is_shut(tmp_path, monkeypatch):
    coins = VirtualCoinAcceptor(CashParts(id="coins"))
    bus = VirtualCctalkBus(tmp_path / "bus", {2: coins})
    bus.plug()
    coins.answer(Message(231, b"\xff\xff"))
    assert coins.accepts
    config = parse_config(CASH_TOML.format(bus=tmp_path / "bus"))
    pins = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", pins)
    taken = gpiozero.DigitalInputDevice(5)

    failed = shut_acceptors(config, RealParts(SystemClock()))

    assert not coins.accepts
    assert [words.partition(":")[0] for words in failed] == ["gone"]
    taken.close()
    bus.unplug()
    pins.close()


@pytest.mark.parametrize("broken", ["plug", "washer", "dryer", ""])
def test_one_that_fails_keeps_no_other_on_and_pins_come_first(broken):
    opener = Opener(broken)

    failed = switch_off(parse_config(TOML), opener)

    off = [machine for what, machine in opener.done if what == "off"]
    assert off == [name for name in ("washer", "dryer", "plug") if name != broken]
    assert len(failed) == bool(broken)
    assert all(broken in words for words in failed)


def outputs_off(path) -> subprocess.CompletedProcess[str]:
    code = "from firmware_agent.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "outputs", "off", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock"},
        check=False,
    )


def test_it_needs_no_journal_no_identity_and_no_network(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(TOML.replace('driver = "my.plug"', 'driver = "gpio"'))

    done = outputs_off(path)

    assert (done.returncode, done.stdout) == (0, "3 outputs are off\n"), done.stderr


def test_what_it_cannot_switch_off_it_says(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(TOML)

    done = outputs_off(path)

    assert done.returncode == 1
    assert "plug: the output driver 'my.plug' can't be loaded" in done.stderr
