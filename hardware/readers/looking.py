"""Readers that are asked again and again what lies on them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from hardware.ports import CardGone, CardPresent, CardsSeveral
from hardware.readers.field import EMPTY, Change, Field, Occupancy, observe
from hardware.readers.reopening import ReopeningReader
from hardware.specs import ReaderSpec
from wire.clock import Clock

LOOK_PAUSE_MS = 20
"""Field off between two looks: resets cards (ISO/IEC 14443-3 asks 5 ms), and a tap is
seen within 24 ms in the middle."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card as it answered.

    Attributes:
        uid: 4, 7 or 10 bytes.
        kind: Family by SEL_RES (NXP AN10833), for people.
    """

    uid: bytes
    kind: str


class FieldPort(Protocol):
    """An open reader with a field. Used by one thread."""

    def cards(self) -> tuple[Card, ...]:
        """Look once; returns what answered.

        Raises:
            PartError: The reader doesn't answer, or not as it should.
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


def kind_of(sel_res: int) -> str:
    """Name a family of cards by its SEL_RES (NXP AN10833)."""
    if sel_res & _ISO_14443_4:
        return "iso14443-4"
    return _KIND_BY_SEL_RES.get(sel_res, "iso14443a")


class LookingReader(ReopeningReader):
    """A `CardReader` on a `FieldPort`. Cards are of level 0: only a UID.

    Args:
        spec: Where it is.
        clock: Source of `mono_ms`.
    """

    def __init__(self, spec: ReaderSpec, clock: Clock) -> None:
        super().__init__(spec, clock)
        self._field: Field = EMPTY

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
                self._field, change = observe(self._field, tuple(card.uid for card in cards))
                self._report_change(change, cards)
                port.field_off()
                self._pause(LOOK_PAUSE_MS)
        finally:
            port.close()

    def _report_change(self, change: Change, cards: tuple[Card, ...]) -> None:
        now_ms = self._now_ms()
        name = self._spec.id
        if change is Change.CARD:
            card = cards[0]
            self._report(CardPresent(name, card.uid, card.kind, 0, now_ms))
        elif change is Change.SEVERAL:
            self._report(CardsSeveral(name, now_ms))
        elif change is Change.GONE:
            self._report(CardGone(name, now_ms))

    def _forget(self) -> None:
        if self._field.occupancy is not Occupancy.EMPTY:
            self._field = EMPTY
            self._report(CardGone(self._spec.id, self._now_ms()))
