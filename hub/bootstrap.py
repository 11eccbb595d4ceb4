"""The one place where the hub is put together."""

from __future__ import annotations

from dataclasses import dataclass

from hub.clock import SystemClock
from hub.config import HubConfig
from hub.downlink import Downlink
from hub.fleet.broker_files import BrokerFiles
from hub.fleet.live import Live
from hub.ids import Entropy, RandomIds, system_entropy
from hub.keystore import Keys, load_keys
from hub.ledger.writer import Writer
from hub.mqtt_link import Link, MqttLink, NoLink
from hub.settings import Settings, read_settings
from hub.store import migrations
from hub.store.engine import Store, open_store
from hub.uplink import Uplink
from wire.clock import Clock
from wire.ids import IdSource
from wire.keys import Signer


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, put together. `start` it once; `close` may be called again.

    Attributes:
        config: How it runs.
        store: For reading: `with hub.store.read() as connection`.
        writer: For writing: `hub.writer.run(lambda tx: service(tx, …))`.
        clock: Its time.
        ids: Makes ids.
        entropy: Makes secrets.
        keys: Its secrets.
        settings: What the operator decided once.
        live: What controllers say of themselves right now.
        broker_files: Who the broker lets in.
        uplink: Takes in what controllers send.
        downlink: Sends to controllers what they lack.
        link: The way to the broker.
    """

    config: HubConfig
    store: Store
    writer: Writer
    clock: Clock
    ids: IdSource
    entropy: Entropy
    keys: Keys
    settings: Settings
    live: Live
    broker_files: BrokerFiles
    uplink: Uplink
    downlink: Downlink
    link: Link

    @property
    def signer(self) -> Signer:
        """Signs everything that goes down."""
        return self.keys.signer

    def start(self) -> None:
        """Start the threads and connect to the broker."""
        self.writer.start()
        self.downlink.start()
        self.uplink.start()
        self.link.start()

    def close(self) -> None:
        """Leave the broker, finish what the writer has, close the database."""
        self.link.close()
        self.uplink.close()
        self.downlink.close()
        self.writer.close()
        self.store.close()


def build_hub(
    config: HubConfig,
    *,
    clock: Clock | None = None,
    entropy: Entropy = system_entropy,
    link: Link | None = None,
) -> Hub:
    """Put a hub together. Nothing runs before `start`.

    Args:
        config: How it runs.
        clock: Its time; None: the machine's.
        entropy: Its randomness.
        link: Its way to the broker; None: as `config` says.

    Raises:
        ConfigError: It was never initialised, or something of it is missing.
        StoreError: The database can't be read.
    """
    clock = clock or SystemClock()
    keys = load_keys(config.data)
    store = open_store(config.database_url)
    try:
        migrations.upgrade(store)
        with store.read() as connection:
            settings = read_settings(connection)
    except BaseException:
        store.close()
        raise
    writer = Writer(store, clock)
    live = Live()
    downlink = Downlink(store, writer, clock, live, keys.signer)
    uplink = Uplink(store, writer, clock, live, downlink)
    writer.listen(downlink.touched)
    writer.listen(uplink.touched)
    link = link or _link(config, uplink, downlink)
    downlink.attach(link)
    return Hub(
        config=config,
        store=store,
        writer=writer,
        clock=clock,
        ids=RandomIds(clock, entropy),
        entropy=entropy,
        keys=keys,
        settings=settings,
        live=live,
        broker_files=BrokerFiles(config.broker, entropy),
        uplink=uplink,
        downlink=downlink,
        link=link,
    )


def _link(config: HubConfig, uplink: Uplink, downlink: Downlink) -> Link:
    if not config.mqtt.host:
        return NoLink()
    return MqttLink(config.mqtt, uplink.receive, downlink.connected)
