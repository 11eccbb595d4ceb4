"""An I2C bus inside an agent's process, whose devices are in the world."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from simulator.parts.pin_lines import BusWrite


class BridgedBus:
    """The bus, as `smbus2.SMBus` looks to a driver.

    Args:
        path: Of the bus.
        tell: Takes what is written.
        present: Gives the addresses that answer now.
    """

    def __init__(
        self,
        path: str,
        tell: Callable[[BusWrite], None],
        present: Callable[[], tuple[int, ...]],
    ) -> None:
        self._path = path
        self._tell = tell
        self._present = present

    def read_byte(self, address: int) -> int:
        """Ask whether anybody is there.

        Raises:
            OSError: Nobody answers.
        """
        if address not in self._present():
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return 0

    def write_byte(self, address: int, value: int) -> None:
        """Write a plain byte. Raises as `read_byte`."""
        self._write(address, None, bytes((value,)))

    def write_i2c_block_data(self, address: int, register: int, data: list[int]) -> None:
        """Write a block to a register. Raises as `read_byte`."""
        self._write(address, register, bytes(data))

    def close(self) -> None:
        """Give the bus back; the devices stay."""

    def _write(self, address: int, register: int | None, data: bytes) -> None:
        self.read_byte(address)
        self._tell(BusWrite(bus=self._path, address=address, register=register, data=data))
