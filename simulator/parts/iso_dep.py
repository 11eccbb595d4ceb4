"""Cards that take commands: ISO/IEC 14443-4 on the air, ISO/IEC 7816-4 above it.

Blocks of ISO/IEC 14443-4 (2018), section 7: RATS and ATS, chaining both ways, R-blocks,
waiting time extension, DESELECT. Faults: answers that are lost on the air, a wait, and a
card that is torn away before or after it did what it was told.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Generic, Protocol, TypeVar

from simulator.parts.tags import Tag

SEL_RES = 0x20
SENS_RES = b"\x44\x03"
_ATS = bytes.fromhex("067777710280")
"""As an NTAG 424 DNA's: frames of 128 bytes, 77 ms to answer (data sheet, section 8.3)."""
_FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_RATS = 0xE0
_I_BLOCK, _I_MASK = 0x02, 0xE2
_R_ACK, _R_NAK, _R_MASK = 0xA2, 0xB2, 0xF6
_WTX, _WTX_MASK = 0xF2, 0xFE
_DESELECT, _S_MASK = 0xC2, 0xF7
_CHAINED = 0x10
_OVERHEAD = 3
"""A block's first byte, and its two of checksum."""


class Tear(Enum):
    """When a card leaves the field, seen from the command that it was told."""

    BEFORE = "before it obeyed"
    AFTER = "after it obeyed"


class Chip(Protocol):
    """What a card does with commands."""

    def power_up(self) -> None:
        """Forget what belongs to one stay in the field."""
        ...

    def obey(self, apdu: bytes) -> bytes:
        """Do what a command says; returns the answer with its status."""
        ...


ChipT = TypeVar("ChipT", bound=Chip)


class CommandCard(Tag, Generic[ChipT]):
    """A card with a chip that takes commands.

    Args:
        uid: 4 or 7 bytes.
        chip: What it does.
    """

    def __init__(self, uid: bytes, chip: ChipT) -> None:
        super().__init__(uid, sens_res=SENS_RES, sel_res=SEL_RES)
        self.chip = chip
        self._lost = 0
        self._waits = 0
        self._tear: tuple[int, Tear] | None = None
        self.on_torn: Callable[[], None] = lambda: None
        """Called when it is torn away, within the command that it was told."""
        self._start()

    def lose_answers(self, count: int) -> None:
        """Lose as many of the next answers on the air; the card did what it was told."""
        self._lost = count

    def ask_for_time(self, times: int) -> None:
        """Ask for more time as often before the next answers."""
        self._waits = times

    def tear(self, commands: int, when: Tear) -> None:
        """Leave the field at a command: 1 is the next one. It comes back when laid down anew."""
        self._tear = (commands, when)

    def power_up(self) -> None:
        self._start()
        self.chip.power_up()

    def answer(self, frame: bytes) -> bytes | None:
        if self._gone or not frame:
            return None
        block = self._block(frame)
        if block is not None and self._lost:
            self._lost -= 1
            return None
        return block

    def _start(self) -> None:
        self._gone = False
        self._room = 0
        self._number = 1
        self._incoming = b""
        self._outgoing = b""
        self._last = b""
        self._pending: bytes | None = None

    def _block(self, frame: bytes) -> bytes | None:
        first = frame[0]
        if not self._room:
            return self._activate(frame) if first == _RATS else None
        if first & _I_MASK == _I_BLOCK:
            return self._take(first, frame[1:])
        if first & _R_MASK in (_R_ACK, _R_NAK):
            return self._repeat(first)
        if first & _WTX_MASK == _WTX and self._pending is not None:
            return self._extended()
        if first & _S_MASK == _DESELECT:
            self._room = 0
            return bytes((first,))
        return None

    def _activate(self, frame: bytes) -> bytes:
        size = _FRAME_SIZES[min(frame[1] >> 4, len(_FRAME_SIZES) - 1)]
        self._room = size - _OVERHEAD
        return _ATS

    def _take(self, first: int, data: bytes) -> bytes | None:
        self._number ^= 1
        self._incoming += data
        if first & _CHAINED:
            self._last = bytes((_R_ACK | self._number,))
            return self._last
        apdu, self._incoming = self._incoming, b""
        answer = self._obey(apdu)
        if answer is None:
            return None
        if self._waits:
            self._pending = answer
            return self._extended()
        return self._send(answer)

    def _obey(self, apdu: bytes) -> bytes | None:
        when = self._torn_now()
        answer = None if when is Tear.BEFORE else self.chip.obey(apdu)
        if when is None:
            return answer
        self._gone = True
        self.on_torn()
        return None

    def _torn_now(self) -> Tear | None:
        if self._tear is None:
            return None
        left, when = self._tear
        self._tear = (left - 1, when) if left > 1 else None
        return when if left <= 1 else None

    def _extended(self) -> bytes:
        if self._waits:
            self._waits -= 1
            return bytes((_WTX, 1))
        answer, self._pending = self._pending or b"", None
        return self._send(answer)

    def _repeat(self, first: int) -> bytes | None:
        is_same = first & 1 == self._number
        if first & _R_MASK == _R_NAK:
            return self._last if is_same else bytes((_R_ACK | self._number,))
        if is_same:
            return self._last
        self._number ^= 1
        return self._send(self._outgoing)

    def _send(self, answer: bytes) -> bytes:
        part, self._outgoing = answer[: self._room], answer[self._room :]
        more = _CHAINED if self._outgoing else 0
        self._last = bytes((_I_BLOCK | more | self._number,)) + part
        return self._last
