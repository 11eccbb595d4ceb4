"""Where the agent is put together: the one composition root of this package."""

from __future__ import annotations

import importlib.metadata
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from firmware_agent.card_keys import SiteKeys, load_masters
from firmware_agent.clock import SystemClock
from firmware_agent.config import AgentConfig
from firmware_agent.core.model import (
    ControllerState,
)
from firmware_agent.downlink import Downlink
from firmware_agent.errors import CardKeysError, IdentityError
from firmware_agent.first_state import first_state, hub_keys, last_wall_ms
from firmware_agent.housekeeping import FreeBytes
from firmware_agent.identity import TLS_NAME, Identity, load_identity
from firmware_agent.ids import SystemIds
from firmware_agent.kiosk.opening import open_kiosk
from firmware_agent.languages import load_languages
from firmware_agent.link import Link
from firmware_agent.machine_side import Pace
from firmware_agent.parts import MoneyOpener, PartsOpener, RealParts, open_parts
from firmware_agent.records import Records
from firmware_agent.recovery import check
from firmware_agent.runtime import Runtime, Wires
from firmware_agent.store import Connect, Store
from firmware_agent.timekeeper import Timekeeper
from firmware_agent.uplink import Uplink
from firmware_agent.watchdog import Watchdog
from wire.clock import Clock
from wire.enrolment import BrokerAccess
from wire.errors import Code
from wire.ids import IdSource
from wire.keys import HUB, Verifier

