"""What the controller's file may say about meters and plugs; every fault in words."""

from __future__ import annotations

from collections.abc import Iterator

from hardware.meters.iec_readout import DEVICE_CHARS_MAX
from hardware.meters.modbus_models import MODELS, UNIT
from hardware.meters.obis import read_code
from hardware.meters.registers import complaint
from hardware.specs import MeterSpec, OutputSpec, PlugSpec

PLUG_KINDS = ("shelly1", "shelly2", "tasmota")
BAUDRATES = (0, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
PARITIES = ("", "none", "even", "odd")
ADDRESS_MAX = 247
POLL_MS_MIN, POLL_MS_MAX = 100, 600_000
"""Faster than any bus answers; and slower than any session would wait."""
COUNTS_PER_HOUR_MIN = 60
"""A meter's last count may have come up to a minute before it is read."""
PORT_MAX = 65_535
_SERIAL = ("modbus", "iec62056", "sml")


def check_meter(where: str, spec: MeterSpec) -> Iterator[str]:
    """List what is wrong with a meter."""
    if spec.driver in {"pulse", "pulse_gpiod"} and spec.pin is None:
        yield f"{where}.pin: missing; write the BCM number of the pulse input"
    if spec.driver == "counter" and spec.path is None:
        yield f"{where}.path: missing; write the path of the kernel's count file"
    if spec.units_numerator < 1 or spec.units_denominator < 1:
        yield f"{where}: units_numerator and units_denominator must be 1 or more"
    elif spec.units_per_hour_max or spec.wraps_at:
        yield from _check_bounds(where, spec)
    if spec.driver in _SERIAL:
        yield from _check_serial(where, spec)
    if spec.poll_ms and not POLL_MS_MIN <= spec.poll_ms <= POLL_MS_MAX:
        yield f"{where}.poll_ms: write {POLL_MS_MIN} to {POLL_MS_MAX}, or leave it away"
    if spec.plug is not None:
        yield from check_plug(f"{where}.plug", spec.plug)


def check_output(where: str, spec: OutputSpec) -> Iterator[str]:
    """List what is wrong with an output."""
    if spec.driver == "gpio" and spec.pin is None:
        yield f"{where}.pin: missing; write the BCM number of the relay's pin"
    if spec.driver == "plug":
        if spec.plug is None:
            yield f"{where}.plug: missing; write a table with kind, topic"
        else:
            yield from check_plug(f"{where}.plug", spec.plug)


def check_plug(where: str, spec: PlugSpec) -> Iterator[str]:
    """List what is wrong with a plug."""
    if spec.kind not in PLUG_KINDS:
        yield f"{where}.kind: is {spec.kind!r}; write {' or '.join(PLUG_KINDS)}"
    if not spec.topic or any(char in spec.topic for char in "+#\0"):
        yield f"{where}.topic: is {spec.topic!r}; write the plug's MQTT topic, without + and #"
    if not 1 <= spec.port <= PORT_MAX:
        yield f"{where}.port: write 1 to {PORT_MAX}"
    if spec.channel < 0:
        yield f"{where}.channel: relays are counted from 0"
    if spec.password_file and not spec.password_file.startswith("/"):
        yield f"{where}.password_file: write an absolute path, it begins with /"


def _check_bounds(where: str, spec: MeterSpec) -> Iterator[str]:
    if spec.units_per_hour_max < 0 or spec.wraps_at < 0:
        yield f"{where}: units_per_hour_max and wraps_at must be 0 or more"
    elif not spec.units_per_hour_max:
        yield (
            f"{where}.wraps_at: needs units_per_hour_max; without it a total that begins "
            "again can't be told from another meter"
        )
    elif spec.units_per_hour_max * spec.units_denominator < (
        COUNTS_PER_HOUR_MIN * spec.units_numerator
    ):
        yield (
            f"{where}.units_per_hour_max: write at least {COUNTS_PER_HOUR_MIN} times what one "
            "count is worth"
        )


def _check_serial(where: str, spec: MeterSpec) -> Iterator[str]:
    if spec.port is None:
        yield f"{where}.port: missing; write an absolute path like /dev/serial/by-id/…"
    if spec.baudrate not in BAUDRATES:
        yield f"{where}.baudrate: is {spec.baudrate}; write {', '.join(map(str, BAUDRATES[1:]))}"
    if spec.parity not in PARITIES:
        yield f"{where}.parity: is {spec.parity!r}; write {' or '.join(PARITIES[1:])}"
    if spec.stopbits not in {0, 1, 2}:
        yield f"{where}.stopbits: is {spec.stopbits}; write 1 or 2"
    if spec.driver == "modbus":
        yield from _check_modbus(where, spec)
    elif read_code(spec.obis) is None:
        yield f"{where}.obis: is {spec.obis!r}; write a code like 1.8.0 or 1-0:1.8.0*255"
    if len(spec.device) > DEVICE_CHARS_MAX or not (spec.device + "0").isalnum():
        yield f"{where}.device: write at most {DEVICE_CHARS_MAX} letters and digits"


def _check_modbus(where: str, spec: MeterSpec) -> Iterator[str]:
    if not 1 <= spec.address <= ADDRESS_MAX:
        yield f"{where}.address: is {spec.address}; write 1 to {ADDRESS_MAX}, as set at the meter"
    if spec.register is None and spec.model not in MODELS:
        yield f"{where}.model: is {spec.model!r}; write {', '.join(MODELS)}, or a register"
    if spec.register is not None:
        if spec.model:
            yield f"{where}: has a model and a register; write one of them"
        if wrong := complaint(spec.register):
            yield f"{where}.register: {wrong}"
    elif spec.model in MODELS and spec.unit != UNIT:
        yield f"{where}.unit: is {spec.unit!r}; {spec.model} counts {UNIT}"
