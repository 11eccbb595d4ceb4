"""The real commands with `--database`: init, serve, others beside it, a second hub, verify."""

from __future__ import annotations

import json
import shutil
import subprocess

import httpx
import pytest
from postgres import drop_database

from simulator.child import Child
from simulator.system.programs import program
from simulator.waiting import accepts, free_port, wait_for

pytestmark = pytest.mark.postgres


def run(*arguments, good=0):
    done = subprocess.run(
        [program("standpipe-hub"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == good, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def url(postgres):
    url = postgres.url(postgres.create())
    yield url
    drop_database(postgres, url)


@pytest.fixture
def serving(tmp_path, url):
    """Start hubs without a broker on the database; gives what starts one in a folder."""
    started = []

    def serve(data):
        port = free_port()
        (data / "hub.toml").write_text(f'[http]\nport = {port}\n[mqtt]\nhost = ""\n')
        command = [program("standpipe-hub"), "serve", "--data", str(data), "--database", url]
        hub = Child("a hub", command, data / "hub.log")
        started.append(hub)
        hub.start()
        wait_for("the hub serves", lambda: accepts(port), 30)
        return f"http://127.0.0.1:{port}/api/v1"

    yield serve
    for hub in started:
        hub.stop()


def test_hubs_share_a_database_and_commands_work_beside_them(tmp_path, url, serving):
    first, second = tmp_path / "first", tmp_path / "second"
    out, _ = run("init", "--data", first, "--database", url, "--unit", "EUR", "--json")
    headers = {"Authorization": f"Bearer {json.loads(out)['token']}"}
    assert not (first / "hub.db").exists()

    _, said = run("init", "--data", second, "--database", url, good=1)
    assert "copy hub.seed, card.salt" in said
    shutil.copytree(first, second, dirs_exist_ok=True)
    one, other = serving(first), serving(second)
    body = {"id": "ann", "unit": "EUR"}
    assert httpx.post(f"{one}/accounts", json=body, headers=headers).status_code == 201
    paid = {"amount_minor": 500, "till": "counter"}
    key = {"Idempotency-Key": "top-1"}
    answers = [
        httpx.post(f"{hub}/accounts/ann/top-ups", json=paid, headers=headers | key)
        for hub in (one, other, one)
    ]

    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.content for answer in answers}) == 1
    out, _ = run(
        "key", "create", "desk", "--scope", "people:read", "--data", first, "--database", url
    )
    token = out.split("sp_")[1].split()[0]
    found = httpx.get(
        f"{other}/accounts/ann/balance", headers={"Authorization": f"Bearer sp_{token}"}
    )
    assert found.json()["wallet_minor"] == 500
    out, _ = run("verify", "--data", second, "--database", url, "--json")
    assert json.loads(out) == {"ok": True, "faults": []}


def test_a_hub_with_other_keys_is_turned_away(tmp_path, url):
    run("init", "--data", tmp_path / "first", "--database", url, "--unit", "EUR")
    run("init", "--data", tmp_path / "thief", "--unit", "EUR")

    _, said = run("serve", "--data", tmp_path / "thief", "--database", url, good=1)

    assert "another hub.seed" in said or "another card.salt" in said
