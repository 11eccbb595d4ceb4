"""Serial lines and files of parts: what a broken or hostile part may say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import patch

import serial

from hardware.errors import PartError
from hardware.meters.counter import CounterMeter
from hardware.readers.pn532_port import CARDS_MAX, Pn532Port
from hardware.specs import MeterSpec
from simulator.parts.display_tube import DisplayTube
from simulator.parts.hsu import DATA_BYTES_MAX, Frame, FrameReader, encode_frame
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Tag
from tests.fuzz.target import Check, FaultError, Target

ANSWERS_MAX = 2_000
"""A line that goes on for ever is read this often at most before the reader gives up."""
UID_BYTES_MAX = 10


class HonestChip(Pn532Chip):
    """The simulated chip without a terminal: what it says is kept."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "no-port")
        self.said = b""
        self._port = self  # type: ignore[assignment]

    def hear(self, data: bytes) -> bytes:
        """Obey; gives what it answers."""
        self.said = b""
        for frame in self._frames.feed(data):
            self._on_frame(frame)
        return self.said

    def write(self, data: bytes) -> None:
        """The chip speaks."""
        self.said += data

    def _wait(self, wait_ms: int) -> None:
        if wait_ms > WAIT_MS_MAX:
            raise FaultError(f"the chip would wait {wait_ms} ms")


WAIT_MS_MAX = 4_000
"""The chip's own longest timeout is 3.28 s (UM0701-02 section 7.3.1)."""


class Line:
    """Stands for `serial.Serial`: an honest chip while the port opens, then any bytes.

    Args:
        chip: Answers at first.
        data: What comes then.
        endless: Whether it comes again and again.
    """

    def __init__(self, chip: HonestChip, data: bytes, *, endless: bool) -> None:
        self.port, self.baudrate, self.timeout = "/dev/fuzz", 115_200, 0.0
        self._chip, self._data, self._endless = chip, data, endless
        self._waiting = b""
        self.is_honest, self.is_endless = True, False
        self._reads = 0

    def write(self, data: bytes) -> int:
        """The host speaks."""
        if self.is_honest:
            self._waiting += self._chip.hear(bytes(data))
        return len(data)

    def read(self, count: int = 1) -> bytes:
        """The host listens."""
        self._reads += 1
        if self._reads > ANSWERS_MAX:
            self.is_endless = True
            raise OSError("the test ends here")
        if not self.is_honest and len(self._waiting) < count:
            self._waiting += self._data * (count // len(self._data) + 1 if self._data else 1)
            self._data = self._data if self._endless else b""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def turn(self) -> None:
        """From now on the part says anything."""
        self.is_honest, self._waiting, self._reads = False, b"", 0

    def flushInput(self) -> None:  # noqa: N802 the library's name
        """What came too early is kept: that is the worse case."""

    def flushOutput(self) -> None:  # noqa: N802 the library's name
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def open_reader(folder: Path) -> Iterator[Check]:
    """The reader's driver on a line: cards that can be, or an error of the part in words."""
    chip = HonestChip(folder)

    def check(data: bytes) -> None:
        endless, dishonest_at_once = data[:1] in b"\x01\x03", data[:1] in b"\x02\x03"
        line = Line(chip, data[1:], endless=endless)
        if dishonest_at_once:
            line.turn()
        with (
            patch.object(serial, "Serial", lambda *_, **__: line),
            patch("os.system", lambda _: 1),
            patch("time.sleep", lambda _: None),
            suppress(PartError),
        ):
            _look(line)
        if line.is_endless:
            raise FaultError("the reader listens for ever")

    yield check


def _look(line: Line) -> None:
    port = Pn532Port("reader front", "/dev/fuzz")
    try:
        line.turn()
        cards = port.cards()
        if len(cards) > 255 or any(not 1 <= len(card.uid) <= 255 for card in cards):
            raise FaultError(f"{len(cards)} cards of more than {CARDS_MAX}")
        port.field_off()
    finally:
        port.close()


@contextmanager
def open_chip(folder: Path) -> Iterator[Check]:
    """The simulated chip: it answers whatever a host sends, in frames, and soon."""
    tag = Tag(bytes.fromhex("04a1b2c3d4e5f6"))

    def check(data: bytes) -> None:
        chip = HonestChip(folder)
        chip.place(tag)
        reader, said = FrameReader(), b""
        for chunk in (data[:7], data[7:]):
            reader.feed(chunk)
            said += chip.hear(chunk)
        if len(reader._buffer) > DATA_BYTES_MAX + 10:
            raise FaultError(f"{len(reader._buffer)} bytes of unfinished frames are kept")
        answers = FrameReader().feed(said)
        if said and not answers:
            raise FaultError(f"no frame: {said.hex()}")
        for command in (data[at : at + 24] for at in range(0, len(data), 24)):
            chip._on_frame(Frame(b"\xd4" + command))

    yield check


@contextmanager
def open_display(folder: Path) -> Iterator[Check]:
    """The simulated display: lines of its width, and no more kept than it says."""
    tube = DisplayTube(folder / "no-port")

    def check(data: bytes) -> None:
        for at in range(0, len(data), 64):
            tube._on_bytes(data[at : at + 64])
        if any(len(line) > 20 for line in tube.lines) or len(tube._pending) > 1024:
            raise FaultError(f"{tube.lines}")

    yield check


@contextmanager
def open_counter(folder: Path) -> Iterator[Check]:
    """A counter's file: a count, or a meter that is silent or unknown."""
    path = folder / "count"
    path.write_text("5\n")
    (folder / "enable").write_text("1\n")
    spec = MeterSpec(unit="Wh", driver="counter", path=str(path))

    def check(data: bytes) -> None:
        path.write_bytes(data)
        reading = CounterMeter(spec).read()
        if not 0 <= reading.total < 10**32:
            raise FaultError(f"{reading}")

    yield check


def _frames() -> Iterator[bytes]:
    commands = ("02", "06633d", "08630201", "0000", "3205010203", "3201 00", "3202000b0a", "4a0200")
    for command in (*commands, "40013000", "420000", "1005", "1601", "44 01"):
        yield encode_frame(b"\xd4" + bytes.fromhex(command))


def _lines() -> Iterator[bytes]:
    ack = bytes.fromhex("0000ff00ff00")
    card = encode_frame(bytes.fromhex("d54b0101004400 07 04a1b2c3d4e5f6"))
    off = encode_frame(bytes.fromhex("d533"))
    for first in range(4):
        yield bytes([first]) + ack + card + ack + off
        yield bytes([first]) + ack
    yield b"\0" + ack + encode_frame(bytes.fromhex("d54b02010004080404010203") * 3)


TARGETS = (
    Target(
        name="reader",
        about="what a PN532 says to its driver, also without end",
        open=open_reader,
        seeds=_lines,
        examples=40,
    ),
    Target(
        name="chip",
        about="what a host says to the simulated PN532",
        open=open_chip,
        seeds=_frames,
    ),
    Target(
        name="display",
        about="what a host says to the simulated display",
        open=open_display,
        seeds=lambda: (b"\x0c\x1bQAHello\r\x1bQB12.50\r",),
    ),
    Target(
        name="counter",
        about="the kernel's count file",
        open=open_counter,
        seeds=lambda: (b"123\n", b"-5\n", b"18446744073709551615\n"),
    ),
)
