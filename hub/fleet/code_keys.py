"""Keys of offline codes: one for each controller, as it is enrolled.

A key follows from a secret of the hub, the controller's name and its own public key. So
it needn't be kept, and a controller that was enrolled anew after its disk was lost, which
doesn't remember what was typed there, has another: what was printed before is worth
nothing there.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.keystore import Keys
from wire.codes import KEY_BYTES

MARK_LENGTH = 16
"""64 bits of a hash tell a controller's few keys apart."""


def code_key(keys: Keys, controller: str, public_key: str) -> bytes:
    """The key of codes that are bound to a controller and its public key."""
    info = f"standpipe/v1 code-key {controller} {public_key}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(keys.code_secret)


def code_mark(public_key: str) -> str:
    """What tells keys of one controller apart, and nothing else of them."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:MARK_LENGTH]
