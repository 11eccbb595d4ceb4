"""An agent's own file, written from a plan: how its machines are wired."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from simulator.plan import WIRING, ControllerPlan, MachinePlan, PartPaths, Wiring

Scalar = str | int | bool


def agent_toml(
    plan: ControllerPlan, data: Path, paths: PartPaths, broker_port: int, *, log_level: str = "info"
) -> str:
    """Write the file.

    Args:
        plan: The controller.
        data: Folder of its journal and key, absolute.
        paths: Where its virtual parts are.
        broker_port: Where it reaches the broker on loopback: its own network cable.
        log_level: As the agent knows it.
    """
    lines = [
        _pair("data_dir", str(data)),
        _pair("log_level", log_level),
        _table("broker", {"host": "127.0.0.1", "port": broker_port}),
    ]
    for reader in plan.readers:
        lines += ["", "[[readers]]", _pair("id", reader), _pair("port", str(paths.reader(reader)))]
    for machine, wiring in zip(plan.machines, WIRING, strict=False):
        lines += ["", "[[machines]]", *_machine(machine, wiring, paths)]
    return "\n".join(lines) + "\n"


def _machine(plan: MachinePlan, wiring: Wiring, paths: PartPaths) -> Iterator[str]:
    name = plan.machine.id
    red, green, blue = wiring.lamps
    yield _pair("id", name)
    yield _pair("reader", plan.reader)
    yield _table("output", {"pin": wiring.relay})
    if plan.meter is not None:
        source: dict[str, Scalar] = {"driver": "pulse", "pin": wiring.meter}
        if plan.meter.absolute:
            source = {"driver": "counter", "path": str(paths.counter(name))}
        ratio = {
            "units_numerator": plan.meter.units_numerator,
            "units_denominator": plan.meter.units_denominator,
        }
        yield _table("meter", {"unit": plan.meter.unit, **source, **ratio})
    if plan.feedback:
        yield _table("feedback", {"pin": wiring.feedback})
    if plan.button:
        yield _table("button", {"pin": wiring.button})
    yield _table("indicator", {"red": red, "green": green, "blue": blue})
    yield _table("display", {"port": str(paths.display(name))})


def _table(key: str, values: Mapping[str, Scalar]) -> str:
    return f"{key} = {{ {', '.join(_pair(name, value) for name, value in values.items())} }}"


def _pair(key: str, value: Scalar) -> str:
    # A JSON string, number or truth value is the same in TOML.
    return f"{key} = {json.dumps(value)}"
