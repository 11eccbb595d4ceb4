"""What can go wrong with a card, by what is known afterwards.

HardwareError
└── CardError
    ├── CardLostError     its answer is lost: nobody knows whether it did what it was told
    ├── CardRefusedError  it answered that it didn't
    └── CardDataError     it, or the caller, sent what can't be right: MAC, padding, length
        └── ProofError    it doesn't hold the key that it should hold
"""

from __future__ import annotations

from hardware.errors import HardwareError

STATUS_WORDS = {
    0x9100: "done",
    0x911C: "it doesn't know this command",
    0x911E: "it doubts our MAC",
    0x9140: "there is no such key",
    0x917E: "a length is wrong",
    0x919D: "not allowed in this state",
    0x919E: "a parameter is wrong",
    0x91A0: "there is no such application",
    0x91AD: "it was asked too often and needs a while",
    0x91AE: "it holds another key",
    0x91BE: "beyond its limits",
    0x91CA: "another command isn't finished",
    0x91DE: "it is there already",
    0x91EE: "its memory failed",
    0x91F0: "there is no such file",
}
"""Status words of NXP's cards (NT4H2421Gx data sheet, section 10; MF3D(H)x3, section 11)."""


class CardError(HardwareError):
    """Root of what goes wrong with a card."""


class CardLostError(CardError):
    """Raised when an answer is lost: the card may have done it or not. Try it again."""


class CardRefusedError(CardError):
    """Raised when a card answers that it didn't do it; nothing changed on it.

    Args:
        what: What it was told.
        status: Its status word, 0 to FFFFh.
    """

    def __init__(self, what: str, status: int) -> None:
        words = STATUS_WORDS.get(status, "its maker's document says why")
        super().__init__(f"{what}: the card answered {status:04X}, {words}")
        self.status = status


class CardDataError(CardError, ValueError):
    """Raised when bytes of a card, or for one, can't be right."""


class ProofError(CardDataError):
    """Raised when a card doesn't prove the key: it is a copy, or has another key."""
