"""What parts a virtual controller has, as TOML names them.

It says what is wired where; the agent's own configuration says the same from its side.
"""

from __future__ import annotations

import msgspec


class ReaderParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PN532.

    Attributes:
        id: Its name.
        port: Path that the serial port shall have.
    """

    id: str
    port: str


class ButtonParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A push button to ground.

    Attributes:
        id: Its name.
        pin: BCM number.
    """

    id: str
    pin: int


class LampParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Three lamps, by BCM number."""

    red: int
    green: int
    blue: int


class DisplayParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text display.

    Attributes:
        port: Path that the serial port shall have.
        columns: Characters in a line.
        rows: Lines.
    """

    port: str
    columns: int = 20
    rows: int = 2


class MeterParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter at a serial port. It counts a Wh for each pulse of its machine.

    Attributes:
        kind: "modbus" (an SDM120), "iec62056" or "sml".
        port: Path that the serial port shall have; Modbus meters may share one.
        address: Of a Modbus meter.
        start_wh: Where it stands at first.
    """

    kind: str
    port: str
    address: int = 1
    start_wh: int = 0


class PlugParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A switched socket at a broker on loopback, in place of a relay. Its meter counts likewise.

    Attributes:
        kind: "shelly1", "shelly2" or "tasmota".
        topic: As set in it.
        broker_port: Where its broker listens.
    """

    kind: str
    topic: str
    broker_port: int


class MachineParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine with its relay and meter.

    Attributes:
        id: Its name.
        relay_pin: BCM number; None: a plug switches it.
        relay_active_high: Which level closes the relay.
        pulses_per_hour: Of the meter, under load.
        spin_up_ms: From start to load and feedback.
        cycle_ms: Length of a run that the relay only starts; None: it runs while closed.
        meter_pin: Where pulses go; None: nowhere.
        counter_path: File that holds the absolute count, as the kernel's counters do; None: none.
        meter: A meter at a serial port; None: none.
        plug: The socket that switches it; None: a relay does.
        feedback_pin: High while it really runs; None: it gives no feedback.
        lamps: Its indicator.
        display: Its display.
    """

    id: str
    relay_pin: int | None = None
    relay_active_high: bool = True
    pulses_per_hour: int = 3_600
    spin_up_ms: int = 0
    cycle_ms: int | None = None
    meter_pin: int | None = None
    counter_path: str | None = None
    meter: MeterParts | None = None
    plug: PlugParts | None = None
    feedback_pin: int | None = None
    lamps: LampParts | None = None
    display: DisplayParts | None = None


class ControllerParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parts of one controller.

    Attributes:
        id: Its name.
        pins: Path that the socket of its pins shall have.
        machines: What it switches.
        readers: Its card readers.
        buttons: Its buttons.
    """

    id: str
    pins: str
    machines: tuple[MachineParts, ...]
    readers: tuple[ReaderParts, ...] = ()
    buttons: tuple[ButtonParts, ...] = ()


class WorldParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All controllers of a world.

    Attributes:
        controllers: Each with its parts.
        speed: How many times faster than the clock the machines work.
    """

    controllers: tuple[ControllerParts, ...]
    speed: int = 1


def parse_parts(toml: bytes) -> WorldParts:
    """Read a world's parts.

    Raises:
        msgspec.DecodeError: It isn't TOML, or names what doesn't exist.
    """
    return msgspec.toml.decode(toml, type=WorldParts)
