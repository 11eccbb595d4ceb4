"""The demo as people and programs start it: one JSON object, sound money, nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from simulator.waiting import wait_for

SIM = str(Path(sys.executable).with_name("standpipe-sim"))
KEYS = {
    "taps",
    "sessions",
    "refused",
    "charged_minor",
    "ledger_revenue_minor",
    "overrun_minor",
    "outage_seconds",
    "events_while_offline",
    "unsynced_events",
    "money_conserved",
}


def descendants(pid: int) -> set[int]:
    """Every process below one, by the kernel's list."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    queue = [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.add(child)
            queue.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run_demo(data: Path, seed: int) -> dict[str, object]:
    command = [SIM, "demo", "--headless", "--seconds", "10", "--json"]
    command += ["--data", str(data), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]
    assert "Traceback" not in done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def report(data) -> dict[str, object]:
    return run_demo(data, 1)


def test_a_headless_demo_prints_one_object_and_its_money_adds_up(report):
    assert report.keys() >= KEYS
    assert report["sessions"] > 0
    assert report["taps"] >= report["sessions"]
    assert report["charged_minor"] == report["ledger_revenue_minor"] > 0
    assert report["unsynced_events"] == 0
    assert report["money_conserved"] is True
    assert report["outage_seconds"] > 0
    assert report["events_while_offline"] > 0
    assert report["sessions_started_offline"] + report["sessions_ended_offline"] > 0


def test_its_folder_holds_the_hub_s_book_and_one_folder_per_controller(data, report):
    assert (data / "hub.db").exists()
    for controller in ("wash", "dry", "bath", "workshop"):
        assert (data / controller / "agent.db").exists()


def test_a_second_run_goes_on_with_the_books_of_the_first(data, report):
    second = run_demo(data, 2)

    assert second["ledger_revenue_minor"] > report["ledger_revenue_minor"]
    assert second["charged_minor"] == second["ledger_revenue_minor"]
    assert second["money_conserved"] is True


def test_a_demo_interrupted_while_it_starts_leaves_nothing_running(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        command = [SIM, "demo", "--json", "--headless"]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr)
    try:
        wait_for("the hub is there", lambda: "hub is initialised" in log.read_text(), 60)
        family = descendants(demo.pid)
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    finally:
        demo.kill()

    assert family
    wait_for("nothing is left", lambda: not any(alive(pid) for pid in family), 5)
    assert "Traceback" not in log.read_text()


def test_a_killed_demo_takes_everything_with_it(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        demo = subprocess.Popen([SIM, "demo", "--headless", "--json"], stderr=stderr, stdout=-3)
    try:
        wait_for("the hub answers", lambda: "hub answers" in log.read_text(), 60)
        family = descendants(demo.pid)
    finally:
        os.kill(demo.pid, signal.SIGKILL)
        demo.wait()

    assert family
    wait_for("nothing is left", lambda: not any(alive(pid) for pid in family), 5)


def test_a_demo_with_pages_shows_them_until_it_is_interrupted(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stdout:
        demo = subprocess.Popen([SIM, "demo", "--seconds", "30"], stdout=stdout, stderr=stdout)
    try:
        wait_for(
            "the demo says where its pages are, or ends",
            lambda: "the bench page" in log.read_text() or demo.poll() is not None,
            60,
        )
        assert "the bench page" in log.read_text(), log.read_text()
        words = log.read_text().split()
        hub, bench = [word for word in words if word.startswith("http://127.0.0.1")]
        with httpx.Client(follow_redirects=True, timeout=10) as browser:
            assert "Washer 1" in browser.get(hub).text
            page = browser.get(bench).text
            assert "Washer 1" in page
            assert hub in page
            tap = f"{bench}do/workshop/reader.laser/tap"
            assert browser.post(tap, data={"card": "hal"}).status_code == 200
        family = descendants(demo.pid)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)

    wait_for("nothing is left", lambda: not any(alive(pid) for pid in family), 5)
    assert "no money appeared or vanished" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_data_folder_that_can_t_be_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    command = [SIM, "demo", "--headless", "--json", "--data", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
