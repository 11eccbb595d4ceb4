"""What parts a virtual controller has, as TOML names them.

It says what is wired where; the agent's own configuration says the same from its side.
"""

from __future__ import annotations

import msgspec

from simulator.parts.cash_spec import CashParts, VendParts


class ReaderParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card reader.

    Attributes:
        id: Its name.
        port: Path that the serial port, or the event device, shall have.
        kind: "pn532", or "keyboard" for one that types.
    """

    id: str
    port: str
    kind: str = "pn532"


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
    """A display.

    Attributes:
        port: Path that the serial port shall have, or the agent's path of the I2C bus.
        kind: "serial_text", or "hd44780", "ssd1306" or "sh1106" on a bus.
        columns: Characters in a line, of a text display.
        rows: Lines, of a text display.
        address: On the bus.
    """

    port: str
    kind: str = "serial_text"
    columns: int = 20
    rows: int = 2
    address: int = 0


class RegisterParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a Modbus meter keeps its total.

    Attributes:
        address: First register, from 0.
        function: 3 or 4; the other one refuses.
        layout: `struct` format of the number, the highest byte first, like ">f".
        words_reversed: Whether the lowest register comes first.
        counts_numerator: With `counts_denominator`: counts of the register for each unit
            of the machine. An SDM120 counts kWh: 1/1000.
        counts_denominator: See `counts_numerator`.
    """

    address: int = 0x0048
    function: int = 4
    layout: str = ">f"
    words_reversed: bool = False
    counts_numerator: int = 1
    counts_denominator: int = 1_000


class MeterParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter at a serial port. It counts a Wh for each pulse of its machine.

    Attributes:
        kind: "modbus", "iec62056" or "sml".
        port: Path that the serial port shall have; Modbus meters may share one.
        address: Of a Modbus meter.
        register: Of a Modbus meter; as it is, an SDM120's.
        start_wh: Where it stands at first.
    """

    kind: str
    port: str
    address: int = 1
    register: RegisterParts = RegisterParts()
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
        wraps_at: Where a meter that keeps its own count begins again at 0; 0: never.
        lamps: Its indicator.
        buzzer: Pin of its buzzer.
        display: Its display.
        cash: What takes coins and notes at it.
        vend: The vending machine that it is.
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
    wraps_at: int = 0
    lamps: LampParts | None = None
    buzzer: int | None = None
    display: DisplayParts | None = None
    cash: tuple[CashParts, ...] = ()
    vend: VendParts | None = None


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
