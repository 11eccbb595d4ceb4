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

_ATR = bytes.fromhex("3b8f8001804f0ca0000003060300030000000068")
"""PC/SC part 3, 3.1.3.2.3.2: a storage card; its name is put in, its check byte made."""
_NAME_AT = 13
_ASK_ATR = b"\x04"
_GET_UID = bytes.fromhex("ffca0000")
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
        self._atr = bytes(body) + bytes([reduce(xor, body[1:])])
        self._connect = connect
        self._line: socket.socket | None = None
        self._thread: Thread | None = None

    def place(self, uid: bytes) -> None:
        """Lay a card down: pcscd finds it at its next look.

        Raises:
            OSError: vpcd isn't there.
        """
        line = self._connect()
        self._line = line
        self._thread = Thread(target=self._serve, args=(line, uid), name="card", daemon=True)
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

    def _serve(self, line: socket.socket, uid: bytes) -> None:
        with suppress(OSError):
            while message := _receive(line):
                answer = self._answer(message, uid)
                if answer:
                    line.sendall(len(answer).to_bytes(2) + answer)

    def _answer(self, message: bytes, uid: bytes) -> bytes:
        if message == _ASK_ATR:
            return self._atr
        if len(message) == 1:
            return b""
        return uid + _DONE if message.startswith(_GET_UID) else _UNKNOWN


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
