"""What a reader asks for to let a card prove itself, and what comes of it.

A reader knows no site and no master key: whoever opens it hands over a `CardKeys`, which
gives the keys of one card at a time, made for its UID.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CardKey:
    """One card's own key.

    Attributes:
        version: Version of the site's key that it is made from, 1 to 255.
        key: 16 secret bytes, AES-128; left out where it is printed.
    """

    version: int
    key: bytes = field(repr=False)


class CardKeys(Protocol):
    """Gives the keys of cards."""

    def keys_for(self, uid: bytes, kind: str) -> tuple[CardKey, ...]:
        """The keys that a card may have, newest version first; none: there is no key here.

        Args:
            uid: The card's own, 7 bytes.
            kind: Its family: "ntag424" or "desfire".
        """
        ...


class NoKeys:
    """A `CardKeys` without any: every card is known by its UID only."""

    def keys_for(self, uid: bytes, kind: str) -> tuple[CardKey, ...]:  # noqa: ARG002 the port's
        return ()


NO_KEYS = NoKeys()


@dataclass(frozen=True, slots=True)
class CardProof:
    """How a card proved itself.

    Attributes:
        method: "ev2" (mutual authentication) or "sun" (a message that the card signed).
        key_version: Version of the key that it proved.
        counter: The card's own count of its reads, three bytes; None: the method has none.
    """

    method: str
    key_version: int
    counter: int | None = None
