"""Secure messaging after EV2 authentication: commands and answers with MAC, or encrypted. Pure.

NXP NT4H2421Gx data sheet rev. 3.0, sections 9.1.2 (counter), 9.1.4 (vectors), 9.1.9 (MAC)
and 9.1.10 (full); AN12196 rev. 2.0, sections 5.4 and 5.5 show both. A command's number
is counted by both sides, so an answer can't be replayed. Every answer's MAC is checked,
also where the answer is a status only.
"""

from __future__ import annotations

from dataclasses import replace

from hardware.cards import cmac
from hardware.cards.cmac import MAC_BYTES, decrypted, encrypted, padded, unpadded
from hardware.cards.errors import CardDataError, ProofError
from hardware.cards.ev2 import Session

COUNTER_MAX = 0xFFFF
"""The card ends a session before its counter turns over (section 9.1.2)."""
_DONE = 0x00
_COMMAND_VECTOR = b"\xa5\x5a"
_ANSWER_VECTOR = b"\x5a\xa5"


def command_mac(session: Session, command: int, data: bytes) -> bytes:
    """The eight bytes that follow a command (section 9.1.9).

    Args:
        session: Before the command.
        command: Its code, one byte.
        data: What is sent with it: header and (encrypted) data.
    """
    return cmac.truncated_mac(session.keys.mac, bytes((command,)) + _number(session) + data)


def answer_mac(session: Session, status: int, data: bytes) -> bytes:
    """The eight bytes at the end of an answer (section 9.1.9).

    Args:
        session: After the command was counted.
        status: Second byte of the status word.
        data: The answer, (encrypted) data only.
    """
    return cmac.truncated_mac(session.keys.mac, bytes((status,)) + _number(session) + data)


def with_mac(session: Session, command: int, header: bytes, secret: bytes = b"") -> bytes:
    """What is sent with a command in MAC mode.

    Args:
        session: Before the command.
        command: Its code.
        header: What stays readable.
        secret: Data, encrypted already or empty.
    """
    sent = header + secret
    return sent + command_mac(session, command, sent)


def encrypted_data(session: Session, plain: bytes) -> bytes:
    """A command's data in full mode (section 9.1.10); nothing stays nothing."""
    if not plain:
        return b""
    return encrypted(session.keys.encryption, _vector(_COMMAND_VECTOR, session), padded(plain))


def decrypted_data(session: Session, secret: bytes) -> bytes:
    """An answer's data in full mode.

    Args:
        session: After the command was counted.
        secret: Without its MAC.

    Raises:
        CardDataError: It wasn't encrypted for this session.
    """
    if not secret:
        return b""
    vector = _vector(_ANSWER_VECTOR, session)
    return unpadded(decrypted(session.keys.encryption, vector, secret))


def encrypted_answer(session: Session, plain: bytes) -> bytes:
    """A card's answer in full mode; `session` is after the command was counted."""
    if not plain:
        return b""
    return encrypted(session.keys.encryption, _vector(_ANSWER_VECTOR, session), padded(plain))


def decrypted_command(session: Session, secret: bytes) -> bytes:
    """What a card reads of a command in full mode; `session` is before the command."""
    if not secret:
        return b""
    vector = _vector(_COMMAND_VECTOR, session)
    return unpadded(decrypted(session.keys.encryption, vector, secret))


def counted(session: Session) -> Session:
    """The session after a command.

    Raises:
        CardDataError: There were too many; authenticate again.
    """
    if session.counter >= COUNTER_MAX:
        raise CardDataError("too many commands in one session: authenticate again")
    return replace(session, counter=session.counter + 1)


def checked_answer(session: Session, answer: bytes) -> bytes:
    """An answer's data, once its MAC is right.

    Args:
        session: After the command was counted.
        answer: Data and MAC of an answer whose status was 00h.

    Raises:
        ProofError: The MAC is missing or wrong: someone between us changed the answer, or
            the card is another one.
    """
    data, mac = answer[:-MAC_BYTES], answer[-MAC_BYTES:]
    if not cmac.is_same_mac(mac, answer_mac(session, _DONE, data)):
        raise ProofError("the answer's MAC is wrong or missing")
    return data


def checked_command(session: Session, command: int, sent: bytes) -> bytes:
    """What a card was sent with a command, once its MAC is right; for virtual cards.

    Raises:
        ProofError: The MAC is missing or wrong.
    """
    data, mac = sent[:-MAC_BYTES], sent[-MAC_BYTES:]
    if not cmac.is_same_mac(mac, command_mac(session, command, data)):
        raise ProofError("the command's MAC is wrong or missing")
    return data


def _number(session: Session) -> bytes:
    """Counter, least byte first, and transaction: what makes each MAC another one."""
    if not 0 <= session.counter <= COUNTER_MAX:
        raise CardDataError(f"there is no command number {session.counter}")
    return session.counter.to_bytes(2, "little") + session.transaction_id


def _vector(label: bytes, session: Session) -> bytes:
    """Where the encryption of a message starts (section 9.1.4)."""
    number = session.counter.to_bytes(2, "little")
    plain = label + session.transaction_id + number + bytes(8)
    return encrypted(session.keys.encryption, bytes(cmac.BLOCK_BYTES), plain)
