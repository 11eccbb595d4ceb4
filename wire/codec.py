"""Bytes and structs: JSON for people's eyes, MessagePack for metered links.

What is signed or hashed is encoded once and kept as bytes; it is never encoded
again. Both formats carry the same structs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from wire.errors import DecodeError
from wire.events import AnyEvent, UnknownEvent

PAYLOAD_BYTES_MAX = 1 << 20
"""A hundred of the longest events fit several times; a broker's own limit is higher."""
EVENT_BYTES_MAX = 64 * 1024
"""A session with the most segments fits."""

T = TypeVar("T")


class Format(StrEnum):
    """How a payload is encoded; named by its MQTT v5 content type."""

    JSON = "application/json"
    MSGPACK = "application/msgpack"


_EVENT_JSON: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_EVENT_MSGPACK: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
_JSON_ENCODER = msgspec.json.Encoder()
_MSGPACK_ENCODER = msgspec.msgpack.Encoder()
_NUL, _NUL_IN_JSON = b"\0", b"\\u0000"


def encode(value: Any, format_: Format = Format.JSON) -> bytes:
    """Encode a struct once."""
    encoder = _JSON_ENCODER if format_ is Format.JSON else _MSGPACK_ENCODER
    return encoder.encode(value)


def format_of(payload: bytes) -> Format:
    """Tell a payload's format by its first byte: objects begin with `{` in JSON only."""
    return Format.JSON if payload[:1] == b"{" else Format.MSGPACK


def decode(payload: bytes | msgspec.Raw, type_: type[T]) -> T:
    """Decode and validate bytes from a peer.

    Raises:
        DecodeError: Too large, malformed, or not of that type; says where.
    """
    data = bytes(payload)
    if len(data) > PAYLOAD_BYTES_MAX:
        raise DecodeError(f"{len(data)} bytes are more than the limit of {PAYLOAD_BYTES_MAX}")
    try:
        if format_of(data) is Format.JSON:
            value = msgspec.json.decode(data, type=type_)
        else:
            value = msgspec.msgpack.decode(data, type=type_)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DecodeError(f"not a {type_.__name__}: {_words(error)}") from None
    _check_texts(data, value)
    return value


def decode_event(data: bytes | msgspec.Raw) -> AnyEvent | UnknownEvent:
    """Decode one journal event; a kind of a later version comes as `UnknownEvent`.

    Raises:
        DecodeError: Not an event at all.
    """
    raw = bytes(data)
    if len(raw) > EVENT_BYTES_MAX:
        raise DecodeError(f"an event of {len(raw)} bytes is over {EVENT_BYTES_MAX}")
    try:
        event = (
            _EVENT_JSON.decode(raw) if format_of(raw) is Format.JSON else _EVENT_MSGPACK.decode(raw)
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        unknown = decode(raw, UnknownEvent)
        if unknown.kind in KNOWN_KINDS:
            raise DecodeError(f"not a valid {unknown.kind} event: {_words(error)}") from None
        return unknown
    _check_texts(raw, event)
    return event


def _check_texts(data: bytes, value: object) -> None:
    """Refuse texts with a NUL: PostgreSQL stores none, so nothing with one could be booked."""
    # Searching bytes costs next to nothing; only what may hold one is looked through.
    if (_NUL_IN_JSON if format_of(data) is Format.JSON else _NUL) in data and _has_nul(value):
        raise DecodeError("a text in it has a NUL character")


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, msgspec.Struct):
        return any(_has_nul(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list | tuple) and any(map(_has_nul, value))


def _words(error: Exception) -> str:
    """What is wrong, for an alarm; the library repeats a part of what came."""
    return str(error).replace("\0", "?")


KNOWN_KINDS = frozenset(
    {
        "boot",
        "session_started",
        "session_progress",
        "session_ended",
        "released",
        "cash_taken",
        "cash_held",
        "cash_unclaimed",
        "code_redeemed",
        "card_refused",
        "machine_fault",
        "vend_outcome",
        "config_applied",
        "clock_adjusted",
    }
)
