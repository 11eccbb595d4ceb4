"""What takes money, as a controller's TOML names it."""

from __future__ import annotations

import msgspec

Options = dict[str, str | int | bool]


class CashSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coin or note acceptor.

    Attributes:
        id: Name of the acceptor in events.
        driver: Which driver opens it.
        port: Its serial device, where it has one.
        pin: Pin at which it counts, where it has one.
        inhibit_pin: Pin that lets it accept, where it has one.
        values: What coins and notes are worth, minor units: by the device's own numbers,
            from 1 on; 0: not accepted. For pulses: what one is worth.
        value_max_minor: The most that comes in at once; 0: the largest of `values`.
        options: For a driver of your own.
    """

    id: str
    driver: str
    port: str | None = None
    pin: int | None = None
    inhibit_pin: int | None = None
    values: tuple[int, ...] = ()
    value_max_minor: int = 0
    options: Options = {}

    @property
    def most_minor(self) -> int:
        """The most that comes in at once, minor units."""
        return self.value_max_minor or max(self.values, default=0)


class VendSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vending machine's bus.

    Attributes:
        id: Name of the bus in events.
        driver: Which driver opens it.
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
