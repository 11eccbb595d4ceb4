"""What chips with EV2 authentication have in common: keys, sessions, secure messaging.

NXP NT4H2421Gx data sheet rev. 3.0, sections 9.1 (secure messaging) and 10.4 (the
authentication); DESFire EV2 and EV3 do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hardware.cards import ev2, messaging
from hardware.cards.cmac import xor
from hardware.cards.errors import CardDataError, ProofError
from hardware.cards.ev2 import Session
from hardware.cards.key_change import checksum

OK, MORE = 0x00, 0xAF
INTEGRITY, NO_SUCH_KEY, LENGTH, DENIED = 0x1E, 0x40, 0x7E, 0x9D
PARAMETER, DELAYED, WRONG_KEY, NO_FILE = 0x9E, 0xAD, 0xAE, 0xF0
UNKNOWN_COMMAND, BOUNDARY, ABORTED = 0x1C, 0xBE, 0xCA
KEY_BYTES = 16
FAILURES_MAX = 50
"""Wrong authentications in a row until the chip wants a pause (section 9.1.8): it counts
down with each right one."""


@dataclass(slots=True)
class Slot:
    """One key and its version."""

    key: bytes = bytes(KEY_BYTES)
    version: int = 0


class Refused(Exception):  # noqa: N818 a word of the chip's, not an error of ours
    """What the chip answers instead: a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X}")
        self.status = status


@dataclass(slots=True)
class Channel:
    """One stay in the field: who is authenticated, and with which key.

    Attributes:
        entropy: Random bytes.
        session: What was agreed; None: nobody is authenticated.
        number: With which key.
    """

    entropy: Callable[[int], bytes]
    session: Session | None = None
    number: int = -1
    _waiting: tuple[int, bytes] | None = field(default=None)
    failures: int = 0

    def forget(self) -> None:
        """Nobody is authenticated any more."""
        self.session, self.number, self._waiting = None, -1, None

    def begin(self, number: int, slot: Slot) -> bytes:
        """First step of the authentication: the challenge.

        Raises:
            Refused: Too many failed before.
        """
        self.forget()
        if self.failures >= FAILURES_MAX:
            raise Refused(DELAYED)
        random_b = self.entropy(KEY_BYTES)
        self._waiting = (number, random_b)
        return ev2.challenge(slot.key, random_b)

    @property
    def awaited(self) -> int | None:
        """The key whose second step is due."""
        return None if self._waiting is None else self._waiting[0]

    def finish(self, slot: Slot, answer: bytes) -> bytes:
        """Second step.

        Raises:
            Refused: The reader holds another key.
        """
        if self._waiting is None:
            raise Refused(ABORTED)
        number, random_b = self._waiting
        self.forget()
        try:
            message, session = ev2.card_answer(slot.key, random_b, answer, self.entropy(4))
        except ProofError as error:
            self.failures += 1
            raise Refused(WRONG_KEY) from error
        except CardDataError as error:
            raise Refused(LENGTH) from error
        self.failures = 0
        self.session, self.number = session, number
        return message

    def heard(self, command: int, sent: bytes) -> bytes:
        """Data of a command with MAC.

        Raises:
            Refused: Nobody is authenticated, or the MAC is wrong.
        """
        if self.session is None:
            raise Refused(DENIED)
        try:
            return messaging.checked_command(self.session, command, sent)
        except ProofError as error:
            raise Refused(INTEGRITY) from error

    def readable(self, secret: bytes) -> bytes:
        """Data of a command that came encrypted.

        Raises:
            Refused: It isn't made for this session.
        """
        if self.session is None:
            raise Refused(DENIED)
        try:
            return messaging.decrypted_command(self.session, secret)
        except CardDataError as error:
            raise Refused(INTEGRITY) from error

    def said(self, data: bytes = b"", *, is_secret: bool = False) -> bytes:
        """The answer to a command: counts it, encrypts the data if wanted, adds the MAC.

        Raises:
            Refused: Nobody is authenticated.
        """
        if self.session is None:
            raise Refused(DENIED)
        self.session = messaging.counted(self.session)
        sent = messaging.encrypted_answer(self.session, data) if is_secret else data
        return sent + messaging.answer_mac(self.session, OK, sent)

    def changed(self, slots: list[Slot], number: int, plain: bytes) -> bool:
        """Take ChangeKey's data; tells whether it was the session's own key.

        Raises:
            Refused: There is no such key, or the data isn't made from the old one.
        """
        if number >= len(slots):
            raise Refused(NO_SUCH_KEY)
        is_own = number == self.number
        if len(plain) != KEY_BYTES + (1 if is_own else 5):
            raise Refused(LENGTH)
        key, version = plain[:KEY_BYTES], plain[KEY_BYTES]
        if not is_own:
            key = xor(key, slots[number].key)
            if checksum(key) != plain[KEY_BYTES + 1 :]:
                raise Refused(INTEGRITY)
        slots[number] = Slot(key, version)
        return is_own
