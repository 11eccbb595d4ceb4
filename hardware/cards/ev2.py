"""Mutual authentication of NTAG 424 DNA and DESFire EV2 and EV3: AuthenticateEV2First. Pure.

NXP NT4H2421Gx data sheet rev. 3.0, section 9.1.5 (the exchange) and 9.1.7 (session keys);
AN12196 rev. 2.0, section 5.6 shows one with all its bytes. Both sides are here: readers
use `answer_to` and `session_of`, virtual cards `challenge` and `card_answer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.cards.cmac import BLOCK_BYTES, cmac, decrypted, encrypted, is_same_mac, xor
from hardware.cards.errors import CardDataError, ProofError

RANDOM_BYTES = 16
TRANSACTION_BYTES = 4
CAPABILITY_BYTES = 6
ANSWER_BYTES = 2 * BLOCK_BYTES
_NO_VECTOR = bytes(BLOCK_BYTES)
"""Each message of the exchange starts its CBC anew (section 9.1.4)."""
_FOR_ENCRYPTION = bytes.fromhex("a55a00010080")
_FOR_MAC = bytes.fromhex("5aa500010080")
"""Label, counter and length of SV1 and SV2 (section 9.1.7)."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Keys of one authentication, 16 bytes each; never printed.

    Attributes:
        encryption: KSesAuthENC.
        mac: KSesAuthMAC.
    """

    encryption: bytes = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """An authentication that both sides agree on.

    Attributes:
        keys: Its keys.
        transaction_id: TI, 4 bytes, chosen by the card.
        counter: Commands sent since, 0 to FFFFh.
    """

    keys: SessionKeys
    transaction_id: bytes
    counter: int = 0


def session_keys(key: bytes, random_a: bytes, random_b: bytes) -> SessionKeys:
    """Keys of a session (section 9.1.7).

    Args:
        key: The key that was proved, 16 bytes.
        random_a: The reader's, 16 bytes.
        random_b: The card's, 16 bytes.
    """
    mixed = random_a[:2] + xor(random_a[2:8], random_b[:6]) + random_b[6:] + random_a[8:]
    return SessionKeys(cmac(key, _FOR_ENCRYPTION + mixed), cmac(key, _FOR_MAC + mixed))


def answer_to(key: bytes, secret_b: bytes, random_a: bytes) -> tuple[bytes, bytes]:
    """The reader's answer to a card's challenge.

    Args:
        key: 16 bytes.
        secret_b: The card's challenge, 16 bytes.
        random_a: 16 random bytes of the reader.

    Returns:
        32 bytes to send, and what the card's challenge held (RndB).

    Raises:
        CardDataError: The challenge has another length.
    """
    if len(secret_b) != BLOCK_BYTES:
        raise CardDataError(f"a challenge has {BLOCK_BYTES} bytes, not {len(secret_b)}")
    random_b = decrypted(key, _NO_VECTOR, secret_b)
    return encrypted(key, _NO_VECTOR, random_a + rotated(random_b)), random_b


def session_of(key: bytes, random_a: bytes, random_b: bytes, secret: bytes) -> Session:
    """What the card's last message agrees on.

    Args:
        key: 16 bytes.
        random_a: The reader's random bytes.
        random_b: The card's, as `answer_to` found them.
        secret: The card's message, 32 bytes.

    Raises:
        ProofError: The card doesn't hold the key.
        CardDataError: The message has another length.
    """
    if len(secret) != ANSWER_BYTES:
        raise CardDataError(f"the last message has {ANSWER_BYTES} bytes, not {len(secret)}")
    plain = decrypted(key, _NO_VECTOR, secret)
    proof = plain[TRANSACTION_BYTES : TRANSACTION_BYTES + RANDOM_BYTES]
    if not is_same_mac(proof, rotated(random_a)):
        raise ProofError("the card doesn't prove the key: its answer isn't made from ours")
    return Session(session_keys(key, random_a, random_b), plain[:TRANSACTION_BYTES])


def challenge(key: bytes, random_b: bytes) -> bytes:
    """A card's challenge: its 16 random bytes, encrypted."""
    return encrypted(key, _NO_VECTOR, random_b)


def card_answer(
    key: bytes, random_b: bytes, answer: bytes, transaction_id: bytes
) -> tuple[bytes, Session]:
    """A card's last message, and the session.

    Args:
        key: 16 bytes.
        random_b: What its challenge held.
        answer: The reader's answer, 32 bytes.
        transaction_id: 4 bytes of the card's choice.

    Raises:
        ProofError: The reader doesn't hold the key.
        CardDataError: The answer has another length.
    """
    if len(answer) != ANSWER_BYTES:
        raise CardDataError(f"an answer has {ANSWER_BYTES} bytes, not {len(answer)}")
    plain = decrypted(key, _NO_VECTOR, answer)
    random_a, proof = plain[:RANDOM_BYTES], plain[RANDOM_BYTES:]
    if not is_same_mac(proof, rotated(random_b)):
        raise ProofError("the reader doesn't prove the key")
    capabilities = bytes(2 * CAPABILITY_BYTES)
    message = encrypted(key, _NO_VECTOR, transaction_id + rotated(random_a) + capabilities)
    return message, Session(session_keys(key, random_a, random_b), transaction_id)


def rotated(random: bytes) -> bytes:
    """Random bytes with the first one last."""
    return random[1:] + random[:1]
