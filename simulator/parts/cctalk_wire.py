"""A ccTalk bus on a pseudo-terminal: one wire, so that a host hears what it says.

Source: ccTalk Generic Specification 4.7, part 1, sections 2 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from threading import RLock
from typing import Protocol

from hardware.money.cctalk_frame import HOST, OVERHEAD_BYTES, Message, decode, encode
from simulator.parts.pty_port import PtyPort


class Trouble(Enum):
    """What is wrong on the wire."""

    NONE = "none"
    SILENT = "silent"
    """No answer comes back."""
    WRONG_CHECKSUM = "wrong_checksum"
    """The last byte of each answer is damaged."""
    NOISE = "noise"
    """Stray bytes come before each answer."""
    CUT_SHORT = "cut_short"
    """Each answer ends early."""


class OnWire(Protocol):
    """A device, as its bus sees it."""

    @property
    def with_crc(self) -> bool:
        """Which checksum it uses."""
        ...

    def answer(self, question: Message) -> Message | None:
        """Obey; None: it says nothing."""
        ...


class VirtualCctalkBus:
    """A bus with devices. Works from `plug` on.

    Args:
        path: Where the host finds it.
        devices: By address.
        echo: Whether what the host sends comes back.
    """

    def __init__(self, path: Path, devices: Mapping[int, OnWire], *, echo: bool = True) -> None:
        self.trouble = Trouble.NONE
        self.lose_answers = 0
        """So many of the next answers are lost; the devices did what they were asked."""
        self.absent: set[int] = set()
        self.asked: list[tuple[int, int]] = []
        """Address and header of each question."""
        self._devices = dict(devices)
        self._echo = echo
        self._port = PtyPort(path, self._on_bytes)
        self._heard = b""
        self._lock = RLock()

    def has(self, device: object) -> bool:
        """Whether a device is on this bus."""
        return any(each is device for each in self._devices.values())

    def plug(self) -> None:
        """Plug in; nothing happens when it is."""
        self._port.plug()

    def unplug(self) -> None:
        """Pull out."""
        self._port.unplug()

    def _on_bytes(self, data: bytes) -> None:
        if self._echo:
            self._port.write(data)
        with self._lock:
            self._heard += data
            while len(self._heard) > 1 and len(self._heard) >= OVERHEAD_BYTES + self._heard[1]:
                length = OVERHEAD_BYTES + self._heard[1]
                raw, self._heard = self._heard[:length], self._heard[length:]
                self._obey(raw)

    def _obey(self, raw: bytes) -> None:
        address = raw[0]
        device = self._devices.get(address)
        if device is None or address in self.absent:
            return
        try:
            _, _, question = decode(raw, with_crc=device.with_crc)
        except ValueError:
            # Nobody answers what is damaged, and what follows is damaged, too.
            self._heard = b""
            return
        self.asked.append((address, question.header))
        answer = device.answer(question)
        if answer is None or self.trouble is Trouble.SILENT:
            return
        if self.lose_answers:
            self.lose_answers -= 1
            return
        self._say(encode(HOST, answer, source=address, with_crc=device.with_crc))

    def _say(self, raw: bytes) -> None:
        if self.trouble is Trouble.WRONG_CHECKSUM:
            raw = raw[:-1] + bytes([raw[-1] ^ 0x55])
        elif self.trouble is Trouble.NOISE:
            raw = b"\xff\x00\x7f" + raw
        elif self.trouble is Trouble.CUT_SHORT:
            raw = raw[:-2]
        self._port.write(raw)
