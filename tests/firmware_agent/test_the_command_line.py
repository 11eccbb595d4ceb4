"""The commands as a technician runs them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_agent import migrations, store
from firmware_agent.identity import KEY_NAME
from tests.firmware_agent.rig import NAME, TOML, Rig, entry

WAIT_S = 20.0


def agent(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from firmware_agent.cli import main; main()", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        env={**os.environ, **env},
        check=False,
    )


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """The file of a controller with a finished and an open session."""
    rig = Rig(tmp_path / "data", online=False)
    rig.configure()
    rig.cards(entry())
    rig.tap("front")
    rig.run(60_000)
    rig.tap("front")
    rig.run(3_000)
    rig.tap("front")
    rig.run(30_000)
    rig.agent._wires.records.store.close()
    path = tmp_path / "agent.toml"
    path.write_text(TOML.format(folder=tmp_path / "data"))
    return path


def test_status_says_what_is_held(used):
    done = agent("status", "--config", str(used), "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["controller"] == NAME
    assert found["cards"] == 1
    assert found["unsynced_events"] == found["last_seq"] > 5
    (session,) = found["open_sessions"]
    assert (session["machine"], session["charge_minor"]) == ("laser", 5)
    assert "open session   laser: 5" in agent("status", "--config", str(used)).stdout


def test_the_journal_can_be_listed_verified_and_exported(used, tmp_path):
    listed = agent("journal", "list", "--config", str(used), "--limit", "3")
    assert len(listed.stdout.splitlines()) == 3
    assert "session_progress" in listed.stdout
    whole = agent("journal", "list", "--config", str(used), "--json", "--limit", "100")
    kinds = [json.loads(line)["kind"] for line in whole.stdout.splitlines()]
    assert kinds[:3] == ["boot", "config_applied", "session_started"]
    verified = agent("journal", "verify", "--config", str(used))
    assert verified.returncode == 0
    out = tmp_path / "out.jsonl"
    agent("journal", "export", "--config", str(used), "--out", str(out))

    assert [json.loads(line)["kind"] for line in out.read_text().splitlines()] == kinds


def test_verify_finds_a_changed_event(used, tmp_path):
    with sqlite3.connect(tmp_path / "data" / store.DATABASE_NAME) as connection:
        connection.execute("UPDATE journal SET data = x'7b7d' WHERE seq = 4")
    connection.close()

    done = agent("journal", "verify", "--config", str(used))

    assert done.returncode == 1
    assert "3 events are sound, then: event 4 isn't what was written" in done.stderr


def test_looking_before_the_first_start_is_told(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(f'data_dir = "{tmp_path}"')

    done = agent("status", "--config", str(path))

    assert done.returncode == 1
    assert "has the agent run here?" in done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_doctor_says_all_that_is_wrong_and_fails(used, tmp_path):
    (tmp_path / "data" / KEY_NAME).chmod(0o644)

    done = agent("doctor", "--config", str(used), GPIOZERO_PIN_FACTORY="mock")

    assert done.returncode == 1
    assert "ok   identity: enrolled as laundry-1" in done.stdout
    assert "BAD  key: others can read" in done.stdout
    assert "ok   journal: " in done.stdout
    assert "BAD  broker: 127.0.0.1:1 isn't reached" in done.stdout
    assert "ok   output of laser: opened" in done.stdout
    assert "BAD  reader of front: " in done.stdout


def test_doctor_tells_every_problem_of_the_file(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text('data_dirr = "/x"\nrtc = 3\n')

    done = agent("doctor", "--config", str(path))

    assert done.returncode == 1
    assert "data_dirr: no such key; write data_dir" in done.stderr
    assert "rtc: is 3; write true or false" in done.stderr


@pytest.mark.parametrize("command", ["run", "status", "doctor"])
def test_a_missing_file_is_told(tmp_path, command):
    done = agent(command, "--config", str(tmp_path / "none.toml"))

    assert done.returncode == 1
    assert "none.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_without_enrolment_says_so(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(f'data_dir = "{tmp_path}"')

    done = agent("run", "--config", str(path))

    assert done.returncode == 1
    assert "run standpipe-agent enrol" in done.stderr


def test_enrol_without_a_hub_says_so(tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(f'data_dir = "{tmp_path}/data"')
    options = ("--hub", "http://127.0.0.1:1", "--name", "a", "--code", "b")

    done = agent("enrol", *options, "--config", str(path))

    assert done.returncode == 1
    assert "wasn't reached" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(used, number):
    command = [sys.executable, "-m", "firmware_agent.service", str(used)]
    env = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env) as child:
        until_settled(used)
        child.send_signal(number)
        assert child.wait(WAIT_S) == 0
    found = json.loads(agent("status", "--config", str(used), "--json").stdout)

    assert found["open_sessions"] == []


def until_settled(path: Path) -> None:
    """Wait until the start is journalled: signals are handled then."""
    database = path.parent / "data" / store.DATABASE_NAME
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            rows = connection.execute("SELECT COUNT(*) FROM open_sessions").fetchone()
        connection.close()
        if rows == (0,):
            return
        time.sleep(0.02)
    raise AssertionError("it didn't start")


def test_every_step_of_the_schema_is_named():
    steps = tuple(step.name for step in migrations._STEPS._migrations)

    assert steps == store.SCHEMA_STEPS
