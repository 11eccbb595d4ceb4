"""MQTT topics: who publishes where.

`standpipe/v1/<partition>/<controller>/up|down/<leaf>`. A broker's ACL by user name
needs no more than the pattern `standpipe/v1/+/%u/up/#` and `…/down/#`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from wire.errors import DecodeError
from wire.ids import is_name

ROOT = "standpipe/v1"
PARTITIONS = 64
"""Fixed for ever: a controller keeps its partition from enrolment on."""

UP_JOURNAL = "up/journal"
UP_WANT = "up/want"
UP_STATUS = "up/status"
UP_STATE = "up/state"
UP_RESULT = "up/result"
DOWN_ACK = "down/ack"
DOWN_ACCOUNTS = "down/accounts"
DOWN_CONFIG = "down/config"
DOWN_COMMAND = "down/command"
DOWN_KEY = "down/key"

LEAVES_UP = frozenset({UP_JOURNAL, UP_WANT, UP_STATUS, UP_STATE, UP_RESULT})
LEAVES_DOWN = frozenset({DOWN_ACK, DOWN_ACCOUNTS, DOWN_CONFIG, DOWN_COMMAND, DOWN_KEY})
COMMAND_EXPIRY_S = 60
"""A command older than this surprises whoever stands at the machine."""
_PARTS = 6


@dataclass(frozen=True, slots=True)
class Address:
    """A topic taken apart."""

    partition: str
    controller: str
    leaf: str


def partition_of(controller: str) -> str:
    """Choose a partition for a new controller: `p00` to `p63`, evenly spread."""
    return f"p{zlib.crc32(controller.encode()) % PARTITIONS:02d}"


def topic(partition: str, controller: str, leaf: str) -> str:
    """Build a topic."""
    return f"{ROOT}/{partition}/{controller}/{leaf}"


def partitions() -> tuple[str, ...]:
    """All partitions, in order."""
    return tuple(f"p{number:02d}" for number in range(PARTITIONS))


def hub_filters() -> tuple[str, ...]:
    """What a hub subscribes to that serves all controllers."""
    return (f"{ROOT}/+/+/up/#",)


def partition_filters(partition: str) -> tuple[str, ...]:
    """What a hub subscribes to that serves one partition: what must be booked or answered."""
    return tuple(f"{ROOT}/{partition}/+/{leaf}" for leaf in (UP_JOURNAL, UP_WANT, UP_RESULT))


def watching_filters() -> tuple[str, ...]:
    """What every one of several hubs subscribes to: what is only looked at."""
    return tuple(f"{ROOT}/+/+/{leaf}" for leaf in (UP_STATUS, UP_STATE))


def parse_topic(text: str) -> Address:
    """Take a topic apart.

    Raises:
        DecodeError: Not one of ours.
    """
    parts = text.split("/")
    if len(parts) != _PARTS or "/".join(parts[:2]) != ROOT:
        raise DecodeError(f"{text!r} is not a topic of {ROOT}")
    leaf = "/".join(parts[4:])
    if leaf not in LEAVES_UP | LEAVES_DOWN or not is_name(parts[3]):
        raise DecodeError(f"{text!r} is not a topic of {ROOT}")
    return Address(parts[2], parts[3], leaf)
