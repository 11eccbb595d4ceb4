"""What the edge needs of the hub; `hub.bootstrap` puts it together."""

from __future__ import annotations

from typing import Annotated, Protocol

from litestar.di import Dependency
from litestar.params import SkipValidationMarker

from hub.config import HubConfig
from hub.fleet.authority import Authority
from hub.fleet.broker_files import BrokerFiles
from hub.fleet.live import Live
from hub.gossip import Gossip
from hub.ids import Entropy
from hub.keystore import Keys
from hub.ledger.writer import Writer
from hub.settings import Settings
from hub.store.engine import Store
from wire.clock import Clock
from wire.ids import IdSource


class HubPort(Protocol):
    """A running hub, as routes and pages see it."""

    @property
    def store(self) -> Store:
        """For reading."""
        ...

    @property
    def writer(self) -> Writer:
        """For writing, and to hear of what was written."""
        ...

    @property
    def clock(self) -> Clock:
        """The hub's time."""
        ...

    @property
    def ids(self) -> IdSource:
        """Makes ids where the caller brings none."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Makes secrets."""
        ...

    @property
    def settings(self) -> Settings:
        """What the operator decided once."""
        ...

    @property
    def config(self) -> HubConfig:
        """How this hub runs."""
        ...

    @property
    def keys(self) -> Keys:
        """The hub's secrets."""
        ...

    @property
    def live(self) -> Live:
        """What controllers say of themselves right now."""
        ...

    @property
    def gossip(self) -> Gossip:
        """To hear of what other hubs wrote."""
        ...

    @property
    def broker_files(self) -> BrokerFiles:
        """Who the broker lets in."""
        ...

    @property
    def authority(self) -> Authority:
        """Makes certificates, if the operator has made one."""
        ...


Hub = Annotated[HubPort, Dependency(), SkipValidationMarker()]
"""The hub as handlers take it: injected by name, never read from the request."""
