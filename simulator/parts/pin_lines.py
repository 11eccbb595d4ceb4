"""What an agent's mock pins, buses and keypads and the world tell each other: lines of JSON."""

from __future__ import annotations

import msgspec

LINE_BYTES_MAX = 4096
"""A line takes some 60 bytes; a longer one is a fault of the peer."""


class PinLevel(msgspec.Struct, frozen=True, kw_only=True, tag="level"):
    """From the agent: an output changed.

    Attributes:
        pin: BCM number.
        level: True high, False low, None given back (it floats to its pull).
        mono_ns: When, on the machine's monotonic clock, which all processes share.
    """

    pin: int
    level: bool | None
    mono_ns: int


class BusWrite(msgspec.Struct, frozen=True, kw_only=True, tag="bus"):
    """From the agent: it wrote to a device of an I2C bus.

    Attributes:
        bus: Path of the bus.
        address: Of the device.
        register: Which register; None: a plain byte.
        data: What.
    """

    bus: str
    address: int
    register: int | None
    data: bytes


class DrivePin(msgspec.Struct, frozen=True, kw_only=True, tag="drive"):
    """From the world: an input is driven.

    Attributes:
        pin: BCM number.
        level: Hold it high (True) or low (False); None leaves it to its pull.
        pulses: Go this often from the pull to the other level and back; then `level`
            isn't used.
        pulse_ms: How long each pulse lasts, and the pause after it; 0: no time at all.
        rest_ms: How long nothing else comes after the last one.
    """

    pin: int
    level: bool | None = None
    pulses: int = 0
    pulse_ms: int = 0
    rest_ms: int = 0


class TypeDigits(msgspec.Struct, frozen=True, kw_only=True, tag="type"):
    """From the world: someone typed at a machine's keypad.

    Attributes:
        machine: At which.
        digits: What.
    """

    machine: str
    digits: str


class BusPresence(msgspec.Struct, frozen=True, kw_only=True, tag="presence"):
    """From the world: which devices answer on an I2C bus from now on.

    Attributes:
        bus: Path of the bus.
        addresses: Of those that answer.
    """

    bus: str
    addresses: tuple[int, ...]


class JumpClock(msgspec.Struct, frozen=True, kw_only=True, tag="jump"):
    """From the world: the controller's wall clock jumps.

    Attributes:
        by_ms: By how much; negative: back.
    """

    by_ms: int


Report = PinLevel | BusWrite
"""What an agent tells the world."""
Order = DrivePin | TypeDigits | BusPresence | JumpClock
"""What the world tells an agent."""

_encoder = msgspec.json.Encoder()
_report_decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
_order_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def encode_line(message: Report | Order) -> bytes:
    """Encode one message with its line end."""
    return _encoder.encode(message) + b"\n"


def decode_report(line: bytes) -> Report:
    """Decode what an agent sent.

    Raises:
        msgspec.DecodeError: The line isn't a `Report`.
    """
    return _report_decoder.decode(line)


def decode_order(line: bytes) -> Order:
    """Decode what the world sent.

    Raises:
        msgspec.DecodeError: The line isn't an `Order`.
    """
    return _order_decoder.decode(line)
