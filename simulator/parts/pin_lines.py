"""What an agent's mock pins and keypads and the world tell each other, as lines of JSON."""

from __future__ import annotations

import msgspec

LINE_BYTES_MAX = 4096
"""A line takes some 60 bytes; a longer one is a fault of the peer."""


class PinLevel(msgspec.Struct, frozen=True, kw_only=True):
    """From the agent: an output changed.

    Attributes:
        pin: BCM number.
        level: True high, False low, None given back (it floats to its pull).
        mono_ns: When, on the machine's monotonic clock, which all processes share.
    """

    pin: int
    level: bool | None
    mono_ns: int


class DrivePin(msgspec.Struct, frozen=True, kw_only=True, tag="drive"):
    """From the world: an input is driven.

    Attributes:
        pin: BCM number.
        level: Hold it high (True) or low (False); None leaves it to its pull.
        pulses: Go this often from the pull to the other level and back; then `level`
            isn't used.
    """

    pin: int
    level: bool | None = None
    pulses: int = 0


class TypeDigits(msgspec.Struct, frozen=True, kw_only=True, tag="type"):
    """From the world: someone typed at a machine's keypad.

    Attributes:
        machine: At which.
        digits: What.
    """

    machine: str
    digits: str


Order = DrivePin | TypeDigits
"""What the world tells an agent."""

_encoder = msgspec.json.Encoder()
_level_decoder = msgspec.json.Decoder(PinLevel)
_order_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def encode_line(message: PinLevel | Order) -> bytes:
    """Encode one message with its line end."""
    return _encoder.encode(message) + b"\n"


def decode_level(line: bytes) -> PinLevel:
    """Decode what an agent sent.

    Raises:
        msgspec.DecodeError: The line isn't a `PinLevel`.
    """
    return _level_decoder.decode(line)


def decode_order(line: bytes) -> Order:
    """Decode what the world sent.

    Raises:
        msgspec.DecodeError: The line isn't an `Order`.
    """
    return _order_decoder.decode(line)
