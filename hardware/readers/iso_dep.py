"""Commands to a card, by nfcpy: activation and blocks of ISO/IEC 14443-4.

ISO/IEC 14443-4, sections 5 (RATS and ATS) and 7 (blocks, which nfcpy's `tt4` does: chaining,
repeating what was lost, more time when the card asks for it).
"""

from __future__ import annotations

import logging
import termios
from typing import Any

import nfc.clf
import nfc.clf.pn53x
import nfc.tag
import nfc.tag.tt4

from hardware.cards.errors import CardLostError

_RATS = bytes.fromhex("e070")
"""We take frames of 128 bytes; the card is number 0 (section 5.1)."""
_FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_FSCI_DEFAULT, _FWI_DEFAULT, _FWI_MAX = 2, 4, 14
_HAS_TA, _HAS_TB = 0x10, 0x20
_CARRIER_HZ = 13_560_000
_ACTIVATION_S = 0.03
"""Far above the 5 ms that a card may take to its ATS (section 5.6)."""
COMMAND_S_MAX = 5.0
"""Longest wait for all blocks of one command together. nfcpy sets no end to a card that
asks for more time, or goes on with its answer, again and again; a changed key takes
a tenth of a second."""
FRAME_S_MIN = 0.005
"""What each block counts for at least: a card may ask for no time at all, without end."""
logging.getLogger("nfc.tag.tt4").setLevel(logging.CRITICAL)
"""It complains of each block that a moving hand loses; what comes of it is said here."""
BROKEN = (OSError, termios.error, nfc.clf.pn53x.Chipset.Error)
"""What nfcpy raises when it is the reader that fails, not the card."""


class IsoDepPort:
    """An `ApduPort` on a card that was found a moment ago.

    Args:
        device: nfcpy's device, with the card selected.
        sens_res: What the card answered, as it was sent.
        sel_res: Its SAK.
        uid: Its UID.

    Raises:
        CardLostError: It doesn't answer any more.
    """

    def __init__(self, device: Any, sens_res: bytes, sel_res: int, uid: bytes) -> None:
        self._air = _Air(device, sens_res, sel_res, uid)
        try:
            ats = bytes(self._air.exchange(_RATS, _ACTIVATION_S))
        except nfc.clf.CommunicationError as error:
            raise CardLostError("the card went away while it was activated") from error
        frame_bytes, wait_s = _timing(ats)
        self._blocks = nfc.tag.tt4.IsoDepInitiator(self._air, frame_bytes, wait_s)

    def exchange(self, apdu: bytes) -> bytes:
        """Send a command; returns the answer with its status.

        Raises:
            CardLostError: No answer came, after nfcpy asked for it again, or none in time.
        """
        self._air.start()
        try:
            return bytes(self._blocks.exchange(bytearray(apdu)))
        except (nfc.tag.TagCommandError, nfc.clf.CommunicationError, IndexError) as error:
            raise CardLostError("no answer of the card: it was taken away, or is torn") from error


class _Air:
    """What nfcpy's blocks are sent with."""

    def __init__(self, device: Any, sens_res: bytes, sel_res: int, uid: bytes) -> None:
        self._device = device
        self._target = nfc.clf.RemoteTarget(
            "106A",
            sens_res=bytearray(sens_res),
            sel_res=bytearray((sel_res,)),
            sdd_res=bytearray(uid),
        )
        self._left_s = COMMAND_S_MAX

    def start(self) -> None:
        """A command begins."""
        self._left_s = COMMAND_S_MAX

    def exchange(self, data: bytes | bytearray, timeout: float) -> bytearray:
        if self._left_s <= 0:
            raise nfc.clf.ProtocolError("the card doesn't come to an end")
        wait_s = min(timeout, self._left_s)
        self._left_s -= max(wait_s, FRAME_S_MIN)
        answer: bytearray = self._device.send_cmd_recv_rsp(self._target, bytearray(data), wait_s)
        return answer


def _timing(ats: bytes) -> tuple[int, float]:
    """The card's frame size in bytes, and how long it may take for an answer, in seconds.

    What an ATS leaves out has defaults (section 5.2); one that is cut short is read as far
    as it goes.
    """
    present = ats[1] if len(ats) > 1 else _FSCI_DEFAULT
    at_tb = 2 + bool(present & _HAS_TA)
    has_tb = present & _HAS_TB and len(ats) > at_tb
    fwi = min(ats[at_tb] >> 4, _FWI_MAX) if has_tb else _FWI_DEFAULT
    size = _FRAME_SIZES[min(present & 0x0F, len(_FRAME_SIZES) - 1)]
    return size, (256 * 16 << fwi) / _CARRIER_HZ
