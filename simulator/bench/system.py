"""A bench that runs: one or several controllers of a kind, and a hub that enrolled them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from firmware_agent.card_keys import add_master
from simulator.bench.bench_file import Bench
from simulator.bench.cards import BenchCard, CardBox
from simulator.bench.desk import Desk
from simulator.bench.keyed_cards import SITE_KEY
from simulator.parts.tags import Tag
from simulator.system.setup import link_card, open_account, top_up
from simulator.system.system import Progress, System


class BenchSystem(System):
    """The system under a bench.

    Args:
        bench: What lies there.
        data: Folder of everything that stays.
        controllers: Names of the controllers, all alike.
    """

    def __init__(self, bench: Bench, data: Path, controllers: tuple[str, ...] = ("bench",)) -> None:
        super().__init__(bench.site(controllers), data)
        self.box = CardBox()
        self.desk: Desk | None = None
        self._has_hub = True

    @property
    def hub_url(self) -> str:
        """The hub's own page; empty when it went away."""
        return super().hub_url if self._has_hub else ""

    def start(
        self, progress: Progress = lambda _: None, prepared: Callable[[], None] = lambda: None
    ) -> None:
        """Start everything; see `System.start`. Controllers have the key of the site's cards."""
        for rig in self.rigs.values():
            add_master(rig.folder, SITE_KEY)
        super().start(progress, prepared)
        self.desk = Desk(self.api, self.site, self.wait_listed)

    def admit(
        self,
        card: BenchCard,
        account: str,
        *,
        paid_minor: int = 0,
        permissions: tuple[str, ...] = (),
    ) -> BenchCard:
        """Open an account, link the card to it and take a first payment; gives the card as known.

        The controllers know it when `wait_listed` says so.
        """
        open_account(self.api, account, name=card.words, permissions=dict.fromkeys(permissions, 0))
        link = link_card(self.api, account, card.tag.uid.hex(), card.words, card.level)
        if paid_minor:
            top_up(self.api, account, paid_minor, f"first-{account}")
        known = replace(card, link=link)
        self.box.add(known)
        return known

    def leave_hub(self) -> None:
        """Let the hub go away for good: the controllers decide alone from now on."""
        self.wait_listed()
        self.wait_synced()
        self._has_hub = False
        self.desk = None
        for hub in self.hubs:
            hub.stop()

    def account_of(self, tag: Tag) -> str:
        """The account that a card is linked to."""
        for card in self.box.cards:
            if card.tag is tag and card.link:
                return str(self.api.get(f"/cards/{card.link}")["account"])
        raise KeyError(tag.uid.hex())
