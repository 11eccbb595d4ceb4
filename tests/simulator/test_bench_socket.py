"""The bench's socket: a line asks, a line answers, and nothing that is said breaks it."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from bench_stage import PartsOnly

from simulator.bench.bench_file import load_bench, shipped
from simulator.bench.control import LINE_BYTES_MAX, Control
from simulator.bench.layout import Table, places
from simulator.errors import SetupError


@pytest.fixture(scope="module")
def stage() -> Iterator[PartsOnly]:
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        stage = PartsOnly(Path(folder))
        yield stage
        stage.world.close()
        stage.network.close()


@pytest.fixture
def path(stage, tmp_path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        control = Control(Table(stage), Path(folder) / "bench.sock")
        control.start()
        yield Path(folder) / "bench.sock"
        control.close()


class Caller:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, **line: object) -> dict:
        return self.say(json.dumps(line).encode())

    def say(self, line: bytes) -> dict:
        self._socket.sendall(line + b"\n")
        return json.loads(self._lines.readline())


@pytest.fixture
def caller(path) -> Iterator[Caller]:
    with Caller(path) as caller:
        yield caller


def test_parts_tell_what_can_be_done_to_them(caller):
    parts = {part["part"]: part for part in caller.ask(ask="parts")["parts"]}

    deeds = {deed["do"]: deed for deed in parts["dry/reader.dryer-1"]["deeds"]}
    assert {"tap", "place", "remove", "unplug", "plug", "hang", "restart"} <= deeds.keys()
    assert deeds["tap"]["fields"][0] == {"name": "card", "words": "Card", "kind": "card"}
    assert {deed["do"] for deed in parts["dry/power"]["deeds"]} == {"cut", "restore"}
    assert "jump" in {deed["do"] for deed in parts["dry/clock"]["deeds"]}


def test_the_page_about_the_bench_names_every_deed():
    page = (Path(__file__).parents[2] / "docs" / "bench.md").read_text()
    config = load_bench(shipped("standard")).config

    for name, place in places(config, has_hub=True).items():
        for deed in place.kind.deeds:
            assert f"`{deed.name}`" in page, f"{deed.name} of {name}"


def test_deeds_are_done_and_seen(caller):
    assert caller.ask(ask="cards") == {"ok": True, "cards": [{"id": "ana", "words": "Ana's card"}]}
    assert caller.ask(do="place", part="dry/reader.dryer-1", card="ana") == {"ok": True}
    looked = caller.ask(ask="look")["sees"]
    assert looked["dry/reader.dryer-1"]["cards"] == "Ana's card"

    assert caller.ask(do="remove", part="dry/reader.dryer-1")["ok"]
    seen = caller.ask(wait="cards", part="dry/reader.dryer-1", within_ms=1000, **{"is": ""})
    assert seen["sees"]["plugged"] == "yes"


def test_a_reader_is_unplugged_and_hangs(caller):
    part = "dry/reader.dryer-2"
    caller.ask(do="unplug", part=part)
    assert caller.ask(ask="look", part=part)["sees"]["plugged"] == "no"
    caller.ask(do="plug", part=part)
    caller.ask(do="hang", part=part)
    assert caller.ask(ask="look", part=part)["sees"] == {
        "cards": "",
        "plugged": "yes",
        "hangs": "yes",
    }
    caller.ask(do="restart", part=part)
    assert caller.ask(ask="look", part=part)["sees"]["hangs"] == "no"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"tap", "isn't a line of JSON"),
        (b"[]", "write an object"),
        (b"{}", "write one of do, ask and wait"),
        (b'{"do": "cut", "ask": "parts"}', "write one of do, ask and wait"),
        (b'{"ask": "why"}', "ask for parts, look or cards"),
        (b'{"do": "cut", "part": "dry/tap"}', "dry has no part 'tap'; it has"),
        (b'{"do": "cut", "part": "attic/power"}', "there is no controller 'attic'; there is wash"),
        (b'{"do": "fly", "part": "dry/power"}', "what can be done to it: cut, restore"),
        (b'{"do": "tap", "part": "dry/reader.dryer-1"}', "'tap' needs 'card'"),
        (b'{"do": "tap", "part": "dry/reader.dryer-1", "card": "zoe"}', "there is no 'zoe'"),
        (b'{"do": "jump", "part": "dry/clock", "by_ms": "soon"}', "write a whole number"),
        (b'{"do": "jump", "part": "dry/clock"}', "dry has no power"),
        (b'{"wait": "taste", "part": "dry/dryer-1", "is": 1}', "one sees relay"),
        (b'{"wait": "relay", "part": "dry/dryer-1", "is": "closed", "within_ms": 0}', "is 'open'"),
        (
            b'{"wait": "relay", "part": "dry/dryer-1", "is": 1, "within_ms": -1}',
            "within_ms is",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_in_words(caller, line, why):
    answer = caller.say(line)

    assert answer["ok"] is False
    assert why in answer["why"]
    assert caller.ask(ask="cards")["ok"]


def test_a_line_without_end_is_answered_and_hung_up_on(path):
    with Caller(path) as caller:
        answer = caller.say(b"x" * 2 * LINE_BYTES_MAX)
    assert answer["ok"] is False
    with Caller(path) as other:
        assert other.ask(ask="cards")["ok"]


def test_only_its_owner_may_use_it(path):
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_place_where_no_socket_can_be_is_said_in_words(stage, tmp_path):
    with pytest.raises(SetupError, match="no socket can be made"):
        Control(Table(stage), tmp_path / "nowhere" / "bench.sock")
