"""The service as systemd sees it: told when it's ready, alive, and ending."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_agent.installing.texts import UNIT
from firmware_agent.machine_side import Pace
from hardware.ports import LEASE_MS_MAX
from tests.firmware_agent.rig import TOML, Rig, entry

WAIT_S = 20.0
MS_PER_S = 1_000
MAIN = "from firmware_agent.cli import main; main()"


class Manager:
    """The end of systemd that listens."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(WAIT_S)

    def until(self, message: bytes) -> list[bytes]:
        """Take messages up to one."""
        got: list[bytes] = []
        end = time.monotonic() + WAIT_S
        while not got or got[-1] != message:
            assert time.monotonic() < end, got
            got.append(self._socket.recv(1_024))
        return got

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def controller(tmp_path) -> Path:
    rig = Rig(tmp_path / "data", online=False)
    rig.configure()
    rig.cards(entry())
    rig.agent.close()
    path = tmp_path / "agent.toml"
    path.write_text(TOML.format(folder=tmp_path / "data"))
    return path


@pytest.fixture
def service(controller, tmp_path, manager) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        "GPIOZERO_PIN_FACTORY": "mock",
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    command = [sys.executable, "-m", "firmware_agent.service", str(controller)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env) as child:
        yield child
        child.kill()


def test_it_is_ready_once_then_beats_and_says_when_it_ends(service, manager):
    assert manager.until(b"READY=1") == [b"READY=1"]
    assert set(manager.until(b"WATCHDOG=1")) == {b"WATCHDOG=1"}
    service.send_signal(signal.SIGTERM)
    last = manager.until(b"STOPPING=1")

    assert b"READY=1" not in last
    assert service.wait(WAIT_S) == 0


def test_what_runs_after_a_kill_finds_no_lock_and_switches_off(service, manager, controller):
    manager.until(b"READY=1")
    service.kill()
    service.wait(WAIT_S)

    done = subprocess.run(
        [sys.executable, "-c", MAIN, "outputs", "off", "--config", str(controller)],
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock"},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "4 outputs are off\n"), done.stderr


def test_the_units_times_fit_the_agents():
    watchdog_ms = MS_PER_S * int(re.search(r"^WatchdogSec=(\d+)$", UNIT, re.MULTILINE)[1])

    # It beats at least once an idle look, and a machine never outruns a lease.
    assert watchdog_ms > 2 * Pace().idle_ms
    assert Pace().lease_ms <= watchdog_ms <= LEASE_MS_MAX
