"""Broker, hub, controllers and their virtual parts: started side by side, ended together."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simulator.broker import Broker, EmbeddedBroker
from simulator.parts.world import World
from simulator.plan import PartPaths, SitePlan, world_parts
from simulator.proxy import LinkState, Network, NetworkFault
from simulator.system.books import Books, list_revision, read_books
from simulator.system.hub_api import HubApi
from simulator.system.hub_process import BrokerFiles, Cluster, HubProcess
from simulator.system.journals import JournalView
from simulator.system.rig import Rig
from simulator.system.setup import enrolment_code, set_up_site
from simulator.waiting import wait_for
from wire.events import ConfigApplied

READY_S = 30.0
SYNC_S = 30.0

Progress = Callable[[str], None]
MakeBroker = Callable[[Path], Broker]


class System:
    """One site, running. Nothing starts before `start`; `stop` ends whatever runs.

    Args:
        site: What there is.
        data: Folder of everything that stays: the hub's directly, one per controller.
        make_broker: Makes the broker in a folder of its own.
        broker_files: What the hub keeps for a broker that asks for passwords.
        cluster: A database for several hubs; None: one hub on SQLite.

    Attributes:
        hub: The first hub, which people are served by.
        hubs: All of them, each on a network cable of its own.
    """

    def __init__(
        self,
        site: SitePlan,
        data: Path,
        make_broker: MakeBroker = EmbeddedBroker,
        broker_files: BrokerFiles | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.site = site
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        # Sockets have short paths, whatever folder the data are in.
        self._run = Path(tempfile.mkdtemp(prefix="standpipe-run-"))
        (data / "broker").mkdir(exist_ok=True)
        self.broker = make_broker(data / "broker")
        self.network = Network()
        self.hub_link = self.network.link(self.broker.port)
        self.hub = HubProcess(data, self.hub_link.port, broker_files, cluster=cluster)
        others = range(2, 1 + (cluster.hubs if cluster is not None else 1))
        self.hubs = (self.hub, *(self._another_hub(number, cluster) for number in others))
        paths = {
            plan.id: PartPaths(self._run / plan.id, data / plan.id, self.broker.port)
            for plan in site.controllers
        }
        for path in paths.values():
            path.folder.mkdir()
            path.counters.mkdir(exist_ok=True)
        self.rigs = {
            plan.id: Rig(plan, data / plan.id, paths[plan.id], self.network.link(self.broker.port))
            for plan in site.controllers
        }
        self.world = World(world_parts(site, paths))
        self.token = ""
        self._api: HubApi | None = None

    @property
    def api(self) -> HubApi:
        """The hub's API with a staff key; only after `start`."""
        if self._api is None:
            raise RuntimeError("the system isn't started")
        return self._api

    @property
    def hub_url(self) -> str:
        """The hub's own page."""
        return f"{self.hub.url}/"

    def start(
        self, progress: Progress = lambda _: None, prepared: Callable[[], None] = lambda: None
    ) -> None:
        """Start everything; returns when every controller is ready to take cards.

        Args:
            progress: Told how far it is.
            prepared: Called when the hub has its database and doesn't serve yet.

        Raises:
            SimulatorError: Something doesn't start; what runs goes on until `stop`.
        """
        began = time.monotonic()

        def tell(what: str) -> None:
            progress(f"{what} ({time.monotonic() - began:.1f} s)")

        # First the hub: it makes the files that a broker with passwords starts with.
        self.token = self.hub.prepare()
        self.broker.start()
        for name in self.rigs:
            self.world.controller(name).meters.plug_sockets()
        prepared()
        tell("broker runs, hub is initialised")
        for other in self.hubs[1:]:
            other.join(self.hub)
        for hub in self.hubs:
            hub.start()
        self._api = self.hub.api(self.token)
        tell("hub answers")
        set_up_site(self.api, self.site)
        with ThreadPoolExecutor(len(self.rigs) or 1) as crew:
            list(crew.map(self._bring_up, self.rigs.values()))
        tell(f"{len(self.rigs)} controllers are enrolled and started")
        self.wait_ready()
        tell("all controllers have their machines")

    def stop(self) -> None:
        """End everything, agents first, so that their last words still arrive."""
        with ThreadPoolExecutor(len(self.rigs) or 1) as crew:
            list(crew.map(Rig.stop, self.rigs.values()))
        if self._api is not None:
            self._api.close()
            self._api = None
        for hub in self.hubs:
            hub.stop()
        self.broker.stop()
        self.network.close()
        self.world.close()
        shutil.rmtree(self._run, ignore_errors=True)

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until every controller holds its configuration and its pins.

        Raises:
            SimulatorError: One doesn't.
        """
        for rig in self.rigs.values():
            wait_for(f"{rig.id} is ready", lambda rig=rig: self._is_ready(rig), timeout_s)  # type: ignore[misc]

    def wait_listed(self, timeout_s: float = READY_S) -> None:
        """Wait until every controller holds the newest card list.

        Raises:
            TooSlowError: One doesn't.
        """
        wait_for("every controller knows every card", self._is_listed, timeout_s)

    def wait_idle(self, timeout_s: float) -> None:
        """Wait until no session is open anywhere.

        Raises:
            TooSlowError: One is.
        """
        wait_for("every session has ended", self._is_idle, timeout_s)

    def unsynced(self) -> int:
        """How many events the hub hasn't acknowledged yet."""
        return sum(journal.unsynced for journal in self.journals().values())

    def wait_synced(self, timeout_s: float = SYNC_S) -> None:
        """Wait until every event of every controller is booked.

        Raises:
            TooSlowError: Some are not.
        """
        wait_for("every event is booked", lambda: self.unsynced() == 0, timeout_s)

    def journals(self) -> dict[str, JournalView]:
        """Every controller's journal."""
        return {name: rig.journal() for name, rig in self.rigs.items()}

    def books(self) -> Books:
        """The hub's book."""
        return read_books(self.hub.database)

    def verify(self) -> bool:
        """Let the hub recompute its whole book; False: something is wrong in it."""
        return not self.hub.faults()

    def link_state(self, controller: str) -> LinkState:
        """A controller's network."""
        return self.rigs[controller].link.state

    def cut_network(self, controller: str) -> None:
        """Pull a controller's network cable."""
        self.disturb_network(controller, NetworkFault.CUT)

    def disturb_network(self, controller: str, fault: NetworkFault) -> None:
        """Let something happen to a controller's network cable."""
        self.rigs[controller].link.suffer(fault)

    def restore_network(self, controller: str) -> None:
        """Plug it in again, as new."""
        self.rigs[controller].link.restore()

    def has_power(self, controller: str) -> bool:
        """Whether a controller's agent runs."""
        return self.rigs[controller].child.is_running

    def cut_power(self, controller: str) -> None:
        """Cut a controller's power: its agent ends at once."""
        self.rigs[controller].kill()

    def restore_power(self, controller: str) -> None:
        """Give power back: its agent starts."""
        self.rigs[controller].start()

    def _another_hub(self, number: int, cluster: Cluster | None) -> HubProcess:
        link = self.network.link(self.broker.port)
        return HubProcess(self.data / f"hub-{number}", link.port, cluster=cluster)

    def _bring_up(self, rig: Rig) -> None:
        if not rig.is_enrolled:
            rig.enrol(self.hub.url, enrolment_code(self.api, rig.id))
        rig.start()

    def _is_listed(self) -> bool:
        newest = list_revision(self.hub.database)
        return all(journal.list_revision == newest for journal in self.journals().values())

    def _is_idle(self) -> bool:
        return not any(journal.open_sessions for journal in self.journals().values())

    def _is_ready(self, rig: Rig) -> bool:
        rig.child.check()
        if not self.world.snapshot()[rig.id].connected:
            return False
        return any(isinstance(event, ConfigApplied) for event in rig.journal().events)
