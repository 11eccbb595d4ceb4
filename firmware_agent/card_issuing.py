"""Giving a card its keys, renewing them, and taking them off, while it lies on a reader.

Each of these can be cut by a hand that takes the card away, at any moment, and nobody
knows then how far the card came. It says so itself when it is back, so each is simply done
again until it is through: the card is never left without a key that is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from firmware_agent.errors import CardDeskError
from hardware.cards.errors import CardError, CardLostError
from hardware.cards.key_places import Entropy
from hardware.cards.keyring import CardKey, CardKeys
from hardware.cards.port import ApduPort
from hardware.cards.proving import UID_BYTES, Family, Proved, family_of, prove_card
from hardware.errors import HardwareError
from hardware.ports import CardReader
from hardware.readers.looking import COMMANDS, LOOK_PAUSE_MS, Card, FieldPort, LookingReader
from wire.clock import Clock
from wire.ids import is_random_uid

WAIT_MS = 30_000
"""A person looks for the card and lays it down; also each time that it was taken away."""
LOSSES_MAX = 10
"""As often a card may be lost; then it is worn out, or the reader can't hold it."""
_OTHER_CARD = (
    "this card can't prove itself: take an NTAG 424 DNA or a DESFire EV2 or EV3, "
    "or let it name an account by its UID with standpipe-agent card link"
)


@dataclass(frozen=True, slots=True)
class AtHand:
    """A card that lies on the reader, and can be told things.

    Attributes:
        uid: Its UID.
        family: How it proves itself.
        keys: Its keys by the site's, newest first; one at least.
        port: The card itself.
        entropy: Random bytes.
    """

    uid: bytes
    family: Family
    keys: tuple[CardKey, ...]
    port: ApduPort
    entropy: Entropy


Work = Callable[[AtHand], Proved]


class Desk:
    """A reader that one card after the other is laid on.

    Args:
        reader: Opened, not started.
        keys: Keys of cards.
        entropy: Random bytes.
        clock: For how long somebody may take.
        say: Tells the person what to do.
    """

    def __init__(
        self,
        reader: CardReader,
        keys: CardKeys,
        entropy: Entropy,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._keys = keys
        self._entropy = entropy
        self._clock = clock
        self._say = say
        self._pause = Event()

    def with_card(self, work: Work, wait_ms: int = WAIT_MS) -> tuple[bytes, Proved]:
        """Do something with the card that is laid down, until it is through.

        Returns:
            The card's UID, and what it proves now.

        Raises:
            CardDeskError: No card came, or none that can do it, or it didn't.
        """
        try:
            with self._field() as field:
                return self._until_done(field, work, wait_ms)
        except HardwareError as error:
            raise CardDeskError(str(error)) from None

    @contextmanager
    def _field(self) -> Iterator[FieldPort]:
        if not isinstance(self._reader, LookingReader):
            raise CardDeskError("this reader only types numbers: cards can't be told anything here")
        field = self._reader.open_field()
        try:
            yield field
        finally:
            field.close()

    def _until_done(self, field: FieldPort, work: Work, wait_ms: int) -> tuple[bytes, Proved]:
        first = b""
        for _ in range(LOSSES_MAX):
            card = self._next_card(field, wait_ms)
            if first not in (b"", card.uid):
                raise CardDeskError(
                    "this is another card: the first one isn't done, start again with it"
                )
            first = card.uid
            try:
                with field.talk(card) as port:
                    return card.uid, work(self._at_hand(card, port))
            except CardLostError:
                self._say("The card was lost before it was done. Lay it down again, and hold it.")
                field.field_off()
            except CardError as error:
                raise CardDeskError(f"nothing more was done: {error}") from None
        raise CardDeskError(
            f"the card was lost {LOSSES_MAX} times: try another place on the reader, "
            "then another card. Doing it again goes on where it was"
        )

    def _next_card(self, field: FieldPort, wait_ms: int) -> Card:
        end_ms = self._clock.now().mono_ms + wait_ms
        while self._clock.now().mono_ms < end_ms:
            cards = field.cards()
            if len({card.uid for card in cards}) > 1:
                raise CardDeskError("several cards lie there: lay down one only")
            if cards:
                return cards[0]
            field.field_off()
            self._pause.wait(LOOK_PAUSE_MS / 1000)
        raise CardDeskError(f"no card came within {wait_ms // 1000} s")

    def _at_hand(self, card: Card, port: ApduPort) -> AtHand:
        if is_random_uid(card.uid):
            raise CardDeskError(
                "this card makes up a new UID at each tap, as phones do: it can name nobody"
            )
        family = family_of(port) if card.kind == COMMANDS and len(card.uid) == UID_BYTES else None
        if family is None:
            raise CardDeskError(_OTHER_CARD)
        keys = self._keys.keys_for(card.uid, family.kind)
        if not keys:
            raise CardDeskError(
                "this controller has no keys for cards: import the site's with "
                "standpipe-agent card keys import"
            )
        return AtHand(card.uid, family, keys, port, self._entropy)


def personalise(card: AtHand) -> Proved:
    """Make a blank card, or one of ours, one with the newest key; then let it prove that.

    Raises:
        CardError: It isn't done.
        CardLostError: Nobody knows.
    """
    card.family.give_keys(card.port, card.keys[0], card.keys, card.entropy)
    return _proved(card)


def rekey(card: AtHand) -> Proved:
    """Bring a card of ours to the newest key; a blank one isn't touched.

    Raises:
        CardDeskError: It doesn't prove that it is ours.
        CardError: It isn't done.
        CardLostError: Nobody knows.
    """
    before = _proof(card)
    if before.proof is None:
        raise CardDeskError(
            f"this card isn't one of ours yet, or its key isn't kept here ({before.reason}): "
            "give it keys with standpipe-agent card personalise"
        )
    return personalise(card)


def wipe(card: AtHand) -> Proved:
    """Take our keys off a card: it is as it was before we had it, and proves nothing.

    Raises:
        CardError: It isn't done.
        CardLostError: Nobody knows.
    """
    card.family.wipe(card.port, card.keys, card.entropy)
    return Proved(card.family.kind)


class _Same:
    """A `CardKeys` for the one card that lies there."""

    def __init__(self, keys: tuple[CardKey, ...]) -> None:
        self._keys = keys

    def keys_for(self, uid: bytes, kind: str) -> tuple[CardKey, ...]:  # noqa: ARG002 one card's
        return self._keys


def _proof(card: AtHand) -> Proved:
    return prove_card(card.port, card.uid, _Same(card.keys), card.entropy)


def _proved(card: AtHand) -> Proved:
    proved = _proof(card)
    if proved.proof is None or proved.proof.key_version != card.keys[0].version:
        raise CardDeskError(
            f"the card took its keys and doesn't prove them ({proved.reason}): take another one"
        )
    return proved
