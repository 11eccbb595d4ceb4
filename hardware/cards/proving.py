"""Letting a card prove itself, whatever family it is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hardware.cards import desfire, ntag424
from hardware.cards.errors import CardDataError, CardRefusedError, ProofError
from hardware.cards.key_places import Done, Entropy
from hardware.cards.keyring import CardKey, CardKeys, CardProof
from hardware.cards.port import ApduPort, plain_command

Prove = Callable[[ApduPort, Sequence[CardKey], Entropy], CardProof]
GiveKeys = Callable[[ApduPort, CardKey, Sequence[CardKey], Entropy], Done]
Wipe = Callable[[ApduPort, Sequence[CardKey], Entropy], Done]
UID_BYTES = 7
"""Keys are made for such UIDs; a card with a random one of four proves nothing."""
_GET_VERSION = 0x60
_VENDOR_AT, _TYPE_AT = 0, 1
_NXP = 0x04


@dataclass(frozen=True, slots=True)
class Family:
    """Cards that prove themselves in one way.

    Attributes:
        kind: Its name, as `CardKeys` takes it.
        level: What its proof is worth (DESIGN, section 6).
        prove: How it is done.
        give_keys: How a blank one is made one of ours, or gets new keys.
        wipe: How it is made blank again.
    """

    kind: str
    level: int
    prove: Prove
    give_keys: GiveKeys
    wipe: Wipe


FAMILIES: Mapping[int, Family] = {
    0x01: Family(desfire.KIND, 2, desfire.prove, desfire.give_keys, desfire.wipe),
    0x04: Family(ntag424.KIND, 1, ntag424.prove, ntag424.give_keys, ntag424.wipe),
}
"""By the type that GetVersion tells (NT4H2421Gx data sheet, section 10.5.2, table 53)."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What came of it.

    Attributes:
        kind: The card's family; empty: none that proves anything.
        level: 0 where it proved nothing.
        proof: How; None at level 0.
        reason: Why it proved nothing, for the log; without a UID or a key.
    """

    kind: str = ""
    level: int = 0
    proof: CardProof | None = None
    reason: str = ""


def family_of(port: ApduPort) -> Family | None:
    """Ask a card of which family it is; None: of none that proves anything.

    Raises:
        CardLostError: It went away.
    """
    try:
        version = plain_command(port, "version of the chip", _GET_VERSION)
    except (CardRefusedError, CardDataError):
        return None
    if len(version) <= _TYPE_AT or version[_VENDOR_AT] != _NXP:
        return None
    return FAMILIES.get(version[_TYPE_AT])


def prove_card(port: ApduPort, uid: bytes, keys: CardKeys, entropy: Entropy) -> Proved:
    """Let a card prove what it can. A copy, and a card of another site, is of level 0.

    Args:
        port: The card.
        uid: As it told it.
        keys: Keys of cards.
        entropy: Random bytes.

    Raises:
        CardLostError: It went away: nobody knows what it would have proved.
    """
    if len(uid) != UID_BYTES:
        return Proved()
    family = family_of(port)
    if family is None:
        return Proved()
    known = keys.keys_for(uid, family.kind)
    if not known:
        return Proved(family.kind, reason="no keys for cards are kept here")
    try:
        proof = family.prove(port, known, entropy)
    except (ProofError, CardRefusedError, CardDataError) as error:
        return Proved(family.kind, reason=str(error))
    return Proved(family.kind, family.level, proof)
