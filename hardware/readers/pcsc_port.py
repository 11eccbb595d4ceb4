"""Asking a PC/SC reader what lies on it, through pcscd. The only file that knows pyscard.

PC/SC part 3 (interfacing devices), section 3.2.2.1.3: FF CA 00 00 00 asks a contactless
reader for the card's UID. The ATR of a memory card names its family: part 3, section
3.1.3.2.3.2, and its supplement for contactless storage cards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from smartcard import scard

from hardware.cards.errors import CardLostError
from hardware.cards.port import ApduPort
from hardware.errors import PartError
from hardware.readers.looking import Card

WATCH_MS = 200
"""Longest wait for a card to come or go: bounds how late a removal and a stop are seen."""

_GET_UID = [0xFF, 0xCA, 0x00, 0x00, 0x00]
_DONE = (0x90, 0x00)
_PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
_UID_LENGTHS = (4, 7, 10)
_STORAGE_CARD = bytes.fromhex("a000000306")
"""Registered id of the PC/SC workgroup, in the ATR of every storage card."""
_NAME_AFTER = len(_STORAGE_CARD) + 1
_NAMES = {
    0x0001: "mifare_classic_1k",
    0x0002: "mifare_classic_4k",
    0x0003: "type2",
    0x0026: "mifare_mini",
}
_GONE = (
    scard.SCARD_E_NO_SMARTCARD,
    scard.SCARD_W_REMOVED_CARD,
    scard.SCARD_W_UNPOWERED_CARD,
    scard.SCARD_W_UNRESPONSIVE_CARD,
    scard.SCARD_W_RESET_CARD,
    scard.SCARD_E_NOT_TRANSACTED,
    scard.SCARD_E_PROTO_MISMATCH,
)
"""What a card does that was only brushed over the reader, or isn't a card for it."""
_NO_DAEMON = (
    scard.SCARD_E_NO_SERVICE,
    scard.SCARD_E_SERVICE_STOPPED,
    scard.SCARD_E_INVALID_HANDLE,
    scard.SCARD_F_COMM_ERROR,
)


class PcscPort:
    """One reader of pcscd's. Used by one thread.

    Args:
        part: What to call it in errors.
        name: Part of the reader's name as pcscd tells it; empty: the first reader.

    Raises:
        PartError: pcscd doesn't run, or has no such reader.
    """

    def __init__(self, part: str, name: str) -> None:
        self._part = part
        code, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if code != scard.SCARD_S_SUCCESS:
            raise self._error(code)
        try:
            self._reader = self._choose(name)
        except PartError:
            self.close()
            raise
        self._state = scard.SCARD_STATE_UNAWARE
        self._card: Card | None = None

    def cards(self) -> tuple[Card, ...]:
        """Wait at most `WATCH_MS` for a change; returns the card that lies there.

        Such a reader tells one card of several, or none.

        Raises:
            PartError: Reader or daemon is gone.
        """
        code, states = scard.SCardGetStatusChange(
            self._context, WATCH_MS, [(self._reader, self._state)]
        )
        if code == scard.SCARD_E_TIMEOUT:
            return () if self._card is None else (self._card,)
        if code != scard.SCARD_S_SUCCESS:
            raise self._error(code)
        _, state, atr = states[0]
        self._state = state & ~scard.SCARD_STATE_CHANGED
        if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            raise PartError(self._part, f"{self._reader} is gone", "Plug the reader in")
        present = bool(state & scard.SCARD_STATE_PRESENT) and not state & scard.SCARD_STATE_MUTE
        self._card = self._identify(bytes(atr)) if present else None
        return () if self._card is None else (self._card,)

    @contextmanager
    def talk(self, card: Card) -> Iterator[ApduPort]:  # noqa: ARG002 pcscd holds one card
        """Send commands to the card that lies there; nobody else's come between.

        Raises:
            CardLostError: It went away, or another program holds it.
            PartError: Reader or daemon is gone.
        """
        code, handle, protocol = scard.SCardConnect(
            self._context, self._reader, scard.SCARD_SHARE_EXCLUSIVE, _PROTOCOLS
        )
        if code != scard.SCARD_S_SUCCESS:
            raise self._lost(code)
        try:
            yield _Commands(self, handle, protocol)
        finally:
            scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)

    def transmit(self, handle: Any, protocol: int, apdu: bytes) -> bytes:
        """Send a command to a connected card.

        Raises:
            CardLostError: It went away.
            PartError: Reader or daemon is gone.
        """
        header = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, answer = scard.SCardTransmit(handle, header, list(apdu))
        if code != scard.SCARD_S_SUCCESS:
            raise self._lost(code)
        return bytes(answer)

    def field_off(self) -> None:
        """Nothing: pcscd has the field to itself."""

    def close(self) -> None:
        """Let go of pcscd. Never raises."""
        with suppress(Exception):
            scard.SCardReleaseContext(self._context)

    def _choose(self, name: str) -> str:
        code, readers = scard.SCardListReaders(self._context, [])
        if code not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_NO_READERS_AVAILABLE):
            raise self._error(code)
        for reader in readers or ():
            if name in reader:
                return str(reader)
        there = ", ".join(readers or ()) or "none"
        raise PartError(
            self._part,
            f"pcscd has no reader {name!r}; it has: {there}",
            "Plug the reader in, or correct its port in the configuration",
        )

    def _identify(self, atr: bytes) -> Card | None:
        code, card, protocol = scard.SCardConnect(
            self._context,
            self._reader,
            scard.SCARD_SHARE_SHARED,
            _PROTOCOLS,
        )
        if code != scard.SCARD_S_SUCCESS:
            if code in _GONE or code == scard.SCARD_E_SHARING_VIOLATION:
                return None
            raise self._error(code)
        try:
            uid = self._ask_uid(card, protocol)
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        return None if len(uid) not in _UID_LENGTHS else Card(uid, _kind(atr))

    def _ask_uid(self, card: Any, protocol: int) -> bytes:
        code, answer = scard.SCardTransmit(
            card,
            scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1,
            _GET_UID,
        )
        if code in _GONE:
            return b""
        if code != scard.SCARD_S_SUCCESS:
            raise self._error(code)
        return bytes(answer[:-2]) if tuple(answer[-2:]) == _DONE else b""

    def _lost(self, code: int) -> CardLostError | PartError:
        if code in _GONE or code == scard.SCARD_E_SHARING_VIOLATION:
            return CardLostError("no answer of the card: it was taken away")
        return self._error(code)

    def _error(self, code: int) -> PartError:
        if code in _NO_DAEMON:
            return PartError(
                self._part,
                "pcscd doesn't run",
                "Install it (apt install pcscd) and start it: systemctl enable --now pcscd.socket",
            )
        return PartError(
            self._part,
            f"PC/SC: {scard.SCardGetErrorMessage(code).strip(' .')}",
            "Check the reader's cable; the service's user may need a polkit rule for pcscd",
        )


class _Commands:
    """An `ApduPort` on a connected card."""

    def __init__(self, port: PcscPort, handle: Any, protocol: int) -> None:
        self._port, self._handle, self._protocol = port, handle, protocol

    def exchange(self, apdu: bytes) -> bytes:
        return self._port.transmit(self._handle, self._protocol, apdu)


def _kind(atr: bytes) -> str:
    at = atr.find(_STORAGE_CARD)
    if at < 0:
        return "iso14443-4"
    name = atr[at + _NAME_AFTER : at + _NAME_AFTER + 2]
    return _NAMES.get(int.from_bytes(name), "iso14443a")
