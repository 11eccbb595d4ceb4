"""The controller's own file: which parts there are and how they are wired.

What machines cost and mean comes from the hub; see `wire.machines`. The file is
TOML; `deploy/agent.toml` shows every key.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from firmware_agent.config_check import check_table
from firmware_agent.config_meters import check_meter, check_output
from firmware_agent.config_money import check_money
from firmware_agent.errors import ConfigError
from firmware_agent.languages import TAGS
from hardware.drivers import Drivers
from hardware.factory import (
    ACCEPTORS,
    BUZZERS,
    DISPLAYS,
    INDICATORS,
    METERS,
    OUTPUTS,
    READERS,
    VENDORS,
)
from hardware.money.specs import CashSpec, VendSpec
from hardware.specs import (
    PIN_MAX,
    BuzzerSpec,
    DisplaySpec,
    IndicatorSpec,
    MeterSpec,
    OutputSpec,
    ReaderSpec,
)
from wire.codec import Format
from wire.ids import is_name

CONFIG_PATH = "/etc/standpipe/agent.toml"
DATA_DIR = "/var/lib/standpipe"
MACHINES_MAX = 32
"""More than a controller's header has pins for; bounds the live view."""
BUS_DRIVERS = ("usb", "pcsc")
"""Readers that are found by asking, not by a path."""
PORT_MAX = 65_535
IDLE_S_MIN, IDLE_S_MAX = 5, 60
"""Time to read a balance; longer, and the next person reads it, too. A code can be typed
for a minute after a tap."""
JOURNAL_BYTES_MIN = 1 << 20
"""Below this the card list of a site doesn't fit."""


class PinConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A button of a machine, to ground.

    Attributes:
        pin: BCM number.
    """

    pin: int


class FeedbackConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine's own signal: that it runs, that its door is open, that it has a fault.

    Attributes:
        pin: BCM number.
        active_high: Which level means so.
    """

    pin: int
    active_high: bool = True


class ReaderConfig(ReaderSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card reader, and what stands beside it when machines share it.

    Attributes:
        indicator: Lamps at the reader.
        buzzer: Sounds at the reader, beside something to see.
        display: Display at the reader.
    """

    indicator: IndicatorSpec | None = None
    buzzer: BuzzerSpec | None = None
    display: DisplaySpec | None = None


class MachineConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one machine is wired.

    Attributes:
        id: Name of the machine, as at the hub.
        output: What switches it.
        reader: Id of its reader; empty: it is started by the hub only. Machines that
            share a reader each need a `button`.
        meter: What counts its use; None: only time is counted.
        feedback: The machine's own signal that it runs.
        door: The machine's own signal that its door is open.
        fault: The machine's own signal that it has a fault.
        cash: What takes coins and notes at it.
        vend: The bus of a vending machine.
        button: With a reader of its own the button stops a session, and steps through the
            programs of one that is free; with a shared reader it chooses the machine,
            before or after the tap.
        indicator: Lamps at the machine.
        buzzer: Sounds at the machine, beside something to see.
        display: Display at the machine.
    """

    id: str
    output: OutputSpec
    reader: str = ""
    meter: MeterSpec | None = None
    feedback: FeedbackConfig | None = None
    door: FeedbackConfig | None = None
    fault: FeedbackConfig | None = None
    cash: tuple[CashSpec, ...] = ()
    vend: VendSpec | None = None
    button: PinConfig | None = None
    indicator: IndicatorSpec | None = None
    buzzer: BuzzerSpec | None = None
    display: DisplaySpec | None = None


class BrokerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another way to the broker than the one given at enrolment.

    Attributes:
        host: Name or address.
        port: TCP port.
    """

    host: str
    port: int


class KioskConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page for a touch screen at the controller; only this controller can open it.

    Attributes:
        port: TCP port on 127.0.0.1.
        language: While nobody's card is there; empty: as on displays.
        idle_s: A balance and a chosen language disappear after so many seconds.
        reader: Shows the machines of this reader; empty: all of the controller.
    """

    port: int = 8480
    language: str = ""
    idle_s: int = 20
    reader: str = ""


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A controller's file.

    Attributes:
        data_dir: Folder of the journal and the key; on a disk that survives power cuts.
        log_level: `debug`, `info`, `warning` or `error`.
        rtc: Whether the controller has a clock with a battery.
        wire_format: `json`, or `msgpack` for a metered link.
        journal_bytes_max: The database is never larger; when it is full, nothing is
            authorised until the hub has acknowledged events.
        language: In which people are spoken to while nobody's card is there.
        broker: Another way to the broker.
        kiosk: The page for a touch screen; None: there is none.
        readers: Card readers.
        machines: Machines.
    """

    data_dir: str = DATA_DIR
    log_level: str = "info"
    rtc: bool = False
    wire_format: str = "json"
    journal_bytes_max: int = 1 << 30
    language: str = "en"
    broker: BrokerConfig | None = None
    kiosk: KioskConfig | None = None
    readers: tuple[ReaderConfig, ...] = ()
    machines: tuple[MachineConfig, ...] = ()

    @property
    def format(self) -> Format:
        """The wire's format."""
        return Format.MSGPACK if self.wire_format == "msgpack" else Format.JSON


_DRIVERS: dict[type, Drivers] = {
    ReaderConfig: READERS,
    OutputSpec: OUTPUTS,
    CashSpec: ACCEPTORS,
    VendSpec: VENDORS,
    MeterSpec: METERS,
    IndicatorSpec: INDICATORS,
    BuzzerSpec: BUZZERS,
    DisplaySpec: DISPLAYS,
}


def load_config(path: str | Path) -> AgentConfig:
    """Read a controller's file.

    Raises:
        ConfigError: It can't be read, isn't TOML, or asks for what can't be.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((f"{path} can't be read: {error}",)) from None
    return parse_config(text)


def parse_config(text: str) -> AgentConfig:
    """Read a controller's file from its text.

    Raises:
        ConfigError: With every problem found.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"not TOML: {error}",)) from None
    except RecursionError:
        raise ConfigError(("not TOML that is meant: it is nested too deeply",)) from None
    problems = check_table(data, AgentConfig, "")
    if problems:
        raise ConfigError(tuple(problems))
    config = msgspec.convert(data, AgentConfig)
    found = tuple(_rules(config))
    if found:
        raise ConfigError(found)
    return config


