"""The real programs on a temporary folder, one system per module.

At a module's end the hub verifies its whole book, whatever the tests did to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from shop import Shop

from simulator.plan import SitePlan

MakeShop = Callable[..., Shop]


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory) -> Iterator[MakeShop]:
    """Start a system for a site, after `prepare` had its folders; it ends with the module."""
    shops: list[Shop] = []

    def make(plan: SitePlan, prepare: Callable[[Shop], object] = lambda _: None) -> Shop:
        shops.append(Shop(plan, tmp_path_factory.mktemp("shop")))
        prepare(shops[-1])
        shops[-1].start()
        return shops[-1]

    yield make
    faults = [shop.hub.faults() for shop in shops]
    for shop in shops:
        shop.stop()
    assert not any(faults), faults
