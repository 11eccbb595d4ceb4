"""Envelopes: a body encoded once, and a signature over exactly those bytes.

Every signed body names its kind, its receiver and, where more than one may send it,
its sender (`wire.keys` says what is covered).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from wire.codec import Format, decode, encode
from wire.errors import Code, DecodeError, SignatureError
from wire.keys import Signer, Verifier
from wire.uplink import JournalHeader

EVENTS_PER_BATCH_MAX = 100
"""Per-message cost is spread over enough events; a batch stays far below the payload limit."""

T = TypeVar("T")
B = TypeVar("B", bound="_Body")


class _Body(Protocol):
    @property
    def receiver(self) -> str: ...


class Signed(msgspec.Struct, frozen=True):
    """Envelope of a signed body.

    Attributes:
        body: The body's bytes, as signed.
        signature: Base64, see `wire.keys`.
    """

    body: msgspec.Raw
    signature: str


class JournalBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `up/journal`.

    Attributes:
        header: A `JournalHeader`'s bytes, as signed.
        events: Each event's bytes, as journalled.
        signature: Over the header's bytes.
    """

    header: msgspec.Raw
    events: tuple[msgspec.Raw, ...] = ()
    signature: str


def seal(body: B, signer: Signer, format_: Format = Format.JSON) -> bytes:
    """Encode a body once, sign it for its receiver, and wrap it."""
    raw = encode(body, format_)
    signature = signer.sign(_kind(type(body)), body.receiver, raw)
    return encode(Signed(msgspec.Raw(raw), signature), format_)


def unseal(payload: bytes, type_: type[B], verifier: Verifier, receiver: str) -> B:
    """Check an envelope's signature for this receiver and decode its body.

    Raises:
        DecodeError: Not an envelope, or not that body.
        SignatureError: Not signed by that sender for this kind and receiver.
    """
    envelope = decode(payload, Signed)
    raw = bytes(envelope.body)
    verifier.check(_kind(type_), receiver, raw, envelope.signature)
    body = decode(raw, type_)
    check_receiver(body.receiver, receiver)
    return body


def peek(payload: bytes, type_: type[T]) -> T:
    """Decode a signed body without trusting it: to learn whose key to check with.

    Raises:
        DecodeError: Not an envelope, or not that body.
    """
    return decode(bytes(decode(payload, Signed).body), type_)


def seal_batch(
    header: JournalHeader, events: tuple[bytes, ...], signer: Signer, format_: Format = Format.JSON
) -> bytes:
    """Sign a batch's header and wrap it with its events' bytes."""
    raw = encode(header, format_)
    signature = signer.sign(_kind(JournalHeader), header.receiver, raw)
    batch = JournalBatch(
        header=msgspec.Raw(raw),
        events=tuple(msgspec.Raw(event) for event in events),
        signature=signature,
    )
    return encode(batch, format_)


def unseal_batch(
    payload: bytes, verifier: Verifier, receiver: str
) -> tuple[JournalHeader, tuple[bytes, ...]]:
    """Check a batch's header and return it with the events' bytes, not yet chained.

    Raises:
        DecodeError: Malformed, or its counts don't agree.
        SignatureError: Not signed by that controller for this receiver.
    """
    batch = decode(payload, JournalBatch)
    raw = bytes(batch.header)
    verifier.check(_kind(JournalHeader), receiver, raw, batch.signature)
    header = decode(raw, JournalHeader)
    check_receiver(header.receiver, receiver)
    if header.sender != verifier.name:
        raise SignatureError(f"a batch of {header.sender} came signed by {verifier.name}")
    if header.count != len(batch.events) or header.count > EVENTS_PER_BATCH_MAX:
        raise DecodeError(f"a batch says {header.count} events and has {len(batch.events)}")
    return header, tuple(bytes(event) for event in batch.events)


def check_receiver(named: str, receiver: str) -> None:
    """Check that a message is for this receiver.

    Raises:
        SignatureError: It is for someone else.
    """
    if named != receiver:
        raise SignatureError(f"a message for {named} came to {receiver}", Code.RECEIVER_WRONG)


def _kind(type_: type) -> str:
    config: msgspec.structs.StructConfig = getattr(type_, "__struct_config__")  # noqa: B009 mypy
    return str(config.tag)
