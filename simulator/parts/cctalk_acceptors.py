"""Virtual coin and note acceptors for a ccTalk bus.

Source: ccTalk Generic Specification 4.7, part 2 (headers) and part 3 (tables 2 and 7).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import RLock

from hardware.money.cctalk_frame import Message
from simulator.parts.cash_spec import EURO_NOTES, EUROS, CashParts

ACK = Message(0)
NAK = Message(5)
KEPT = 5
COUNTER_MAX = 255
JAMMED_COIN, SWALLOWED_COIN = 14, 36
JAMMED_NOTE, RETURNED_NOTE = 6, 1
_NOTHING = (0, 0)


class VirtualDevice(ABC):
    """An acceptor. All methods may be called from any thread.

    Args:
        parts: What it is.
    """

    usual_address: int
    category: bytes

    def __init__(self, parts: CashParts, names: tuple[str, ...]) -> None:
        self.parts = parts
        self.with_crc = parts.crc
        self.taken: list[int] = []
        """Coins or notes in the box."""
        self.is_jammed = False
        self._names = parts.names or names
        self._lock = RLock()
        self.restart()

    def restart(self) -> None:
        """Cut its power for a moment: it forgets its events, and what it may accept."""
        with self._lock:
            self._count = 0
            self._events = [_NOTHING] * KEPT
            self._mask = 0
            self._master = True

    @property
    def accepts(self) -> bool:
        """Whether it takes anything now."""
        with self._lock:
            return bool(self._master and self._mask) and not self.is_jammed

    @abstractmethod
    def insert(self, coin: int) -> bool:
        """Put something in, by its number; False: it comes out again at once."""

    @abstractmethod
    def jam(self) -> None:
        """Let it stick."""

    def mend(self) -> None:
        """Take out what sticks."""
        self.is_jammed = False

    def answer(self, question: Message) -> Message | None:
        """Obey a question."""
        with self._lock:
            if question.header == 111:  # noqa: PLR2004 a header
                return self._encryption()
            if self.parts.encryption == "all":
                return None
            return self._answer(question.header, question.data)

    def _answer(self, header: int, data: bytes) -> Message:
        match header:
            case 254:
                pass
            case 245:
                return Message(0, self.category)
            case 232:
                return Message(0, bytes([JAMMED_COIN if self.is_jammed else 0]))
            case 231 if len(data) > 1:
                self._mask = int.from_bytes(data[:2], "little")
            case 228 if data:
                self._master = bool(data[0] & 1)
            case 1:
                self.restart()
            case _:
                return self._own(header, data)
        return ACK

    @abstractmethod
    def _own(self, header: int, data: bytes) -> Message:
        """Obey what only its kind knows."""

    def _encryption(self) -> Message:
        if self.parts.encryption == "none":
            return NAK
        level = 11 if self.parts.encryption == "all" else 0
        return Message(0, bytes([level, 11, 24, 64, 64, 0]))

    def _note(self, first: int, second: int) -> None:
        """Add an event."""
        self._count = self._count % COUNTER_MAX + 1
        self._events = [(first, second), *self._events[: KEPT - 1]]

    def _buffer(self) -> Message:
        flat = (byte for pair in self._events for byte in pair)
        return Message(0, bytes([self._count, *flat]))

    def _name(self, data: bytes, empty: bytes) -> Message:
        position = data[0] if data else 0
        if 1 <= position <= len(self._names):
            return Message(0, self._names[position - 1].encode())
        return Message(0, empty)

    def _may(self, number: int) -> bool:
        return self.accepts and bool(self._mask >> (number - 1) & 1)


class VirtualCoinAcceptor(VirtualDevice):
    """A coin acceptor."""

    usual_address = 2
    category = b"Coin Acceptor"

    def __init__(self, parts: CashParts) -> None:
        super().__init__(parts, EUROS)

    def insert(self, coin: int) -> bool:
        with self._lock:
            if not self._may(coin):
                self._note(0, 2)
                return False
            self.taken.append(coin)
            self._note(coin, 1)
            return True

    def jam(self) -> None:
        with self._lock:
            self.is_jammed = True
            self._note(0, JAMMED_COIN)

    def swallow(self) -> None:
        """Let a coin fall into the box uncounted."""
        with self._lock:
            self._note(0, SWALLOWED_COIN)

    def _own(self, header: int, data: bytes) -> Message:
        if header == 229:  # noqa: PLR2004 a header
            return self._buffer()
        if header == 184:  # noqa: PLR2004 a header
            return self._name(data, b"......")
        return NAK


class VirtualNoteAcceptor(VirtualDevice):
    """A note acceptor with an escrow."""

    usual_address = 40
    category = b"Bill Validator"

    def __init__(self, parts: CashParts) -> None:
        self.held = 0
        """Note in the escrow; 0: none."""
        self.returned: list[int] = []
        super().__init__(parts, EURO_NOTES)

    def insert(self, coin: int) -> bool:
        with self._lock:
            if not self._may(coin) or self.held:
                self._note(0, 4)
                return False
            self.held = coin
            self._note(coin, 1)
            return True

    def jam(self) -> None:
        with self._lock:
            self.is_jammed = True
            self._note(0, JAMMED_NOTE)

    def _own(self, header: int, data: bytes) -> Message:
        match header:
            case 159:
                return self._buffer()
            case 157:
                return self._name(data, b".......")
            case 156:
                # Of euros: a number is worth 100 cents, of which two are decimals.
                return Message(0, bytes([100, 0, 2]) if data == b"EU" else b"\0\0\0")
            case 154:
                return self._route(data)
            case 153:
                return ACK
            case _:
                return NAK

    def _route(self, data: bytes) -> Message:
        note, self.held = self.held, 0
        if not note:
            return Message(0, b"\xfe")
        if data == b"\x01":
            self.taken.append(note)
            self._note(note, 0)
        else:
            self.returned.append(note)
            self._note(0, RETURNED_NOTE)
        return ACK
