"""Virtual parts under a controller's own file: whatever it names is there, and answers.

The file is the agent's, as on a real controller. Only where it leads is changed: to
ports of ours, and to the bench's broker.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from firmware_agent.config import AgentConfig, MachineConfig, parse_config
from firmware_agent.errors import ConfigError
from hardware.meters.modbus_models import MODELS
from hardware.money.specs import CashSpec
from hardware.specs import DisplaySpec, MeterSpec, OutputSpec, PlugSpec, ReaderSpec, RegisterSpec
from simulator.errors import SetupError
from simulator.parts.cash_spec import CashParts, VendParts
from simulator.parts.parts_spec import (
    ButtonParts,
    ControllerParts,
    DisplayParts,
    LampParts,
    MachineParts,
    MeterParts,
    PlugParts,
    ReaderParts,
    RegisterParts,
)
from simulator.plan import PartPaths
from simulator.waiting import free_port

I2C = "/dev/i2c-"
"""These buses stay where they are: the agent's process has ours in their place."""
_LAYOUTS = {
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "int32": "i",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}
_ADDRESSES = {"hd44780": 0x27, "ssd1306": 0x3C, "sh1106": 0x3C}

Table = dict[str, Any]


class Plant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a machine does between its relay and its meter: what no agent's file says.

    Attributes:
        pulses_per_hour: Of its meter, under load: a Wh or ml each.
        spin_up_ms: From start to load and feedback.
        cycle_ms: Length of a run that the relay only starts; None: it runs while closed.
        starts_at: Where a meter that keeps its own count stands at first.
        register: Where its Modbus meter really keeps its total; None: where the agent looks.
    """

    pulses_per_hour: int = 3_600
    spin_up_ms: int = 0
    cycle_ms: int | None = None
    starts_at: int = 0
    register: RegisterParts | None = None


class WiredFile:
    """An agent's file with virtual parts under it.

    Args:
        text: The file. What it says of its folder, broker and touch screen's port is put right.
        plants: What machines do, by id; others are plain.
        prefix: Put before the ids of machines and the topics of plugs, so that several
            controllers of one site can have the same file.

    Raises:
        SetupError: The file is wrong, or names a part that has no virtual one.
    """

    def __init__(
        self, text: str, plants: Mapping[str, Plant] | None = None, prefix: str = ""
    ) -> None:
        try:
            self.config: AgentConfig = parse_config(text)
        except ConfigError as error:
            raise SetupError(f"the controller's file is wrong: {error}") from None
        self.prefix = prefix
        self._text = text
        self._plants = dict(plants or {})
        self.kiosk_port = free_port() if self.config.kiosk is not None else 0
        unknown = set(self._plants) - {machine.id for machine in self.config.machines}
        if unknown:
            raise SetupError(f"there is no machine {', '.join(sorted(unknown))} to have a plant")

    def agent_file(self, data: Path, paths: PartPaths, broker_port: int) -> str:
        """Write the file as the agent on the bench reads it."""
        table = self._table(paths)
        table["data_dir"] = str(data)
        table["broker"] = {"host": "127.0.0.1", "port": broker_port}
        return dump(table)

    def parts(self, controller: str, paths: PartPaths) -> ControllerParts:
        """Tell the parts that its drivers will find.

        Raises:
            SetupError: There is no such virtual part.
        """
        here = msgspec.convert(self._table(paths), AgentConfig)
        return ControllerParts(
            id=controller,
            pins=str(paths.pins),
            machines=tuple(self._machine(each, paths) for each in here.machines),
            readers=tuple(_reader(each) for each in here.readers),
            buttons=tuple(
                ButtonParts(id=each.id, pin=each.button.pin)
                for each in here.machines
                if each.button is not None
            ),
        )

    def _table(self, paths: PartPaths) -> Table:
        """The file, leading to us."""
        table = tomllib.loads(self._text)
        ports: dict[str, str] = {}
        for part in _tables(table):
            path = part.get("port")
            if isinstance(path, str) and path.startswith("/") and not path.startswith(I2C):
                # Two parts on one line stay on one line.
                part["port"] = ports.setdefault(path, str(paths.folder / f"port-{len(ports)}"))
            if part.get("driver") == "counter":
                part["path"] = str(paths.counters / Path(str(part["path"])).name)
            if "topic" in part:
                topic = f"{self.prefix}{part['topic']}"
                part |= {"topic": topic, "host": "127.0.0.1", "port": paths.plugs_port}
        for machine in table.get("machines", ()):
            machine["id"] = f"{self.prefix}{machine['id']}"
        if "kiosk" in table:
            table["kiosk"]["port"] = self.kiosk_port
        return table

    def _machine(self, machine: MachineConfig, paths: PartPaths) -> MachineParts:
        plant = self._plants.get(machine.id.removeprefix(self.prefix), Plant())
        meter, lamps = machine.meter, machine.indicator
        driver = "" if meter is None else meter.driver
        return MachineParts(
            id=machine.id,
            relay_pin=machine.output.pin,
            relay_active_high=machine.output.active_high,
            pulses_per_hour=plant.pulses_per_hour,
            spin_up_ms=plant.spin_up_ms,
            cycle_ms=plant.cycle_ms,
            meter_pin=meter.pin if meter is not None and driver.startswith("pulse") else None,
            counter_path=meter.path if meter is not None and driver == "counter" else None,
            meter=_meter(machine.id, meter, plant) if meter is not None else None,
            plug=_plug(machine.output, paths),
            feedback_pin=None if machine.feedback is None else machine.feedback.pin,
            wraps_at=0 if meter is None else _counts(meter, meter.wraps_at),
            lamps=LampParts(red=lamps.red, green=lamps.green, blue=lamps.blue) if lamps else None,
            buzzer=None if machine.buzzer is None else machine.buzzer.pin,
            display=None if machine.display is None else _display(machine.display),
            cash=tuple(_cash(spec) for spec in machine.cash),
            vend=None if machine.vend is None else VendParts(port=machine.vend.port or ""),
        )


def _reader(spec: ReaderSpec) -> ReaderParts:
    if spec.driver not in {"pn532", "keyboard"}:
        raise SetupError(f"reader {spec.id}: there is no virtual {spec.driver!r} at the bench")
    return ReaderParts(id=spec.id, port=spec.port, kind=spec.driver)


def _meter(machine: str, spec: MeterSpec, plant: Plant) -> MeterParts | None:
    if spec.driver not in {"modbus", "iec62056", "sml"}:
        return None
    return MeterParts(
        kind=spec.driver,
        port=spec.port or "",
        address=spec.address,
        register=plant.register or _register(machine, spec),
        start_wh=plant.starts_at,
    )


def _register(machine: str, spec: MeterSpec) -> RegisterParts:
    place, wh_per_count = spec.register or RegisterSpec(address=0), 1
    if spec.model in MODELS:
        place, wh_per_count = MODELS[spec.model].register, MODELS[spec.model].wh_per_count
    if place.byte_order != "big":
        raise SetupError(f"meter of {machine}: no virtual meter has its bytes turned round")
    return RegisterParts(
        address=place.address,
        function=place.function,
        layout=f">{_LAYOUTS[place.type]}",
        words_reversed=place.word_order == "little",
        counts_numerator=spec.units_denominator,
        counts_denominator=spec.units_numerator * wh_per_count,
    )


def _counts(spec: MeterSpec, units: int) -> int:
    """Units as counts of the meter."""
    return units * spec.units_denominator // spec.units_numerator


def _plug(output: OutputSpec, paths: PartPaths) -> PlugParts | None:
    spec: PlugSpec | None = output.plug
    if spec is None:
        return None
    return PlugParts(kind=spec.kind, topic=spec.topic, broker_port=paths.plugs_port)


def _cash(spec: CashSpec) -> CashParts:
    if spec.path or spec.driver not in {"coin_pulse", "cctalk"}:
        raise SetupError(f"acceptor {spec.id}: there is no virtual {spec.driver!r} like this")
    return CashParts(
        id=spec.id,
        kind="pulse" if spec.driver == "coin_pulse" else f"cctalk_{spec.kind}",
        pin=spec.pin,
        inhibit_pin=spec.inhibit_pin,
        pulses_low=spec.pull_up,
        port=spec.port or "",
        address=spec.address,
        crc=spec.checksum == "crc16",
    )


def _display(spec: DisplaySpec) -> DisplayParts:
    return DisplayParts(
        port=spec.port,
        kind=spec.driver,
        columns=spec.columns,
        rows=spec.rows,
        address=spec.address or _ADDRESSES.get(spec.driver, 0),
    )


def _tables(table: Table) -> Iterator[Table]:
    """Every table below a table."""
    for value in table.values():
        inner = value if isinstance(value, list) else [value]
        for each in inner:
            if isinstance(each, dict):
                yield each
                yield from _tables(each)


def dump(table: Mapping[str, Any]) -> str:
    """Write a table as TOML: lists of tables as such, other tables in line."""
    lists = {name: value for name, value in table.items() if _is_list_of_tables(value)}
    lines = [f"{name} = {_value(value)}" for name, value in table.items() if name not in lists]
    for name, tables in lists.items():
        for each in tables:
            lines += ["", f"[[{name}]]", *(f"{key} = {_value(of)}" for key, of in each.items())]
    return "\n".join(lines) + "\n"


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, dict) for x in value)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(name)} = {_value(of)}" for name, of in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # A JSON string, number or truth value is the same in TOML.
    return json.dumps(value, ensure_ascii=False)