if TYPE_CHECKING:
    from firmware_agent.kiosk.server import KioskServer
    from firmware_agent.mqtt_link import Way

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What a simulation or a test puts in the place of the world.

    Attributes:
        parts: Opens parts; None: the drivers.
        money: Opens acceptors and vending buses; None: the drivers.
        clock: None: the system's.
        ids: None: random.
        link: None: MQTT.
        identity: None: as enrolled, in the data folder.
        pace: How often machines are looked at.
        connect: Opens the journal's file.
        free_bytes: Room on the disk; None: asks the system.
    """

    parts: PartsOpener | None = None
    money: MoneyOpener | None = None
    clock: Clock | None = None
    ids: IdSource | None = None
    link: Link | None = None
    identity: Identity | None = None
    pace: Pace = field(default_factory=Pace)
    connect: Connect = sqlite3.connect
    free_bytes: FreeBytes | None = None


class Agent:
    """A whole agent: run it, or step it.

    Args:
        runtime: Decides.
        wires: What has to be closed at the end.
        renew: Reads again who this controller is.
        kiosk: Serves the page for a touch screen; None: there is none.
    """

    def __init__(
        self,
        runtime: Runtime,
        wires: Wires,
        renew: Callable[[], None] = lambda: None,
        kiosk: KioskServer | None = None,
    ) -> None:
        self.runtime = runtime
        self._wires = wires
        self._renew = renew
        self._kiosk = kiosk
        self._renewing = threading.Event()
        self._stop = threading.Event()
        self._closed = False

    @property
    def state(self) -> ControllerState:
        """What the agent knows and has decided."""
        return self.runtime.state

    @property
    def waiting(self) -> int:
        """Events of the journal that the hub hasn't acknowledged."""
        return self._wires.uplink.waiting

    @property
    def dropped(self) -> Mapping[Code, int]:
        """Messages from the hub that were ignored since the start, by reason."""
        return self._wires.downlink.dropped

    def start(self) -> None:
        """Settle what was open, and begin; called once, by `run` or before `step`."""
        self.runtime.start()
        if self._kiosk is not None:
            self._kiosk.start()

    @property
    def kiosk_url(self) -> str:
        """Where the page for a touch screen is; empty: there is none."""
        return self._kiosk.url if self._kiosk is not None else ""

    def step(self) -> int:
        """Do what is due; returns for how many ms nothing will be."""
        return self.runtime.step()

    def type_code(self, machine: str, digits: str) -> None:
        """Someone typed a code at a machine; from any thread. Its display says the rest."""
        self.runtime.type_digits(machine, digits)

    def run(self) -> None:
        """Work until `stop` is called or the hub asks for a restart; then close."""
        watchdog, wake = Watchdog(), self._wires.wake
        try:
            self.start()
            watchdog.ready()
            while not self._stop.is_set() and not self.runtime.wants_restart:
                wake.clear()
                if self._renewing.is_set():
                    self._renewing.clear()
                    self._renew()
                idle_ms = self.runtime.step()
                watchdog.beat()
                if not self._stop.is_set():
                    wake.wait(idle_ms / 1000)
        finally:
            watchdog.stopping()
            self.close()

    def stop(self) -> None:
        """End `run`, from any thread or a signal handler."""
        self._stop.set()
        self._wires.wake.set()

    def abandon(self) -> None:
        """Settle nothing and say nothing, as at a power cut; only let go of the disk."""
        self._closed = True
        self._close_kiosk()
        self._wires.records.store.close()

    def renew(self) -> None:
        """Go on with the key in the data folder, from any thread or a signal handler."""
        self._renewing.set()
        self._wires.wake.set()

    def close(self) -> None:
        """Settle sessions, outputs off, everything given back. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            self.runtime.shut_down()
        finally:
            self._close_kiosk()
            self._wires.parts.close()
            self._wires.link.close()
            self._wires.records.store.close()

    def _close_kiosk(self) -> None:
        if self._kiosk is not None:
            self._kiosk.close()


def build_agent(config: AgentConfig, edges: Edges | None = None) -> Agent:
    """Put an agent together; nothing runs before `run` or `start`.

    Args:
        config: The controller's file.
        edges: What is put in the place of the world; None: the world.

    Raises:
        IdentityError: The controller isn't enrolled.
        StoreError: The database can't be opened at all. One that opens and holds what
            it shouldn't gives an agent that authorises nothing and says why.
    """
    edges = edges or Edges()
    clock = edges.clock or SystemClock()
    ids = edges.ids or SystemIds(clock)
    folder = Path(config.data_dir)
    identity = edges.identity or load_identity(folder)
    store = Store(folder, config.journal_bytes_max, edges.connect)
    try:
        return _build(config, edges, identity, (clock, ids), store)
    except BaseException:
        store.close()
        raise


def _build(
    config: AgentConfig,
    edges: Edges,
    identity: Identity,
    sources: tuple[Clock, IdSource],
    store: Store,
) -> Agent:
    clock, ids = sources
    records = Records(store, identity.controller, config.format)
    if not records.journal.epoch:
        records.journal.begin(ids.new("epo"))
    alarm, sound_seq = check(records)
    wake, boot_id, signer = threading.Event(), ids.new("boot"), identity.signer
    link = edges.link or _mqtt(config, identity, clock, wake)
    boot = (boot_id, agent_version())
    uplink = Uplink(records, link, signer, boot, config.format, edges.pace.rarer)
    if alarm is not None:
        _log.critical("nothing is authorised: %s", alarm.words)
        uplink.sound_seq = sound_seq
    time = Timekeeper(clock, boot_id, last_wall_ms(records), rtc=config.rtc)
    state = first_state(config, records, identity, edges.pace, time.moment())
    state = replace(state, alarm=alarm)
    real = RealParts(clock, _card_keys(config))
    wires = Wires(
        records=records,
        parts=open_parts(config, edges.parts or real, edges.money or real),
        link=link,
        uplink=uplink,
        downlink=Downlink(identity.controller, Verifier(hub_keys(records, identity)[-1], HUB)),
        time=time,
        ids=ids,
        card_salt=identity.card_salt,
        version=agent_version(),
        wake=wake,
        code_key=identity.code_key,
        free_bytes=edges.free_bytes,
        languages=load_languages(),
        usual_language=config.language,
    )
    kiosk = None
    if config.kiosk is not None:
        kiosk, desk = open_kiosk(config, config.kiosk, wires.records, (wake, ids), wires.languages)
        wires = replace(wires, desk=desk)
    renew = partial(_renew, config, uplink, link)
    return Agent(Runtime(wires, state, edges.pace), wires, renew, kiosk)


def agent_version() -> str:
    """Version of the installed distribution."""
    try:
        return importlib.metadata.version("standpipe")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _card_keys(config: AgentConfig) -> SiteKeys:
    """Keys for cards; a file that can't be used costs the proofs, not the machines."""
    try:
        return SiteKeys(load_masters(Path(config.data_dir)))
    except CardKeysError as error:
        _log.critical("cards prove nothing here: %s", error)
        return SiteKeys(())


def _mqtt(config: AgentConfig, identity: Identity, clock: Clock, wake: threading.Event) -> Link:
    from firmware_agent.mqtt_link import MqttLink

    return MqttLink(_way(config, identity), clock, wake, config.format)


def _renew(config: AgentConfig, uplink: Uplink, link: Link) -> None:
    """Sign with the key that was put into the data folder, and go to the broker with it."""
    from firmware_agent.mqtt_link import MqttLink

    try:
        identity = load_identity(Path(config.data_dir))
    except IdentityError as error:
        _log.error("going on as before: %s", error)
        return
    uplink.sign_with(identity.signer)
    if isinstance(link, MqttLink):
        link.go(_way(config, identity))
    _log.warning("signing with the key in the data folder from now on")


def _way(config: AgentConfig, identity: Identity) -> Way:
    from firmware_agent.mqtt_link import Way

    access: BrokerAccess = identity.reply.broker
    if config.broker is not None:
        access = msgspec.structs.replace(access, host=config.broker.host, port=config.broker.port)
    certificate = Path(config.data_dir) / TLS_NAME
    return Way(access, identity.reply.partition, certificate if certificate.exists() else None)
