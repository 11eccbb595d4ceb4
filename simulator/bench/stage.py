"""What the bench shows and moves: a port, so that the page needs no demo to be tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from simulator.bench.cards import CardBox
from simulator.parts.world import World
from simulator.plan import SitePlan
from simulator.proxy import LinkState, NetworkFault

if TYPE_CHECKING:
    from simulator.bench.desk import Desk


class Stage(Protocol):
    """A running site. Methods may be called from any thread."""

    @property
    def site(self) -> SitePlan:
        """What there is."""
        ...

    @property
    def world(self) -> World:
        """The virtual parts."""
        ...

    @property
    def box(self) -> CardBox:
        """Cards that lie ready."""
        ...

    @property
    def desk(self) -> Desk | None:
        """What staff do at the hub; None: there is no hub."""
        ...

    @property
    def hub_url(self) -> str:
        """The hub's own page; empty: there is no hub."""
        ...

    def link_state(self, controller: str) -> LinkState:
        """A controller's network."""
        ...

    def disturb_network(self, controller: str, fault: NetworkFault) -> None:
        """Let something happen to a controller's network cable."""
        ...

    def restore_network(self, controller: str) -> None:
        """Plug it in again, as new."""
        ...

    def has_power(self, controller: str) -> bool:
        """Whether a controller's agent runs."""
        ...

    def cut_power(self, controller: str) -> None:
        """Cut a controller's power: its agent ends at once."""
        ...

    def restore_power(self, controller: str) -> None:
        """Give power back: its agent starts."""
        ...
