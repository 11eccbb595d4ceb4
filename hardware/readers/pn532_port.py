"""Opening, asking and closing a PN532 on a serial port, by nfcpy.

Commands and answers: NXP UM0701-02 (PN532 user manual), sections 6.2 (frames),
7.2.8 SetSerialBaudrate, 7.3.1 RFConfiguration, 7.3.5 InListPassiveTarget.
Beside `usb_port` and `iso_dep`, the only file that knows nfcpy.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nfc.clf.pn532
import nfc.clf.transport
import serial

from hardware.cards.port import ApduPort
from hardware.errors import PartError
from hardware.readers.iso_dep import BROKEN, IsoDepPort
from hardware.readers.looking import Card, kind_of

CARDS_MAX = 2
"""As many cards as the chip can list at once; two are enough to know there are several."""

_LIST_CARDS = 0x4A
_TYPE_A_106 = 0x00
_LIST_TIMEOUT_S = 1.0
"""Far above the few ms it takes; a chip that is silent that long hangs."""

_FAST_BAUD = 921_600
"""The speed nfcpy leaves a chip at when its process is killed."""

_SLOW_DOWN = bytes.fromhex("0000ff03fdd410041800")
"""SetSerialBaudrate to 115200; the chip obeys after our ACK."""

_ACK = bytes.fromhex("0000ff00ff00")
_ANSWER_BYTES = 6 + 9
"""ACK and answer to SetSerialBaudrate."""

_PREAMBLE = bytes(10)
"""Wakes the chip from low power, as UM0701-02 section 7.2.11 asks on a serial port."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.:+-]+")
"""nfcpy hands the path to a shell."""

FRAMES_PER_COMMAND_MAX = 16
"""An acknowledgement and an answer come to a command; more is a chip, or a line, gone mad."""
_CARD_HEADER = 5


class Pn532Port:
    """An open chip. Used by one thread.

    Args:
        part: What to call it in errors.
        path: The serial device; a link is followed now, since nfcpy knows a
            Raspberry Pi's ports by their real names.

    Raises:
        PartError: No port, or no chip that answers.
    """

    def __init__(self, part: str, path: str) -> None:
        self._part = part
        real = str(Path(path).resolve())
        if not _PLAIN_PATH.fullmatch(real):
            raise PartError(part, f"{real!r} isn't a plain path", "Name another port")
        self._transport = self._open_port(path, real)
        try:
            self._device = _wake(self._transport, real)
        except Exception as error:
            self._close_port()
            raise PartError(
                part,
                f"no PN532 answers at {path}: {_words(error)}",
                "Check its power, its wiring and that its switches are set to serial (HSU)",
            ) from error

    def cards(self) -> tuple[Card, ...]:
        """Look once for type A cards, at most `CARDS_MAX`; the field stays on.

        Raises:
            PartError: The chip doesn't answer, or not as it should.
        """
        try:
            # nfcpy's own call always asks for one card.
            answer = self._device.chipset.command(
                _LIST_CARDS, bytearray([CARDS_MAX, _TYPE_A_106]), _LIST_TIMEOUT_S
            )
            return _parse_cards(bytes(answer))
        except Exception as error:
            raise self._lost(error) from error

    @contextmanager
    def talk(self, card: Card) -> Iterator[ApduPort]:
        """Send commands to the card that the last look found alone.

        Raises:
            CardLostError: It went away.
            PartError: The chip doesn't answer.
        """
        try:
            yield IsoDepPort(self._device, card.sens_res, card.sel_res, card.uid)
        except BROKEN as error:
            raise self._lost(error) from error

    def field_off(self) -> None:
        """Switch the field off, so that a card starts anew at the next look.

        Raises:
            PartError: The chip doesn't answer.
        """
        try:
            self._device.mute()
        except Exception as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Put the chip to sleep if it still listens, and close the port. Never raises."""
        with suppress(Exception):
            self._device.close()
        self._close_port()

    def _open_port(self, path: str, real: str) -> Any:
        try:
            return _Line(real)
        except Exception as error:
            raise PartError(
                self._part,
                f"can't open {path}: {_words(error)}",
                "Plug the reader in, or correct its port in the configuration",
            ) from error

    def _close_port(self) -> None:
        tty, self._transport.tty = self._transport.tty, None
        if tty is not None:
            # Not by the transport: it flushes first, and that fails on a port that is gone.
            with suppress(Exception):
                tty.close()

    def _lost(self, error: Exception) -> PartError:
        return PartError(
            self._part,
            f"the reader stopped answering: {_words(error)}",
            "Check its cable and power",
        )


class _Line(nfc.clf.transport.TTY):  # type: ignore[misc]  # the library has no types
    """nfcpy's line, but a chip that acknowledges for ever doesn't hold the reader for ever."""

    _frames = 0

    def write(self, frame: Any) -> None:
        self._frames = 0
        super().write(frame)

    def read(self, timeout: float) -> Any:
        self._frames += 1
        if self._frames > FRAMES_PER_COMMAND_MAX:
            raise OSError(errno.EIO, "the chip doesn't stop talking")
        return super().read(timeout)


def _wake(transport: Any, path: str) -> Any:
    try:
        return nfc.clf.pn532.init(transport)
    except OSError:
        _slow_down(path)
        return nfc.clf.pn532.init(transport)


def _slow_down(path: str) -> None:
    """Bring back a chip that a killed process left at high speed."""
    with serial.Serial(path, _FAST_BAUD, timeout=0.1, write_timeout=0.1) as port:
        port.write(_PREAMBLE + _SLOW_DOWN)
        port.read(_ANSWER_BYTES)
        port.write(_ACK)
        port.flush()


def _parse_cards(answer: bytes) -> tuple[Card, ...]:
    """Read NbTg, then per card: number, SENS_RES (2), SEL_RES, length of the UID, UID.

    Automatic RATS is off (nfcpy clears it by SetParameters), so no ATS follows.
    """
    cards = []
    at = 1
    for _ in range(answer[0]):
        # SENS_RES comes with its high byte first (section 7.3.5).
        sens_res = bytes(reversed(answer[at + 1 : at + 3]))
        sel_res, length = answer[at + 3], answer[at + 4]
        uid = answer[at + _CARD_HEADER : at + _CARD_HEADER + length]
        if len(uid) != length or length == 0:
            raise ValueError("the list of cards is cut short")
        cards.append(Card(uid, kind_of(sel_res), sens_res, sel_res))
        at += _CARD_HEADER + length
    return tuple(cards)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
