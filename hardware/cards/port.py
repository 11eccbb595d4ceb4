"""Talking to a card that knows commands: plain, with MAC, or encrypted.

ISO/IEC 7816-4 wraps NXP's own commands: `90 command 00 00 length data 00`, answered by
data and `91 status` (NT4H2421Gx data sheet rev. 3.0, section 8.4).
"""

from __future__ import annotations

from typing import Protocol

from hardware.cards import messaging
from hardware.cards.errors import CardDataError, CardRefusedError, ProofError
from hardware.cards.ev2 import Session, answer_to, session_of

STATUS_BYTES = 2
ANSWER_BYTES_MAX = 256 + STATUS_BYTES
"""The longest short answer of ISO/IEC 7816-4, with its status."""
DATA_BYTES_MAX = 255
FRAMES_MAX = 8
"""Pieces of one answer; GetVersion has three. More is a card gone mad."""
_DONE, _MORE = 0x9100, 0x91AF
_ISO_DONE = 0x9000
_WRONG_KEY = 0x91AE
_NEXT = 0xAF
_AUTHENTICATE_EV2_FIRST = 0x71
_NO_CAPABILITIES = b"\0"


class ApduPort(Protocol):
    """One card that lies on a reader. Used by one thread, as long as the card lies there."""

    def exchange(self, apdu: bytes) -> bytes:
        """Send a command; returns the answer with its two status bytes.

        Raises:
            CardLostError: No answer came: nobody knows whether the card obeyed.
        """
        ...


def iso_command(port: ApduPort, what: str, apdu: bytes) -> bytes:
    """Send a command of ISO/IEC 7816-4; returns its answer without the status.

    Args:
        port: The card.
        what: What it is told, for an error.
        apdu: The whole command.

    Raises:
        CardLostError: No answer came.
        CardRefusedError: The card didn't do it.
        CardDataError: What came is no answer.
    """
    data, status = _answer(port.exchange(apdu))
    if status != _ISO_DONE:
        raise CardRefusedError(what, status)
    return data


def plain_command(port: ApduPort, what: str, command: int, data: bytes = b"") -> bytes:
    """Send one of NXP's commands unprotected; returns the whole answer, of all its pieces.

    Raises:
        CardLostError: No answer came.
        CardRefusedError: The card didn't do it.
        CardDataError: What came is no answer, or has no end.
    """
    whole = b""
    for _ in range(FRAMES_MAX):
        part, status = _answer(port.exchange(_wrapped(command, data)))
        whole += part
        if status == _DONE:
            return whole
        if status != _MORE:
            raise CardRefusedError(what, status)
        command, data = _NEXT, b""
    raise CardDataError(f"{what}: the answer doesn't end")


class Authenticated:
    """A card and the session that a key opened on it.

    Args:
        port: The card.
        number: Of the key on the card, 0 to 13.
        key: 16 bytes.
        random_a: 16 random bytes, made for this only.

    Raises:
        ProofError: The card doesn't hold the key.
        CardRefusedError: It says so itself, or has no such key, or wants a pause.
        CardLostError: No answer came.
        CardDataError: What came is no answer.
    """

    def __init__(self, port: ApduPort, number: int, key: bytes, random_a: bytes) -> None:
        self._port = port
        what = f"authentication with key {number}"
        start = bytes((number,)) + _NO_CAPABILITIES
        secret_b, status = _answer(port.exchange(_wrapped(_AUTHENTICATE_EV2_FIRST, start)))
        if status != _MORE:
            raise CardRefusedError(what, status)
        answer, random_b = answer_to(key, secret_b, random_a)
        message, status = _answer(port.exchange(_wrapped(_NEXT, answer)))
        if status == _WRONG_KEY:
            raise ProofError(f"{what}: the card holds another key")
        if status != _DONE:
            raise CardRefusedError(what, status)
        self._session: Session = session_of(key, random_a, random_b, message)

    def command(self, what: str, command: int, header: bytes = b"", secret: bytes = b"") -> bytes:
        """Send a command with a MAC, its data encrypted; returns the answer's data as it came.

        Raises:
            ProofError: The answer's MAC is missing or wrong; nobody knows what the card did.
            CardRefusedError: The card didn't do it; the session is over.
            CardLostError: No answer came; the session is over.
            CardDataError: What came is no answer.
        """
        data = messaging.encrypted_data(self._session, secret)
        sent = messaging.with_mac(self._session, command, header, data)
        answer, status = _answer(self._port.exchange(_wrapped(command, sent)))
        if status != _DONE:
            raise CardRefusedError(what, status)
        self._session = messaging.counted(self._session)
        return messaging.checked_answer(self._session, answer)

    def secret_answer(self, what: str, command: int, header: bytes = b"") -> bytes:
        """Send a command whose answer comes encrypted; returns it readable.

        Raises:
            CardError: As `command`; also what came wasn't encrypted for this session.
        """
        secret = self.command(what, command, header)
        return messaging.decrypted_data(self._session, secret)

    def last_command(self, what: str, command: int, header: bytes, secret: bytes) -> None:
        """Send a command that ends the session: its answer is a status without a MAC.

        Nothing shows that the answer is the card's own: look whether it did it.

        Raises:
            CardRefusedError: The card didn't do it.
            CardLostError: No answer came.
            CardDataError: What came is no answer.
        """
        data = messaging.encrypted_data(self._session, secret)
        sent = messaging.with_mac(self._session, command, header, data)
        _, status = _answer(self._port.exchange(_wrapped(command, sent)))
        if status != _DONE:
            raise CardRefusedError(what, status)


def _wrapped(command: int, data: bytes) -> bytes:
    if len(data) > DATA_BYTES_MAX:
        raise CardDataError(f"a command takes {DATA_BYTES_MAX} bytes, not {len(data)}")
    length = bytes((len(data),)) if data else b""
    return bytes((0x90, command, 0, 0)) + length + data + b"\0"


def _answer(raw: bytes) -> tuple[bytes, int]:
    if not STATUS_BYTES <= len(raw) <= ANSWER_BYTES_MAX:
        raise CardDataError(
            f"an answer has {STATUS_BYTES} to {ANSWER_BYTES_MAX} bytes, not {len(raw)}"
        )
    return raw[:-STATUS_BYTES], int.from_bytes(raw[-STATUS_BYTES:])
