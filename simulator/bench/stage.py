"""What the bench shows and moves: a port, so that the page needs no demo to be tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simulator.parts.tags import Tag
from simulator.parts.world import World
from simulator.plan import SitePlan
from simulator.proxy import LinkState, NetworkFault


@dataclass(frozen=True, slots=True)
class BenchCard:
    """A card that lies ready at the bench.

    Attributes:
        id: Its name in forms.
        words: Whose it is and what is special about it, for people.
        tag: What is laid on a reader.
    """

    id: str
    words: str
    tag: Tag


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
    def cards(self) -> tuple[BenchCard, ...]:
        """Cards that lie ready."""
        ...

    @property
    def hub_url(self) -> str:
        """The hub's own page."""
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
