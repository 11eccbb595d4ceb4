"""A contactless card behind pcscd, by vsmartcard's virtual reader `vpcd`.

A card is laid down by connecting to vpcd (its README, "vpcd configuration"). Each
message is a length of two bytes, high byte first, and that much data; a message of one
byte is 0 power off, 1 power on, 2 reset, 4 ask for the ATR; anything else is a command
APDU.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import xor
from threading import Thread
from typing import Any

from simulator.parts.iso_dep import CommandCard

_ATR = bytes.fromhex("3b8f8001804f0ca0000003060300030000000068")
"""PC/SC part 3, 3.1.3.2.3.2: a storage card; its name is put in, its check byte made."""
_NAME_AT = 13
_ASK_ATR = b"\x04"
_GET_UID = bytes.fromhex("ffca0000")
_ATR_OF_COMMANDS = bytes.fromhex("3b80800101")
"""PC/SC part 3, 3.1.3.2.3.1: a card that takes commands and tells no historical bytes."""
_POWER_ON, _RESET = b"\x01", b"\x02"
_DONE, _UNKNOWN = b"\x90\x00", b"\x6d\x00"


class PcscAntenna:
    """The antenna of a virtual reader, one card at a time.

    Args:
        connect: Gives a line to vpcd.
        name: Two bytes that name the family in the ATR; MIFARE Ultralight and NTAG are 3.
    """

    def __init__(self, connect: Callable[[], socket.socket], name: int = 3) -> None:
        body = bytearray(_ATR[:-1])
        body[_NAME_AT : _NAME_AT + 2] = name.to_bytes(2)
        self._atr_of_storage = bytes(body) + bytes([reduce(xor, body[1:])])
        self._connect = connect
        self._line: socket.socket | None = None
        self._thread: Thread | None = None

    def place(self, card: bytes | CommandCard[Any]) -> None:
        """Lay a card down: pcscd finds it at its next look.

        Args:
            card: UID of a storage card, or one that takes commands.

        Raises:
            OSError: vpcd isn't there.
        """
        line = self._connect()
        self._line = line
        self._thread = Thread(target=self._serve, args=(line, card), name="card", daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Take it away; nothing happens when there is none."""
        if self._line is None or self._thread is None:
            return
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._line.close()
        self._line = None

    def _serve(self, line: socket.socket, card: bytes | CommandCard[Any]) -> None:
        with suppress(OSError):
            while message := _receive(line):
                answer = self._answer(message, card)
                if answer:
                    line.sendall(len(answer).to_bytes(2) + answer)

    def _answer(self, message: bytes, card: bytes | CommandCard[Any]) -> bytes:
        if isinstance(card, CommandCard):
            return _answer_of(card, message)
        if message == _ASK_ATR:
            return self._atr_of_storage
        if len(message) == 1:
            return b""
        return card + _DONE if message.startswith(_GET_UID) else _UNKNOWN


def _answer_of(card: CommandCard[Any], message: bytes) -> bytes:
    """What a reader passes on of a card that takes commands."""
    if message == _ASK_ATR:
        return _ATR_OF_COMMANDS
    if len(message) == 1:
        if message in (_POWER_ON, _RESET):
            card.power_up()
        return b""
    if message.startswith(_GET_UID):
        return card.uid + _DONE
    answer: bytes = card.chip.obey(message)
    return answer


def _receive(line: socket.socket) -> bytes:
    """Take one message; empty: the line has ended."""
    length = int.from_bytes(_exactly(line, 2))
    return _exactly(line, length) if length else b""


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = line.recv(count - len(data))
        if not chunk:
            return b""
        data += chunk
    return data
