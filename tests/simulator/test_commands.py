from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

SIM = str(Path(sys.executable).with_name("standpipe-sim"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SIM, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "command", ["demo", "agent", "bench", "bench-hardware", "scenario", "broker"]
)
def test_every_command_has_help(command):
    done = run(command, "--help")

    assert done.returncode == 0
    assert command in done.stdout


def test_an_unknown_benchmark_is_refused_in_words():
    done = run("bench", "tpa", "--json")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "tpa" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_in_words():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("broker", "--port", str(taken.getsockname()[1]))

    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_loads_nothing_heavy():
    script = "import sys; import simulator.cli; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    for heavy in ("litestar", "sqlalchemy", "gpiozero", "nfc", "paho", "httpx", "msgspec"):
        assert heavy not in loaded