def _rules(config: AgentConfig) -> Iterator[str]:
    if not config.data_dir.startswith("/"):
        yield "data_dir: write an absolute path, it begins with /"
    if config.log_level not in {"debug", "info", "warning", "error"}:
        yield f"log_level: is {config.log_level!r}; write debug, info, warning or error"
    if config.wire_format not in {"json", "msgpack"}:
        yield f"wire_format: is {config.wire_format!r}; write json or msgpack"
    if config.journal_bytes_max < JOURNAL_BYTES_MIN:
        yield f"journal_bytes_max: write at least {JOURNAL_BYTES_MIN}"
    if len(config.machines) > MACHINES_MAX:
        yield f"machines: at most {MACHINES_MAX} at one controller"
    yield from _check_names("readers", [reader.id for reader in config.readers])
    yield from _check_names("machines", [machine.id for machine in config.machines])
    yield from _check_names("money parts", money_ids(config))
    yield from _check_readers(config)
    yield from _check_drivers(config)
    yield from _check_pins(config)
    yield from _check_people(config)


def _check_names(where: str, names: list[str]) -> Iterator[str]:
    for index, name in enumerate(names):
        if not is_name(name):
            yield f"{where}[{index}].id: is {name!r}; use lower case, digits and _ . -"
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{where}: the id {name!r} is used {count} times; give each its own"


def _check_readers(config: AgentConfig) -> Iterator[str]:
    known = {reader.id for reader in config.readers}
    on_screen = _readers_on_screen(config)
    users = Counter(machine.reader for machine in config.machines if machine.reader)
    for index, machine in enumerate(config.machines):
        where = f"machines[{index}]"
        if machine.reader and machine.reader not in known:
            yield f"{where}.reader: there is no reader {machine.reader!r} under [[readers]]"
        is_chosen = machine.button is not None or machine.reader in on_screen
        if users[machine.reader] > 1 and not is_chosen:
            yield (
                f"{where}.button: missing; {machine.reader!r} serves several machines, "
                "so each needs a button to be chosen with, or a [kiosk]"
            )


def _readers_on_screen(config: AgentConfig) -> frozenset[str]:
    """Readers whose machines can be chosen on a touch screen."""
    if config.kiosk is None:
        return frozenset()
    if config.kiosk.reader:
        return frozenset({config.kiosk.reader})
    return frozenset(reader.id for reader in config.readers)


