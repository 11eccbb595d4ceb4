"""The bench moves the real virtual parts, with forms alone."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from simulator.bench.board import _controller_words
from simulator.bench.server import BenchServer
from simulator.bench.stage import BenchCard
from simulator.demo.site import SITE
from simulator.parts.tags import make_tag
from simulator.parts.world import World
from simulator.plan import PartPaths, world_parts
from simulator.proxy import LinkState, Network, NetworkFault


class PartsOnly:
    """A stage without agents: the parts and the cables are real."""

    site = SITE
    hub_url = "http://127.0.0.1:9/"

    def __init__(self, folder: Path) -> None:
        paths = {plan.id: PartPaths(folder / plan.id, folder) for plan in SITE.controllers}
        for path in paths.values():
            path.folder.mkdir()
        self.world = World(world_parts(SITE, paths))
        self.network = Network()
        self.links = {plan.id: self.network.link(9) for plan in SITE.controllers}
        self.power = dict.fromkeys(self.links, True)
        tag = make_tag("ntag215", bytes.fromhex("04a1b2c3d4e5f6"), random.Random(1))
        self.cards = (BenchCard("ana", "Ana's card", tag),)

    def link_state(self, controller: str) -> LinkState:
        return self.links[controller].state

    def disturb_network(self, controller: str, fault: NetworkFault) -> None:
        self.links[controller].suffer(fault)

    def restore_network(self, controller: str) -> None:
        self.links[controller].restore()

    def has_power(self, controller: str) -> bool:
        return self.power[controller]

    def cut_power(self, controller: str) -> None:
        self.power[controller] = False

    def restore_power(self, controller: str) -> None:
        self.power[controller] = True


@pytest.fixture(scope="module")
def stage() -> Iterator[PartsOnly]:
    with tempfile.TemporaryDirectory(prefix="standpipe-") as folder:
        stage = PartsOnly(Path(folder))
        yield stage
        stage.world.close()
        stage.network.close()


@pytest.fixture(scope="module")
def page(stage) -> Iterator[httpx.Client]:
    server = BenchServer(stage)
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
    form = {"controller": "dry", "reader": "dryer-1", "card": "ana"}

    answer = page.post("/do/place", data=form)
    assert "On the reader: Ana&#39;s card" in answer.text
    answer = page.post("/do/remove", data=form)

    assert "On the reader: Ana" not in answer.text
    assert stage.world.snapshot()["dry"].cards["dryer-1"] == ()


def test_cables_are_pulled_one_by_one_or_all_at_once(page, stage):
    page.post("/do/network", data={"controller": "dry", "do": "cut"})
    assert stage.link_state("dry") is LinkState.CUT
    assert stage.link_state("wash") is LinkState.UP

    page.post("/do/network", data={"controller": "all", "do": "cut"})
    assert {link.state for link in stage.links.values()} == {LinkState.CUT}

    page.post("/do/network", data={"controller": "all", "do": "restore"})
    assert {link.state for link in stage.links.values()} == {LinkState.UP}


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
    page.post("/do/network", data={"controller": "dry", "do": do})
    assert stage.link_state("dry") is state
    assert words in _controller_words(powered=True, ready=True, link=state)[0]

    page.post("/do/network", data={"controller": "dry", "do": "restore"})
    assert stage.link_state("dry") is LinkState.UP


def test_power_and_machines_can_fail(page):
    page.post("/do/power", data={"controller": "wash", "do": "cut"})
    form = {"controller": "wash", "machine": "washer-1", "do": "jam"}
    text = page.post("/do/machine", data=form).text

    assert "no power" in text
    assert "jammed" in text


def test_every_machine_has_a_keypad_that_needs_a_powered_controller(page):
    text = page.get("/").text
    machines = [plan.machine.id for controller in SITE.controllers for plan in controller.machines]
    assert text.count('action="/do/code"') == len(machines)

    form = {"controller": "wash", "machine": "washer-1", "code": "0000 0000"}
    answer = page.post("/do/code", data=form)

    assert answer.status_code == 404
    assert "no power" in answer.text


@pytest.mark.parametrize(
    ("order", "form"),
    [
        ("tap", {"controller": "nowhere", "reader": "dryer-1", "card": "ana"}),
        ("tap", {"controller": "dry", "reader": "dryer-1", "card": "nobody"}),
        ("tap", {"controller": "dry"}),
        ("network", {"controller": "dry", "do": "set fire to"}),
        ("machine", {"controller": "wash", "machine": "washer-1", "do": "backwards"}),
        ("code", {"controller": "dry", "machine": "nothing", "code": "1"}),
        ("code", {"controller": "dry", "machine": "dryer-1"}),
        ("dance", {"controller": "dry"}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_words(page, order, form):
    answer = page.post(f"/do/{order}", data=form)

    assert answer.status_code == 404
    assert "Traceback" not in answer.text
    assert len(answer.text) > 10


def test_another_site_s_page_can_t_give_orders(page, stage):
    form = {"controller": "bath", "do": "cut"}

    answer = page.post("/do/network", data=form, headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == 403
    assert stage.link_state("bath") is LinkState.UP


def test_another_host_name_is_refused(page):
    assert page.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("path", ["standpipe.css", "bench.css", "bench.js"])
def test_what_the_page_needs_is_there(page, path):
    answer = page.get(f"/static/{path}")

    assert answer.status_code == 200
    assert len(answer.text) > 100
