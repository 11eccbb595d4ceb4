"""The I2C bus under a display, and whether anybody answers there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hardware.errors import PartError

ADDRESS_MIN, ADDRESS_MAX = 0x08, 0x77
"""Addresses that devices may have (I2C-bus specification UM10204, section 3.1.12)."""


BusOpener = Callable[[str], Any]
"""Opens a bus by its path, as `smbus2.SMBus`; raises OSError."""


def _kernel_bus(port: str) -> Any:
    import smbus2

    return smbus2.SMBus(port)


_opener: BusOpener = _kernel_bus


def use_buses(opener: BusOpener | None) -> None:
    """Open buses in another way from now on; None: the kernel's. For virtual parts."""
    global _opener  # noqa: PLW0603 as a pin factory: drivers know no more than a path
    _opener = opener or _kernel_bus


def open_bus(port: str, address: int) -> Any:
    """Open a bus on which a device answers at `address`.

    The library above registers a clean-up for each display that it makes, also for one
    that isn't there; so none is made before this.

    Raises:
        PartError: There is no such bus, or nobody answers.
    """
    try:
        bus = _opener(port)
    except OSError as error:
        raise PartError(f"bus {port}", str(error), "Switch I2C on: raspi-config") from error
    try:
        bus.read_byte(address)
    except OSError as error:
        with suppress(OSError):
            bus.close()
        raise PartError(
            f"display at 0x{address:02x} of {port}",
            f"nobody answers ({error})",
            f"Look for its address: i2cdetect -y {port[-1:]}",
        ) from error
    return bus
