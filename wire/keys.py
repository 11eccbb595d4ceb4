r"""Signatures: Ed25519 (RFC 8032) over bytes that name their kind and receiver.

What is signed is `standpipe/v1 <kind> <sender> <receiver>\n` and the body's bytes
as they travel. A message for one receiver or of one kind is nothing to another.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wire.errors import DecodeError, SignatureError

SEED_BYTES = 32
PUBLIC_BYTES = 32
HUB = "hub"
"""The hub's name as sender and receiver."""


class Signer:
    """Signs as one sender.

    Args:
        seed: `SEED_BYTES` secret bytes; the whole private key.
        name: Name of the sender: a controller's, or `HUB`.
    """

    def __init__(self, seed: bytes, name: str) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError("a signing key is 32 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.name = name

    @property
    def public(self) -> str:
        """The public key, base64."""
        return encode_bytes(self._key.public_key().public_bytes_raw())

    def sign(self, kind: str, receiver: str, body: bytes) -> str:
        """Sign a body for one receiver; base64."""
        return encode_bytes(self._key.sign(_covered(kind, self.name, receiver, body)))


class Verifier:
    """Checks one sender's signatures.

    Args:
        public: The sender's public key, base64.
        name: The sender's name.

    Raises:
        DecodeError: Not a public key.
    """

    def __init__(self, public: str, name: str) -> None:
        raw = decode_bytes(public)
        if len(raw) != PUBLIC_BYTES:
            raise DecodeError("a public key is 32 bytes in base64")
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.public = public
        self.name = name

    def check(self, kind: str, receiver: str, body: bytes, signature: str) -> None:
        """Check a signature.

        Raises:
            SignatureError: It isn't this sender's for this kind, receiver and body.
        """
        try:
            self._key.verify(decode_bytes(signature), _covered(kind, self.name, receiver, body))
        except (InvalidSignature, DecodeError):
            raise SignatureError(f"a {kind} message isn't signed by {self.name}") from None


def encode_bytes(data: bytes) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(data).decode()


def decode_bytes(text: str) -> bytes:
    """Base64 text as bytes; of several texts for the same bytes only the one that we write.

    Raises:
        DecodeError: Not base64.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("not base64") from None
    # A key that can be written in two ways would be two keys to whoever compares texts.
    if encode_bytes(data) != text:
        raise DecodeError("not base64 as it is written: bits that mean nothing are set")
    return data


def _covered(kind: str, sender: str, receiver: str, body: bytes) -> bytes:
    return f"standpipe/v1 {kind} {sender} {receiver}\n".encode() + body
