"""A part that talks for ever, or asks for what can't be, holds nobody up."""

from __future__ import annotations

import errno
from unittest.mock import patch

import pytest
import serial

from hardware.readers import pn532_port
from simulator.parts.hsu import Frame
from simulator.parts.pn532_chip import Pn532Chip

ACK = bytes.fromhex("0000ff00ff00")


class Endless:
    """Stands for `serial.Serial` at a chip that only ever acknowledges."""

    timeout = 0.0

    def __init__(self, *_, **__):
        self.read_bytes = 0

    def read(self, count):
        self.read_bytes += count
        assert self.read_bytes < 10_000, "it is read for ever"
        return (ACK * count)[:count]

    def write(self, data):
        return len(data)

    def flushInput(self):  # noqa: N802 the library's name
        pass


def test_a_chip_that_acknowledges_for_ever_is_given_up():
    with patch.object(serial, "Serial", Endless):
        line = pn532_port._Line("/dev/none")
        for _ in range(2):
            line.write(bytearray(b"x"))
            with pytest.raises(OSError, match="stop talking") as given_up:  # noqa: PT012 the loop is the point
                while line.read(100) == ACK:  # the answer that never comes
                    pass
            assert given_up.value.errno == errno.EIO


def test_the_chip_takes_no_timeout_that_there_is_not(tmp_path):
    chip = Pn532Chip(tmp_path / "port")

    assert chip._obey(0x32, bytes([0x02, 0, 0x0B, 0x10])) == b""
    assert chip._obey(0x32, bytes([0x02, 0, 0x0B, 0x11])) is None
    chip._on_frame(Frame(bytes.fromhex("d44200")))
