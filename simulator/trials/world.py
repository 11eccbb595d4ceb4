"""The world of a trial: hub, controllers, machines and lines, put together from its options."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Self

import msgspec

from firmware_agent.identity import Identity
from hub.charging import tariffs
from hub.fleet import controllers, enrolment, machines as fleet_machines, sites
from hub.keystore import make_keys
from hub.ledger.writer import Tx, Writer
from hub.settings import write_settings
from hub.store.engine import open_store
from hub.store.migrations import upgrade
from simulator.parts.plant import PlantSpec
from simulator.trials.audit.observation import Disk
from simulator.trials.box import Box, Place
from simulator.trials.clocks import START_WALL_MS
from simulator.trials.controller_host import ControllerHost
from simulator.trials.disks import DiskOf
from simulator.trials.hub_host import HubHost
from simulator.trials.kernel import Kernel
from simulator.trials.machines import Machine
from simulator.trials.network import Network
from simulator.trials.options import TICK_MS, Options
from simulator.trials.programs import open_service
from simulator.trials.wiring import controller_toml
from simulator.trials.witness import Witness
from wire.clock import ManualClock
from wire.enrolment import EnrolmentRequest, prove
from wire.keys import SEED_BYTES, Signer
from wire.machines import AtZero, Cycle, Machine as MachineSpec, Mode, Policy
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

SITES = ("north", "south")
"""Controllers stand at them in turns, so a card can be used at two."""
UNIT = "EUR"
LOSS_BUDGET_MINOR = 15_000
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 Linux's own place for files in memory
LASER, WASHER, SOCKET = "laser", "washer", "socket"
KINDS = (LASER, WASHER, SOCKET)
"""By time, by the cycle, by what is metered; controllers have them in turns."""
CYCLE_MS = 30 * 60_000
TIER_WH = 100
"""Most sessions at a socket cross the end of its first tier."""
POLICY = Policy(checkpoint_ms=120_000, state_ms=120_000)
"""Checkpoints and the live view are most of what an agent says; those who change policies
in a trial have them come more often, too."""
BATCH_EVENTS_MAX = (1, 10, 100)
"""Where batches are small, the hub often knows but the beginning of what was reported."""
PULSES_PER_HOUR = 1_800
"""A socket with a heater of 1.8 kW, at one pulse for each Wh."""

TARIFFS = (
    Tariff(
        id=LASER,
        version=1,
        name="per minute",
        unit=EUR,
        time=Measure(unit="ms", per=60_000, tiers=(Tier(120_000),)),
    ),
    Tariff(id=WASHER, version=1, name="wash", unit=EUR, start_fee_micros=2_500_000),
    Tariff(
        id=SOCKET,
        version=1,
        name="per kWh",
        unit=EUR,
        quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(400_000, up_to=TIER_WH), Tier(300_000))),
        tax_rate_ppm=190_000,
    ),
)
"""What machines cost in the beginning."""
_PLANTS = {
    LASER: PlantSpec(pulses_per_hour=0),
    WASHER: PlantSpec(pulses_per_hour=0, spin_up_ms=1_000, cycle_ms=CYCLE_MS),
    SOCKET: PlantSpec(pulses_per_hour=PULSES_PER_HOUR),
}


class World:
    """Everything in one trial. Use it as a context manager: it has files.

    Attributes:
        options: What was asked for.
        kernel: Virtual time.
        witness: What truly happened.
        network: The lines.
        hub: The hub.
        controllers: By name.
        disks: Of all controllers and clones, for the auditor; grows.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.kernel = Kernel()
        self.witness = Witness(lambda: self.kernel.now_ms)
        self.network = Network(self.kernel, self.witness, self.stream("network"))
        self.disks: list[Disk] = []
        self.controllers: dict[str, ControllerHost] = {}
        self._folder = _take_folder()
        self._silenced = logging.root.manager.disable
        self._streams: dict[str, Random] = {}
        data = self._folder / "hub"
        shutil.copytree(_new_hub(), data)
        make_keys(data, self.stream("keys").randbytes)
        self.hub = HubHost(data, self.kernel, self.network, self.witness, self.stream("hub"))

    def __enter__(self) -> Self:
        # Hub and agents say what goes wrong; here it goes wrong all the time.
        logging.disable(logging.CRITICAL)
        self.hub.start()
        self.hub.run(self._prepare)
        for number in range(self.options.controllers):
            self._add(f"c{number}", SITES[number % len(SITES)], number)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def wall_ms(self) -> int:
        """True wall time."""
        return START_WALL_MS + self.kernel.now_ms

    def stream(self, name: str) -> Random:
        """New draws of a name: the same for the same seed and name."""
        return Random(f"{self.options.seed}/{name}")

    def run_ticks(self, ticks: int) -> None:
        """Let so many minutes pass."""
        self.kernel.run_until(self.kernel.now_ms + ticks * TICK_MS)

    def start(self) -> None:
        """Power all controllers on."""
        for host in self.controllers.values():
            host.start()

    def close(self) -> None:
        """Stop everything, and take the files away; again: nothing."""
        for host in self.controllers.values():
            host.stop_clone()
            host.box.cut_power()
        self.hub.stop()
        _give_back(self._folder)
        logging.disable(self._silenced)

    def _prepare(self, tx: Tx) -> None:
        for site in SITES:
            many = self.stream(f"site/{site}").choice(BATCH_EVENTS_MAX)
            policy = msgspec.structs.replace(POLICY, batch_events_max=many)
            sites.add_site(tx, sites.Site(id=site, name=site, policy=policy))
        for tariff in TARIFFS:
            tariffs.add_version(tx, tariff)
        open_service(tx, LASER)

    def _add(self, name: str, site: str, number: int) -> None:
        wired = [
            (f"{name}-m{place}", KINDS[(number + place) % len(KINDS)])
            for place in range(self.options.machines)
        ]
        seed = self.stream(f"key/{name}").randbytes(SEED_BYTES)
        identity = self.hub.run(lambda tx: self._enrol(tx, (name, site), wired, seed))
        place = Place(self.kernel, self.network, self.witness)
        disk = DiskOf(self._folder / name)
        toml = controller_toml(
            str(disk.folder),
            [machine for machine, _ in wired],
            metered=[machine for machine, kind in wired if kind == SOCKET],
            cycles=[machine for machine, kind in wired if kind == WASHER],
        )

        def box(at: str, on: DiskOf) -> Box:
            machines = {
                machine: Machine(machine, _PLANTS[kind], at, self.kernel, self.witness)
                for machine, kind in wired
            }
            own = toml.replace(str(disk.folder), str(on.folder))
            return Box(at, place, identity, on, (machines, own), self.stream(f"ids/{at}"))

        host = ControllerHost(name, site, place, box(name, disk), box, self.disks)
        self.controllers[name] = host

    def _enrol(
        self, tx: Tx, at: tuple[str, str], wired: list[tuple[str, str]], seed: bytes
    ) -> Identity:
        name, site = at
        controllers.add_controller(tx, name, site, has_acceptor=False)
        for machine, kind in wired:
            fleet_machines.put_machine(tx, name, _spec(machine, kind))
        hub, signer = self.hub.hub, Signer(seed, name)
        code = enrolment.new_code(tx, name, self.stream(f"code/{name}").randbytes)
        request = EnrolmentRequest(
            controller=name, code=code, public_key=signer.public, proof=prove(signer, code)
        )
        done = enrolment.enrol(tx, request, hub.keys, hub.config)
        self.hub.learn_code_key(name, signer.public)
        return Identity(seed=seed, reply=done.reply)


