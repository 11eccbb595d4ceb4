"""A bench without agents: its parts and cables are real, nobody uses them."""

from __future__ import annotations

import random
from pathlib import Path

from simulator.bench.cards import BenchCard, CardBox
from simulator.demo.site import SITE
from simulator.parts.tags import make_tag
from simulator.parts.world import World
from simulator.plan import PartPaths, world_parts
from simulator.proxy import LinkState, Network, NetworkFault


class PartsOnly:
    """A stage without agents: the parts and the cables are real."""

    site = SITE
    hub_url = "http://127.0.0.1:9/"
    desk = None

    def __init__(self, folder: Path) -> None:
        paths = {plan.id: PartPaths(folder / plan.id, folder) for plan in SITE.controllers}
        for path in paths.values():
            path.folder.mkdir()
        self.world = World(world_parts(SITE, paths))
        self.network = Network()
        self.links = {plan.id: self.network.link(9) for plan in SITE.controllers}
        self.power = dict.fromkeys(self.links, True)
        tag = make_tag("ntag215", bytes.fromhex("04a1b2c3d4e5f6"), random.Random(1))
        self.box = CardBox((BenchCard("ana", "Ana's card", tag),))

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
