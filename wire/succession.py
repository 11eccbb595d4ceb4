"""How controllers learn of the hub's next signing key: the key before it signs it.

`down/key` carries every such signature since the first, oldest first. A controller goes
on from the key that it holds, however many it missed. Whoever hasn't an earlier key can't
name a later one; a controller that none of the links leads on must be enrolled anew.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec

from wire.bounds import Millis, Name, Seq
from wire.codec import decode, encode
from wire.envelope import seal, unseal
from wire.errors import SignatureError
from wire.keys import HUB, Signer, Verifier

EVERY_CONTROLLER = "*"
"""Receiver of a new key: no controller can be called so."""
LINKS_MAX = 100
"""A key a month for eight years; controllers that missed more are enrolled anew."""
MARK_LENGTH = 16
"""64 bits of a hash tell a hub's few keys apart."""
Links = Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=LINKS_MAX)]


class HubKey(msgspec.Struct, frozen=True, kw_only=True, tag="hub_key", tag_field="kind"):
    """A new signing key of the hub, signed by the one before.

    Attributes:
        receiver: `EVERY_CONTROLLER`.
        number: Counts the hub's keys; its first is 1.
        public_key: The new one, base64.
        since_ms: Hub's wall time when it began.
    """

    receiver: Name
    number: Seq
    public_key: Name
    since_ms: Millis = 0


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `down/key`, retained.

    Attributes:
        links: Envelopes of a `HubKey` each, oldest first.
    """

    links: Links = ()


def hand_over(before: Signer, public_key: str, number: int, since_ms: int) -> bytes:
    """Sign a new key with the one before; gives the link."""
    body = HubKey(
        receiver=EVERY_CONTROLLER, number=number, public_key=public_key, since_ms=since_ms
    )
    return seal(body, before)


def write_succession(links: tuple[bytes, ...]) -> bytes:
    """The payload of these links, or of the last of them that fit."""
    return encode(Succession(links=tuple(msgspec.Raw(one) for one in links[-LINKS_MAX:])))


def follow(payload: bytes, public_key: str) -> tuple[str, ...]:
    """The keys that a payload leads to, one after the other, from the one that is held.

    Args:
        payload: Of `down/key`.
        public_key: The key that is trusted, base64.

    Returns:
        The keys after it, the newest last; nothing: none of it goes on from there.

    Raises:
        DecodeError: It is no succession.
    """
    found: list[str] = []
    for link in decode(payload, Succession).links:
        held = Verifier(found[-1] if found else public_key, HUB)
        try:
            new = unseal(bytes(link), HubKey, held, EVERY_CONTROLLER).public_key
        except SignatureError:
            continue  # of a time before the key that is held
        Verifier(new, HUB)  # raises where it is no key
        found.append(new)
    return tuple(found)


def key_mark(public_key: str) -> str:
    """What a controller says of the key that it holds: enough to tell it from others."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:MARK_LENGTH]