def _check_people(config: AgentConfig) -> Iterator[str]:
    """What speaks to people: in languages that ship, and never by sound alone."""
    for where, tag in (
        ("language", config.language),
        ("kiosk.language", config.kiosk.language if config.kiosk is not None else ""),
    ):
        if tag not in {"", *TAGS}:
            yield f"{where}: is {tag!r}; write {' or '.join(TAGS)}"
    places: list[tuple[str, ReaderConfig | MachineConfig]] = [
        *((f"readers[{index}]", reader) for index, reader in enumerate(config.readers)),
        *((f"machines[{index}]", machine) for index, machine in enumerate(config.machines)),
    ]
    for where, place in places:
        if place.buzzer and place.indicator is None and place.display is None:
            yield (
                f"{where}.buzzer: alone tells nothing to who doesn't hear it; "
                "add an indicator or a display"
            )
    yield from _check_kiosk(config)


def _check_kiosk(config: AgentConfig) -> Iterator[str]:
    kiosk = config.kiosk
    if kiosk is None:
        return
    if not 0 <= kiosk.port <= PORT_MAX:
        yield f"kiosk.port: write 1 to {PORT_MAX}, or 0 for any that is free"
    if not IDLE_S_MIN <= kiosk.idle_s <= IDLE_S_MAX:
        yield f"kiosk.idle_s: write {IDLE_S_MIN} to {IDLE_S_MAX} seconds"
    if kiosk.reader and kiosk.reader not in {reader.id for reader in config.readers}:
        yield f"kiosk.reader: there is no reader {kiosk.reader!r} under [[readers]]"


def _check_drivers(config: AgentConfig) -> Iterator[str]:
    for where, spec in specs_of(config):
        known = _DRIVERS.get(type(spec))
        if known is not None and (wrong := known.complaint(getattr(spec, "driver", ""))):
            yield f"{where}.driver: {wrong}"
        yield from _check_port(where, getattr(spec, "driver", ""), getattr(spec, "port", None))
        if isinstance(spec, MeterSpec):
            yield from check_meter(where, spec)
        if isinstance(spec, OutputSpec):
            yield from check_output(where, spec)
        yield from check_money(where, spec)


def _check_port(where: str, driver: str, port: str | None) -> Iterator[str]:
    """A port is a device's path, or begins with the name of the bus that the driver asks."""
    if port is None or "." in driver:
        return
    if driver in BUS_DRIVERS:
        if port.partition(":")[0] != driver:
            yield f"{where}.port: is {port!r}; write {driver}, or {driver}: and which one"
    elif not port.startswith("/"):
        yield f"{where}.port: is {port!r}; write an absolute path like /dev/ttyAMA0"


def _check_pins(config: AgentConfig) -> Iterator[str]:
    users: dict[int, list[str]] = {}
    for where, spec in specs_of(config):
        for name in ("pin", "reset_pin", "inhibit_pin", "red", "green", "blue"):
            pin = getattr(spec, name, None)
            if pin is None:
                continue
            users.setdefault(pin, []).append(f"{where}.{name}")
            if not 0 <= pin <= PIN_MAX:
                yield f"{where}.{name}: is {pin}; a BCM number is 0 to {PIN_MAX}"
    for pin, where_used in users.items():
        if len(where_used) > 1:
            yield f"pin {pin} is used by {' and '.join(where_used)}; each needs its own"


def specs_of(config: AgentConfig) -> Iterator[tuple[str, object]]:
    """List every part's spec with its path in the file."""
    for index, reader in enumerate(config.readers):
        yield f"readers[{index}]", reader
        for name in ("indicator", "buzzer", "display"):
            if (spec := getattr(reader, name)) is not None:
                yield f"readers[{index}].{name}", spec
    for index, machine in enumerate(config.machines):
        for name in _SINGLE_PARTS:
            if (spec := getattr(machine, name)) is not None:
                yield f"machines[{index}].{name}", spec
        for number, spec in enumerate(machine.cash):
            yield f"machines[{index}].cash[{number}]", spec


_SINGLE_PARTS = (
    "output",
    "meter",
    "feedback",
    "door",
    "fault",
    "vend",
    "button",
    "indicator",
    "buzzer",
    "display",
)


def money_ids(config: AgentConfig) -> list[str]:
    """Ids of acceptors and vending buses: each of its own, since alarms name them."""
    found = [spec.id for machine in config.machines for spec in machine.cash]
    return found + [machine.vend.id for machine in config.machines if machine.vend is not None]
