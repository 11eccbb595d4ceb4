"""The only door to real randomness in this package."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wire.clock import Clock
from wire.ids import RANDOM_BYTES, format_id
from wire.keys import SEED_BYTES

_WALL_MS_MAX = (1 << 48) - 1


class SystemIds:
    """Makes ids that no one else makes.

    Args:
        clock: Its wall time goes into each id, so that they sort by making.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self, prefix: str) -> str:
        wall_ms = min(max(self._clock.now().wall_ms, 0), _WALL_MS_MAX)
        return format_id(prefix, wall_ms, os.urandom(RANDOM_BYTES))  # noqa: TID251 the door


def new_tls_key() -> str:
    """Make a key on P-256 for TLS, PEM (PKCS #8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def new_bytes(length: int) -> bytes:
    """Random bytes, for salts and nonces."""
    return os.urandom(length)  # noqa: TID251 the door


def new_seed() -> bytes:
    """Make a private key's secret bytes."""
    return os.urandom(SEED_BYTES)  # noqa: TID251 the door
