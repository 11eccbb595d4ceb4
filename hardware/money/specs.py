"""What takes money, as a controller's TOML names it."""

from __future__ import annotations

import msgspec

Options = dict[str, str | int | bool]


class CashSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coin or note acceptor.

    Attributes:
        id: Name of the acceptor in events.
        driver: "coin_pulse" or "cctalk".
        kind: What it takes: "coin" or "note".
        values: What coins and notes are worth, minor units: by the device's own numbers,
            from 1 on; for pulses by their number. 0: not accepted.
        value_max_minor: The most that comes in at once; 0: the largest of `values`.
        pin: Pin at which it counts, for "coin_pulse".
        inhibit_pin: Pin that lets it accept; None: it accepts always.
        inhibit_active_high: Whether high is the level at which it accepts nothing.
        pull_up: Whether the line rests high and a pulse pulls it low.
        path: GPIO chip like `/dev/gpiochip0`, whose kernel numbers the edges, so that lost
            ones are known; empty: the pin library counts.
        pulse_minor: What each pulse is worth, instead of `values`; 0: it isn't so simple.
        pulse_ms_min: Shorter pulses are noise.
        pulse_ms_max: Longer ones aren't pulses.
        gap_ms: Silence that ends the pulses of a coin.
        port: Serial device of a ccTalk bus; several devices may share it.
        baudrate: Of the bus.
        address: On the bus; 0: the usual one of its kind.
        checksum: "simple" or "crc16", as set at the device.
        country: Whose money the device names, as it writes it ("EU", "GB"); instead of
            `values`. Coins and notes of others aren't accepted.
        options: For a driver of your own.
    """

    id: str
    driver: str
    kind: str = "coin"
    values: tuple[int, ...] = ()
    value_max_minor: int = 0
    pin: int | None = None
    inhibit_pin: int | None = None
    inhibit_active_high: bool = True
    pull_up: bool = True
    path: str = ""
    pulse_minor: int = 0
    pulse_ms_min: int = 10
    pulse_ms_max: int = 500
    gap_ms: int = 250
    port: str | None = None
    baudrate: int = 9_600
    address: int = 0
    checksum: str = "simple"
    country: str = ""
    options: Options = {}

    @property
    def most_minor(self) -> int:
        """The most that comes in at once, minor units."""
        return self.value_max_minor or max(self.values, default=self.pulse_minor)


class VendSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vending machine's bus.

    Attributes:
        id: Name of the bus in events.
        driver: "mdb".
        port: Serial device of its adapter.
        baudrate: Of that device.
        exponent: Decimal places of the machine's prices; those of the unit of its tariff.
        options: For a driver of your own.
    """

    id: str
    driver: str
    port: str | None = None
    baudrate: int = 115_200
    exponent: int = 2
    options: Options = {}