def _spec(machine: str, kind: str) -> MachineSpec:
    if kind == WASHER:
        cycle = Cycle(feedback_within_ms=10_000, duration_ms=CYCLE_MS)
        return MachineSpec(
            id=machine, name=machine, kind=kind, tariff=kind, mode=Mode.CYCLE, cycle=cycle
        )
    at_zero = AtZero.PROMPT_TOP_UP if kind == LASER else AtZero.STOP
    return MachineSpec(id=machine, name=machine, kind=kind, tariff=kind, at_zero=at_zero)


_in_use: set[Path] = set()


def _take_folder() -> Path:
    """An empty folder, one that was used before if there is one: engines know its path."""
    number = 0
    while (folder := _base() / str(number)) in _in_use:
        number += 1
    folder.mkdir()
    _in_use.add(folder)
    return folder


def _give_back(folder: Path) -> None:
    """Empty a folder for the next trial; again: nothing."""
    if folder in _in_use:
        shutil.rmtree(folder)
        _in_use.discard(folder)


@cache
def _base() -> Path:
    """Where this process has its trials: in memory, where there is such a place."""
    within = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="standpipe-trials-", dir=within))
    atexit.register(partial(shutil.rmtree, folder, ignore_errors=True))
    return folder


@cache
def _new_hub() -> Path:
    """A hub's directory without keys, made once for all trials of a process."""
    folder = Path(tempfile.mkdtemp(prefix="standpipe-new-hub-"))
    atexit.register(partial(shutil.rmtree, folder, ignore_errors=True))
    store = open_store(str(folder / "hub.db"))
    upgrade(store)
    with Writer(store, ManualClock(START_WALL_MS)) as writer:
        writer.run(lambda tx: write_settings(tx, UNIT, LOSS_BUDGET_MINOR))
    store.close()
    return folder
