"""The one place where the hub is put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.clock import SystemClock
from hub.config import HubConfig, MqttConfig
from hub.downlink import Downlink
from hub.fleet.authority import Authority
from hub.fleet.broker_files import BrokerFiles
from hub.fleet.live import Live
from hub.gossip import Gossip, NoGossip, PostgresGossip
from hub.identity import claim
from hub.ids import Entropy, RandomIds, system_entropy
from hub.jobs.catalogue import all_jobs, charge_unpaid
from hub.jobs.certificates import look_after_certificates
from hub.jobs.runner import Runner
from hub.keystore import Keys, load_keys, settle_signing_key
from hub.ledger.writer import Writer
from hub.mqtt_link import CLIENT_ID, Link, MqttLink, NoLink, Received
from hub.partitions import AllPartitions, Partitions, SharedPartitions, Sharing
from hub.settings import Settings, read_settings
from hub.store import migrations
from hub.store.engine import Store, open_store
from hub.store.pauses import Reaper, limit_pauses
from hub.uplink import Uplink
from wire.clock import Clock
from wire.ids import IdSource
from wire.keys import Signer

MS_PER_S = 1_000
PAUSES_PER_LEASE = 3
"""What a sleeping hub has locked is free again well before the others lose their leases."""


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
        authority: Makes certificates, if the operator has made one.
        uplink: Takes in what controllers send.
        downlink: Sends to controllers what they lack.
        link: The way to the broker.
        instance: Id of this run: holder of its leases.
        partitions: Which controllers it serves.
        gossip: The way to other hubs on the same database.
        jobs: What it does by itself.
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
    authority: Authority
    uplink: Uplink
    downlink: Downlink
    link: Link
    instance: str
    partitions: Partitions
    gossip: Gossip
    jobs: Runner
    reaper: Reaper

    @property
    def signer(self) -> Signer:
        """Signs everything that goes down."""
        return self.keys.signer

    def start(self) -> None:
        """Start the threads and connect to the broker."""
        self.writer.start()
        self.reaper.start()
        self.downlink.start()
        self.uplink.start()
        self.gossip.start()
        self.link.start()
        self.partitions.start()
        self.jobs.start()

    def close(self) -> None:
        """Leave the broker and what it serves, finish what the writer has, close the database."""
        self.link.close()
        self.uplink.close()
        self.downlink.close()
        self.partitions.close()
        self.jobs.close()
        self.writer.close()
        self.reaper.close()
        self.gossip.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class Database:
    """How a hub comes to its database; a simulation has its own ways.

    Attributes:
        open: Opens it by its URL.
        make_writer: Makes what writes.
    """

    open: Callable[[str], Store] = open_store
    make_writer: Callable[[Store, Clock], Writer] = Writer


_USUAL = Database()


def build_hub(
    config: HubConfig,
    *,
    clock: Clock | None = None,
    entropy: Entropy = system_entropy,
    link: Link | None = None,
    alone: bool = False,
    database: Database = _USUAL,
) -> Hub:
    """Put a hub together. Nothing runs before `start`.

    Args:
        config: How it runs.
        clock: Its time; None: the machine's.
        entropy: Its randomness.
        link: Its way to the broker; None: as `config` says.
        alone: Serve all controllers without asking, as on SQLite: no other hub runs.
        database: Its way to its database.

    Raises:
        ConfigError: It was never initialised, something of it is missing, or the database
            belongs to a hub with other keys.
        StoreError: The database can't be read.
    """
    clock = clock or SystemClock()
    keys = load_keys(config.data)
    store, settings = _open(config, keys, database.open)
    settle_signing_key(config.data, keys)
    ids = RandomIds(clock, entropy)
    instance = ids.new("hub")
    writer = database.make_writer(store, clock)
    live = Live()
    downlink = Downlink(store, writer, clock, live, keys.signer)
    uplink = Uplink(store, writer, clock, live, downlink)
    gossip: Gossip = NoGossip()
    partitions: Partitions = AllPartitions()
    if config.is_shared and not alone:
        gossip = PostgresGossip(store, instance)
        link, partitions = _join(config, (writer, clock, instance), (uplink, downlink), link)
    link = link or _link(config.mqtt, CLIENT_ID, uplink.receive, downlink.connected)
    authority = Authority(config.data, clock, entropy)
    own_jobs = (*all_jobs(), look_after_certificates(authority))
    jobs = Runner((store, writer, clock), instance, own_jobs, charge_unpaid)
    for listener in (downlink.touched, uplink.touched, gossip.tell, jobs.touched):
        writer.listen(listener)
    gossip.listen(downlink.touched, downlink.gained)
    gossip.listen(uplink.touched, uplink.missed)
    downlink.attach(link)
    return Hub(
        config=config,
        store=store,
        writer=writer,
        clock=clock,
        ids=ids,
        entropy=entropy,
        keys=keys,
        settings=settings,
        live=live,
        broker_files=BrokerFiles(config.broker, entropy),
        authority=authority,
        uplink=uplink,
        downlink=downlink,
        link=link,
        instance=instance,
        partitions=partitions,
        gossip=gossip,
        jobs=jobs,
        reaper=Reaper(store, _pause_ms(config)),
    )


def _open(config: HubConfig, keys: Keys, open_: Callable[[str], Store]) -> tuple[Store, Settings]:
    store = open_(config.database_url)
    try:
        migrations.upgrade(store)
        with store.read() as connection:
            settings = read_settings(connection)
        claim(store, keys)
        limit_pauses(store, _pause_ms(config))
    except BaseException:
        store.close()
        raise
    return store, settings


def _pause_ms(config: HubConfig) -> int:
    return config.cluster.lease_s * MS_PER_S // PAUSES_PER_LEASE


def _join(
    config: HubConfig,
    own: tuple[Writer, Clock, str],
    ways: tuple[Uplink, Downlink],
    link: Link | None,
) -> tuple[Link, Partitions]:
    """Have a hub serve its share of the controllers.

    Args:
        config: How it runs.
        own: Its writer, its clock and the id of its run.
        ways: Where messages come in and go out.
        link: Its way to the broker; None: as `config` says.
    """
    writer, clock, instance = own
    uplink, downlink = ways
    client = config.mqtt.client_id or instance

    def connected() -> None:
        downlink.connected()
        partitions.wake()

    def changed(more: bool) -> None:  # noqa: FBT001 the listener's one word
        joined.follow(partitions.followed)
        if more:
            downlink.gained()

    joined = link or _link(config.mqtt, client, uplink.receive, connected)
    sharing = Sharing(instance, client, config.cluster.lease_s * MS_PER_S)
    partitions = SharedPartitions(writer, clock, sharing, lambda: joined.connected, changed)
    joined.follow(partitions.followed)
    uplink.share(partitions)
    downlink.share(partitions)
    return joined, partitions


def _link(
    mqtt: MqttConfig,
    client: str,
    receive: Callable[[Received], None],
    connected: Callable[[], None],
) -> Link:
    if not mqtt.host:
        return NoLink()
    return MqttLink(mqtt, receive, connected, mqtt.client_id or client)
