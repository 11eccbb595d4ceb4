"""Modbus RTU meters on a pseudo-terminal, spoken by pymodbus's server.

pymodbus answers for every address, absent ones too, which a real bus doesn't: between it
and the host lies a wire that swallows questions to whom nobody listens, and can damage
what comes back.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Event, Thread

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulator.parts.pty_port import PtyPort

QUESTION_BYTES = 8
"""A question for registers: address, function, start, count, CRC."""
START_S = 10.0
_READ_FUNCTIONS = (3, 4)


class Trouble(Enum):
    """What is wrong on the wire."""

    NONE = "none"
    SILENT = "silent"
    """No answer comes back."""
    WRONG_CRC = "wrong_crc"
    """The last byte of each answer is damaged."""
    NOISE = "noise"
    """Stray bytes come before each answer."""


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Where a meter keeps its total.

    Attributes:
        address: First register.
        function: 3 or 4; the other one refuses.
        layout: `struct` format of the number, the highest byte first, like ">f".
        words_reversed: Whether the lowest register comes first.
    """

    address: int = 0x0048
    function: int = 4
    layout: str = ">f"
    words_reversed: bool = False


class VirtualModbusMeter:
    """A meter.

    Args:
        map_: Where its total is.
        count: Gives what the register holds now.
        answers: Whether it hears anything now.
    """

    def __init__(
        self,
        map_: RegisterMap,
        count: Callable[[], float],
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.map = map_
        self.count = count
        self.answers = answers

    def device(self, address: int) -> SimDevice:
        """As pymodbus wants it."""
        size = struct.calcsize(self.map.layout) // 2
        block = SimData(self.map.address, values=[0] * size, datatype=DataType.REGISTERS)
        return SimDevice(id=address, simdata=[block], action=self._look)

    async def _look(
        self,
        function: int,
        _start: int,
        _address: int,
        _count: int,
        registers: list[int],
        _values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if function != self.map.function:
            return ExcCodes.ILLEGAL_FUNCTION
        number = self.count()
        whole = not self.map.layout.endswith(("f", "d"))
        raw = struct.pack(self.map.layout, int(number) if whole else number)
        words = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
        registers[: len(words)] = reversed(words) if self.map.words_reversed else words
        return None


class VirtualModbusBus:
    """A bus with meters. Works from `plug` on.

    Args:
        path: Where the host finds it.
        meters: By address.
    """

    def __init__(self, path: Path, meters: Mapping[int, VirtualModbusMeter]) -> None:
        self.trouble = Trouble.NONE
        self.absent: set[int] = set()
        self.asked: dict[int, int] = {}
        self._meters = dict(meters)
        self._host = PtyPort(path, self._from_host)
        self._far = path.with_name(path.name + ".far")
        self._server = PtyPort(self._far, self._from_server)
        self._heard = b""
        self._thread: _ServerThread | None = None

    def plug(self) -> None:
        """Plug in; nothing happens when it is."""
        if self._thread is None:
            self._server.plug()
            devices = [meter.device(address) for address, meter in self._meters.items()]
            self._thread = _ServerThread(self._far, devices)
            self._host.plug()

    def unplug(self) -> None:
        """Pull out."""
        thread, self._thread = self._thread, None
        self._host.unplug()
        if thread is not None:
            thread.close()
        self._server.unplug()

    def _from_host(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= QUESTION_BYTES:
            question, rest = self._heard[:QUESTION_BYTES], self._heard[QUESTION_BYTES:]
            if question[1] not in _READ_FUNCTIONS:
                self._heard = self._heard[1:]
                continue
            self._heard = rest
            self._hear(question)

    def _hear(self, question: bytes) -> None:
        address = question[0]
        self.asked[address] = self.asked.get(address, 0) + 1
        meter = self._meters.get(address)
        if meter is not None and meter.answers() and address not in self.absent:
            self._server.write(question)

    def _from_server(self, answer: bytes) -> None:
        if self.trouble is Trouble.SILENT:
            return
        if self.trouble is Trouble.WRONG_CRC:
            answer = answer[:-1] + bytes([answer[-1] ^ 0x55])
        if self.trouble is Trouble.NOISE:
            answer = b"\x00\xff\x7f" + answer
        self._host.write(answer)


class _ServerThread:
    """pymodbus's server in an event loop of its own."""

    def __init__(self, port: Path, devices: list[SimDevice]) -> None:
        # What a meter refuses is its business, and no fault of the simulator.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._port = port
        self._devices = devices
        self._ready = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="modbus", daemon=True)
        self._thread.start()
        self._ready.wait(START_S)

    def close(self) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        server = ModbusSerialServer(
            self._devices, framer=FramerType.RTU, port=str(self._port), baudrate=9_600
        )
        await server.serve_forever(background=True)
        self._ready.set()
        await self._ended.wait()
        await server.shutdown()  # type: ignore[no-untyped-call]
