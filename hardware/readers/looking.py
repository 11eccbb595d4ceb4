"""Readers that are asked again and again what lies on them."""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from hardware.cards.errors import CardLostError
from hardware.cards.port import ApduPort
from hardware.cards.proving import Proved, prove_card
from hardware.drivers import Around
from hardware.ports import CardGone, CardPresent, CardsSeveral
from hardware.readers.field import EMPTY, MISSES_GONE, Change, Field, Occupancy, observe
from hardware.readers.reopening import ReopeningReader
from hardware.specs import ReaderSpec

_log = logging.getLogger(__name__)

LOOK_PAUSE_MS = 20
"""Field off between two looks: resets cards (ISO/IEC 14443-3 asks 5 ms), and a tap is
seen within 24 ms in the middle."""
PROOFS_TRIED_MAX = 3
"""A hand that moves loses a card once or twice; then it is reported as lost, so that its
owner sees something. It is asked on as long as it lies there."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card as it answered.

    Attributes:
        uid: 4, 7 or 10 bytes.
        kind: Family by SEL_RES (NXP AN10833), for people.
        sens_res: ATQA as it was sent; empty where the reader doesn't tell.
        sel_res: SAK.
    """

    uid: bytes
    kind: str
    sens_res: bytes = b""
    sel_res: int = 0


class FieldPort(Protocol):
    """An open reader with a field. Used by one thread."""

    def cards(self) -> tuple[Card, ...]:
        """Look once; returns what answered.

        Raises:
            PartError: The reader doesn't answer, or not as it should.
        """
        ...

    def talk(self, card: Card) -> AbstractContextManager[ApduPort]:
        """Send commands to a card that was seen by the last look.

        Raises:
            CardLostError: It went away.
            PartError: The reader doesn't answer.
        """
        ...

    def field_off(self) -> None:
        """Let cards start anew at the next look.

        Raises:
            PartError: The reader doesn't answer.
        """
        ...

    def close(self) -> None:
        """Give the device back. Never raises."""
        ...


_KIND_BY_SEL_RES = {
    0x00: "type2",
    0x08: "mifare_classic_1k",
    0x09: "mifare_mini",
    0x18: "mifare_classic_4k",
}
_ISO_14443_4 = 0x20
COMMANDS = "iso14443-4"
"""The kind of cards that take commands, and so may prove something."""


def kind_of(sel_res: int) -> str:
    """Name a family of cards by its SEL_RES (NXP AN10833)."""
    if sel_res & _ISO_14443_4:
        return COMMANDS
    return _KIND_BY_SEL_RES.get(sel_res, "iso14443a")


class LookingReader(ReopeningReader):
    """A `CardReader` on a `FieldPort`. Cards prove what they can, if there are keys for them.

    Args:
        spec: Where it is.
        around: Clock, keys of cards, random bytes.
    """

    def __init__(self, spec: ReaderSpec, around: Around) -> None:
        super().__init__(spec, around.clock)
        self._field: Field = EMPTY
        self._keys = around.keys
        self._entropy = around.entropy
        self._proofs_lost = 0
        self._misses = 0

    def open_field(self) -> FieldPort:
        """Open the reader for somebody who asks it alone; `start` must not be called then.

        Raises:
            PartError: It isn't there, or doesn't answer.
        """
        return self._open()

    @abstractmethod
    def _open(self) -> FieldPort:
        """Open the reader.

        Raises:
            PartError: It isn't there, or doesn't answer.
        """

    def _use(self) -> None:
        port = self._open()
        try:
            self._came_up()
            while not self._stop.is_set():
                cards = port.cards()
                self._note_misses(len(cards))
                self._field, change = observe(self._field, tuple(card.uid for card in cards))
                self._report_change(change, cards, port)
                port.field_off()
                self._pause(LOOK_PAUSE_MS)
        finally:
            port.close()

    def _report_change(self, change: Change, cards: tuple[Card, ...], port: FieldPort) -> None:
        name = self._spec.id
        if change is Change.CARD:
            self._report_card(cards[0], port)
        elif change is Change.SEVERAL:
            self._proofs_lost = 0
            self._report(CardsSeveral(name, self._now_ms()))
        elif change is Change.GONE:
            self._report(CardGone(name, self._now_ms()))

    def _note_misses(self, cards: int) -> None:
        """A card whose proof was lost is taken away like any other."""
        self._misses = 0 if cards else self._misses + 1
        if self._misses >= MISSES_GONE:
            self._let_lost_go()

    def _let_lost_go(self) -> None:
        """Forget proofs that were lost, and report the card gone if it was reported."""
        lost, self._proofs_lost = self._proofs_lost, 0
        if lost >= PROOFS_TRIED_MAX:
            self._report(CardGone(self._spec.id, self._now_ms()))

    def _report_card(self, card: Card, port: FieldPort) -> None:
        now_ms = self._now_ms()  # when it was seen, not when it was done with its proof
        seen = CardPresent(self._spec.id, card.uid, card.kind, 0, now_ms)
        # As if it hadn't been seen, until its proof is known: the next look tries again.
        field, self._field = self._field, EMPTY
        try:
            proved = self._prove(card, port)
        except CardLostError as error:
            self._proofs_lost += 1
            if self._proofs_lost == PROOFS_TRIED_MAX:
                _log.warning("%s: a card's proof is lost: %s", self._part, error)
                self._report(replace(seen, proof_lost=True))
            return
        self._field = field
        self._proofs_lost = 0
        if proved.reason:
            _log.warning("%s: a card proved nothing: %s", self._part, proved.reason)
        kind = proved.kind or card.kind
        self._report(replace(seen, kind=kind, level=proved.level, proof=proved.proof))

    def _prove(self, card: Card, port: FieldPort) -> Proved:
        if card.kind != COMMANDS or self._entropy is None:
            return Proved()
        with port.talk(card) as commands:
            return prove_card(commands, card.uid, self._keys, self._entropy)

    def _forget(self) -> None:
        self._let_lost_go()
        if self._field.occupancy is not Occupancy.EMPTY:
            self._field = EMPTY
            self._report(CardGone(self._spec.id, self._now_ms()))
