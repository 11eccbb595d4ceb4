"""The bench moves the real virtual parts, with forms alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bench_stage import PartsOnly

from simulator.bench.board import controller_words
from simulator.bench.layout import Table
from simulator.bench.server import BenchServer
from simulator.demo.site import SITE
from simulator.proxy import LinkState


@pytest.fixture(scope="module")
def stage() -> Iterator[PartsOnly]:
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        stage = PartsOnly(Path(folder))
        yield stage
        stage.world.close()
        stage.network.close()


@pytest.fixture(scope="module")
def page(stage) -> Iterator[httpx.Client]:
    server = BenchServer(Table(stage))
    server.start()
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        yield client
    server.stop()


def test_the_page_shows_every_machine_and_links_to_the_hub(page):
    text = page.get("/").text

    for controller in SITE.controllers:
        for plan in controller.machines:
            assert plan.machine.name in text
    assert 'href="http://127.0.0.1:9/"' in text


def test_a_card_is_laid_down_and_taken_away(page, stage):
    form = {"card": "ana", "hold_ms": "400"}

    answer = page.post("/do/dry/reader.dryer-1/place", data=form)
    assert "On the reader: Ana&#39;s card" in answer.text
    answer = page.post("/do/dry/reader.dryer-1/remove", data=form)

    assert "On the reader: Ana" not in answer.text
    assert stage.world.snapshot()["dry"].cards["dryer-1"] == ()


def test_cables_are_pulled_one_by_one(page, stage):
    page.post("/do/dry/network/cut")
    assert stage.link_state("dry") is LinkState.CUT
    assert stage.link_state("wash") is LinkState.UP

    page.post("/do/dry/network/restore")
    assert stage.link_state("dry") is LinkState.UP


@pytest.mark.parametrize(
    ("do", "state", "words"),
    [
        ("stall", LinkState.STALLED, "goes on alone"),
        ("delay", LinkState.DELAYED, "on a bad network"),
        ("trickle", LinkState.TRICKLING, "on a bad network"),
        ("reset", LinkState.UP, ""),
        ("half-open", LinkState.UP, ""),
    ],
)
def test_a_cable_can_be_bad_in_other_ways_than_pulled(page, stage, do, state, words):
    page.post(f"/do/dry/network/{do}")
    assert stage.link_state("dry") is state
    assert words in controller_words(powered=True, ready=True, link=state)[0]

    page.post("/do/dry/network/restore")
    assert stage.link_state("dry") is LinkState.UP


def test_power_and_machines_can_fail(page):
    page.post("/do/wash/power/cut")
    text = page.post("/do/wash/washer-1/jam").text

    assert "no power" in text
    assert "jammed" in text


def test_every_machine_has_a_keypad_that_needs_a_powered_controller(page):
    text = page.get("/").text
    machines = [plan.machine.id for controller in SITE.controllers for plan in controller.machines]
    for machine in machines:
        assert f'/{machine}/type"' in text

    answer = page.post("/do/wash/washer-1/type", data={"code": "0000 0000"})

    assert answer.status_code == 404
    assert "no power" in answer.text


@pytest.mark.parametrize(
    ("order", "form"),
    [
        ("nowhere/reader.dryer-1/tap", {"card": "ana"}),
        ("dry/reader.dryer-1/tap", {"card": "nobody"}),
        ("dry/reader.dryer-1/tap", {}),
        ("dry/reader.dryer-1/tap", {"card": "ana", "hold_ms": "a while"}),
        ("dry/network/set-fire-to", {}),
        ("wash/washer-1/backwards", {}),
        ("dry/nothing/type", {"code": "1"}),
        ("dry/dryer-1/type", {}),
        ("dry/dryer-1/dance", {}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_words(page, order, form):
    answer = page.post(f"/do/{order}", data=form)

    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert len(answer.text) > 10


def test_another_site_s_page_can_t_give_orders(page, stage):
    elsewhere = {"Origin": "https://elsewhere.example"}

    answer = page.post("/do/bath/network/cut", headers=elsewhere)

    assert answer.status_code == 403
    assert stage.link_state("bath") is LinkState.UP


def test_another_host_name_is_refused(page):
    assert page.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("path", ["standpipe.css", "bench.css", "bench.js"])
def test_what_the_page_needs_is_there(page, path):
    answer = page.get(f"/static/{path}")

    assert answer.status_code == 200
    assert len(answer.text) > 100


def test_what_changes_is_told_as_it_changes(page, stage):
    with page.stream("GET", "/live") as stream:
        told = (line for line in stream.iter_lines() if line.startswith("data:"))
        first = json.loads(next(told).removeprefix("data:"))["parts"]
        assert "The reader is empty." in first["part-dry/reader.dryer-1"]

        page.post("/do/dry/reader.dryer-1/place", data={"card": "ana"})
        changed = json.loads(next(told).removeprefix("data:"))["parts"]

    assert list(changed) == ["part-dry/reader.dryer-1"]
    assert "Ana" in changed["part-dry/reader.dryer-1"]


def test_a_card_can_be_copied_as_far_as_anybody_can(page, stage):
    page.post("/do/dry/cards/clone", data={"card": "ana", "name": "copy"})

    copy, card = stage.box.find("copy"), stage.box.find("ana")
    assert copy.tag.uid == card.tag.uid
    assert "a copy of Ana" in page.get("/").text
