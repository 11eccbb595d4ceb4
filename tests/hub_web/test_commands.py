"""The commands of staff: on the database of a stopped hub, through the API of a running one."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from hub.bootstrap import Hub
from hub.cli import app
from hub.commands.access import Api, Place
from hub.commands.watch import picture, read_snapshot
from hub.store.lock import writing_lock
from tests.hub_web.conftest import make_key
from tests.hub_web.place import busy, set_up

GIVE_UP_S = 30


class Shell:
    """Runs commands as staff type them."""

    def __init__(self, *place: str) -> None:
        self._place = place

    def run(self, *words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, [*words, *self._place])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    def json(self, *words: str):
        code, said, error = self.run(*words, "--json")
        assert code == 0, error
        return json.loads(said)


@pytest.fixture
def stopped(tmp_path: Path, fresh: Path) -> Shell:
    """A hub's directory on which no hub runs."""
    for file in fresh.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return Shell("--data", str(tmp_path))


@pytest.fixture
def running(served_shared: str, hub: Hub) -> Shell:
    return Shell("--hub", served_shared, "--key", make_key(hub).token)


@pytest.fixture(params=["stopped", "running"])
def shell(request: pytest.FixtureRequest) -> Shell:
    found: Shell = request.getfixturevalue(request.param)
    return found


def test_an_account_is_opened_topped_up_shown_and_closed(shell: Shell) -> None:
    account = shell.json("account", "open", "Ana P.", "--id", "acc_ana", "--group", "member")
    first = shell.json("topup", "acc_ana", "20.00", "--till", "counter", "--id", "top-1")
    again = shell.json("topup", "acc_ana", "20", "--till", "counter", "--id", "top-1")
    code, _, error = shell.run("topup", "acc_ana", "20.01", "--till", "counter", "--id", "top-1")
    shown = shell.json("account", "show", "acc_ana")

    assert (account["id"], account["name"], account["group"]) == ("acc_ana", "Ana P.", "member")
    assert first == again
    assert first["amount_minor"] == 2_000
    assert code == 1
    assert "already" in error
    assert shown["balance"]["wallet_minor"] == 2_000
    assert [row["id"] for row in shell.json("account", "list", "--search", "Ana")] == ["acc_ana"]
    assert shell.run("account", "close", "acc_ana")[0] == 0
    assert shell.json("account", "show", "acc_ana")["account"]["state"] == "closed"


def test_people_read_words(shell: Shell) -> None:
    shell.run("account", "open", "Ana P.", "--id", "acc_ana")

    _, paid, _ = shell.run("topup", "acc_ana", "12.50", "--till", "counter", "--id", "top-1")
    _, shown, _ = shell.run("account", "show", "acc_ana")

    assert paid == "€12.50 paid in for acc_ana at counter, booked as top-1.\n"
    assert "€12.50  to spend" in shown
    assert "as of " in shown


@pytest.mark.parametrize("amount", ["twelve", "1.234", "-5", "0.01", "1e3", "9999999"])
def test_an_amount_that_is_none_is_refused_in_words(amount: str, stopped: Shell) -> None:
    stopped.run("account", "open", "Ana", "--id", "acc_ana")

    code, said, error = (
        stopped.run("topup", "acc_ana", "--till", "counter", "--id", "t", "--", amount)
        if amount.startswith("-")
        else stopped.run("topup", "acc_ana", amount, "--till", "counter", "--id", "t")
    )

    assert code != 0
    assert not said
    assert error


def test_a_key_is_shown_once_listed_and_revoked(shell: Shell) -> None:
    made = shell.json("key", "create", "screen", "--scope", "fleet:read", "--days", "30")
    code, _, error = shell.run("key", "create", "x", "--scope", "everything")

    listed = {row["id"]: row for row in shell.json("key", "list")}

    assert made["token"].startswith("sp_")
    assert made["scopes"] == ["fleet:read"]
    assert listed[made["id"]]["expires_ms"] is not None
    assert made["token"] not in json.dumps(list(listed.values()))
    assert (code, "fleet:read" in error) == (1, True)
    assert shell.run("key", "revoke", made["id"])[0] == 0
    assert shell.run("key", "revoke", "key_none")[0] == 1
    again = {row["id"]: row for row in shell.json("key", "list")}
    assert again[made["id"]]["revoked_ms"] is not None


def test_a_key_made_while_stopped_opens_the_hub_when_it_runs(
    stopped: Shell, tmp_path: Path
) -> None:
    made = stopped.json("key", "create", "all", "--scope", "all")
    serve = _Serving(tmp_path)
    try:
        bearer = {"Authorization": f"Bearer {made['token']}"}
        answer = httpx.get(f"{serve.url}/api/v1/accounts", headers=bearer, trust_env=False)
        code, _, error = stopped.run("account", "open", "Ana")
        with (
            httpx.Client(timeout=GIVE_UP_S, trust_env=False) as client,
            client.stream("GET", f"{serve.url}/events") as stream,
        ):
            lines = stream.iter_lines()
            next(lines)
            # A live stream must not hold the hub's stop.
            serve.process.send_signal(signal.SIGTERM)
            assert list(lines) is not None
        assert serve.process.wait(GIVE_UP_S) == 0
    finally:
        serve.process.kill()
        serve.process.communicate()

    assert answer.status_code == 200
    assert code == 1
    assert "--hub" in error


def test_the_directory_of_a_running_hub_is_not_written(stopped: Shell, tmp_path: Path) -> None:
    with writing_lock(tmp_path):
        code, said, error = stopped.run("topup", "a", "5", "--till", "t", "--id", "i")

    assert (code, said) == (1, "")
    assert "only one process may write" in error
    assert "--key sp_" in error


def test_a_hub_that_is_not_there_or_says_no_is_said_in_words(served_shared: str, hub: Hub) -> None:
    away = Shell("--hub", "http://127.0.0.1:9", "--key", "sp_x")
    wrong = Shell("--hub", served_shared, "--key", "sp_wrong")
    without = Shell("--hub", served_shared)

    assert "no hub answers" in away.run("account", "list")[2]
    assert "unknown, revoked or has ended" in wrong.run("account", "list")[2]
    assert "--key" in without.run("account", "list")[2]
    assert Shell("--data", "/nowhere").run("account", "list")[0] == 1


def test_watch_prints_one_table_in_words(served_shared: str, hub: Hub) -> None:
    set_up(hub)
    busy(hub)
    shell = Shell("--hub", served_shared, "--key", make_key(hub).token)

    code, said, error = shell.run("watch", "--once")

    assert code == 0, error
    for words in ("Washer 1", "24 min left", "€3.50", "fault", "silent", "as of", "€150.00"):
        assert words in said
    assert Shell("--hub", "http://127.0.0.1:9", "--key", "x").run("watch", "--once")[0] == 1


def test_a_snapshot_is_all_that_a_picture_needs(served_shared: str, hub: Hub) -> None:
    with Api(Place(Path(), hub=served_shared, key=make_key(hub).token)) as api:
        snapshot = read_snapshot(api)

    assert picture(snapshot).renderables


class _Serving:
    """`standpipe-hub serve` as a process of its own, without a broker."""

    def __init__(self, data: Path) -> None:
        (data / "hub.toml").write_text('[mqtt]\nhost = ""\n')
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        main = "from hub.cli import main; main()"
        words = [sys.executable, "-c", main, "serve", "--data", str(data), "--port", str(port)]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if "Application startup complete" in line or "Uvicorn running" in line:
                return
        raise AssertionError("the hub doesn't start")
