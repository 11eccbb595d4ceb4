"""A bench as a folder: `agent.toml` as on a real controller, `bench.toml` with what else there is.

The second file says what the machines mean to the hub, and what they do between relay
and meter.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from simulator.bench.wiring import Plant, WiredFile
from simulator.errors import SetupError
from simulator.plan import ControllerPlan, MachinePlan, SitePlan
from wire.errors import WireError
from wire.machines import Machine, Policy
from wire.money import known_unit
from wire.tariff import Tariff

FOLDER = Path(__file__).parents[1] / "benches"
"""Benches that ship."""
AGENT_FILE, BENCH_FILE = "agent.toml", "bench.toml"
QUICK = Policy(checkpoint_ms=300, state_ms=500, batch_wait_ms=100, want_timeout_ms=1_000)
"""Who stands at a bench wants to see what happened."""
MINUTE_MICROS = 100_000


class BenchFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `bench.toml` says.

    Attributes:
        about: What it is for.
        speed: How many times faster than the clock its machines work.
        policy: Rules of the controller.
        plants: What machines do, by id.
        machines: What they mean to the hub.
        tariffs: Their prices.
    """

    about: str = ""
    speed: int = 1
    policy: Policy = QUICK
    plants: dict[str, Plant] = {}
    machines: tuple[Machine, ...] = ()
    tariffs: tuple[Tariff, ...] = ()


class Bench:
    """A bench, ready to be set up.

    Args:
        name: Its name.
        agent: Text of the controller's own file.
        file: What else there is.

    Raises:
        SetupError: Something is wrong with it.
    """

    def __init__(self, name: str, agent: str, file: BenchFile) -> None:
        self.name = name
        self.about = file.about
        self._agent = agent
        self._file = file
        self.config = WiredFile(agent, file.plants).config
        missing = {each.id for each in self.config.machines} - {each.id for each in file.machines}
        if missing:
            raise SetupError(f"bench {name}: what is {', '.join(sorted(missing))} to the hub?")

    def site(self, controllers: tuple[str, ...]) -> SitePlan:
        """Plan a site with this many controllers, all alike."""
        several = len(controllers) > 1
        return SitePlan(
            id="bench",
            name="virtual hardware",
            tariffs=self._file.tariffs,
            controllers=tuple(
                self._controller(name, f"{name}-" if several else "") for name in controllers
            ),
            speed=self._file.speed,
        )

    def _controller(self, name: str, prefix: str) -> ControllerPlan:
        readers = {machine.id: machine.reader for machine in self.config.machines}
        return ControllerPlan(
            id=name,
            machines=tuple(
                MachinePlan(
                    machine=msgspec.structs.replace(machine, id=f"{prefix}{machine.id}"),
                    reader=readers[machine.id],
                )
                for machine in self._file.machines
                if machine.id in readers
            ),
            policy=self._file.policy,
            wired=WiredFile(self._agent, self._file.plants, prefix),
        )


def load_bench(folder: Path) -> Bench:
    """Read a bench's folder.

    Raises:
        SetupError: It isn't there, or wrong; says where.
    """
    agent = _read(folder / AGENT_FILE)
    place = folder / BENCH_FILE
    try:
        return Bench(folder.name, agent, parse_bench(_read(place)))
    except ValueError as error:
        raise SetupError(f"{place}: {error}") from None


def shipped(name: str) -> Path:
    """Where a bench that ships is; it need not be there."""
    return FOLDER / name


def bench_of(agent_file: Path) -> Bench:
    """Make a bench of a controller's own file alone: every machine costs ten cents a minute.

    Raises:
        SetupError: It can't be read, or is wrong.
    """
    text = _read(agent_file)
    config = WiredFile(text).config
    raw = {
        "about": f"the parts of {agent_file}",
        "machines": [
            {"id": each.id, "name": each.id.replace("-", " ").capitalize(), "tariff": "minute"}
            for each in config.machines
        ],
        "tariffs": [
            {
                "id": "minute",
                "name": "Ten cents a minute",
                "unit": "EUR",
                "time": {
                    "unit": "ms",
                    "per": 60_000,
                    "tiers": [{"price_micros": MINUTE_MICROS}],
                },
            }
        ],
    }
    return Bench(agent_file.stem, text, _convert(raw))


def parse_bench(text: str) -> BenchFile:
    """Read a `bench.toml`.

    Raises:
        ValueError: It is wrong; says where.
    """
    return _convert(tomllib.loads(text))


def _convert(raw: dict[str, Any]) -> BenchFile:
    tariffs = raw.get("tariffs", [])
    for tariff in tariffs if isinstance(tariffs, list) else ():
        # In words here; the wire has the whole unit.
        tariff["unit"] = msgspec.to_builtins(known_unit(str(tariff.get("unit", "EUR"))))
        tariff.setdefault("version", 1)
    try:
        return msgspec.convert(raw, BenchFile)
    except WireError as error:
        raise ValueError(str(error)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} can't be read: {error}") from None
