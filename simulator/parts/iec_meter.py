"""A meter that is read out by IEC 62056-21, mode C, at the speeds that it was told.

It listens at 300 baud and sends its data at 9600: what comes at another speed is noise
to it, as on a real line.
"""

from __future__ import annotations

import termios
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from simulator.parts.pty_port import PtyPort

DEVICE_BYTES_MAX = 32
HEARD_BYTES_MAX = 256
SWITCH_MS = 2_000
"""How long it waits for the host to change the speed."""
_STX, _ETX, _ACK = b"\x02", b"\x03", b"\x06"
_LOOK_MS = 10


def readout(wh: int, *, check_ok: bool = True) -> bytes:
    """What it sends: a total in kWh with three digits, among others."""
    lines = (
        "F.F(00)",
        "0.0.0(12345678)",
        f"1-0:1.8.0*255({wh // 1000:06d}.{wh % 1000:03d}*kWh)",
        f"1-0:1.8.1*255({wh // 1000:06d}.{wh % 1000:03d}*kWh)",
        "1-0:2.8.0*255(000777.000*kWh)",
        "!",
    )
    body = "\r\n".join(lines).encode("ascii") + b"\r\n" + _ETX
    check = 0
    for byte in body:
        check ^= byte
    return _STX + body + bytes([check if check_ok else check ^ 1])


class VirtualIecMeter:
    """A meter. Works from `plug` on.

    Args:
        path: Where the host finds it.
        wh: Gives its total.
        device: Its address; empty: it has none.
        answers: Whether it hears anything now.
    """

    def __init__(
        self,
        path: Path,
        wh: Callable[[], int],
        device: str = "",
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self.is_silent = False
        self.is_damaged = False
        self.echoes = False
        """Whether the reading head gives back what is sent."""
        self.readouts = 0
        self._wh = wh
        self._answers = answers
        self._device = device.encode()
        self._port = PtyPort(path, self._on_bytes)
        self._heard = b""
        self._ended = Event()
        self._sender: Thread | None = None

    def plug(self) -> None:
        """Plug in; nothing happens when it is."""
        self._ended.clear()
        self._port.plug()

    def unplug(self) -> None:
        """Pull out."""
        self._ended.set()
        if self._sender is not None:
            self._sender.join()
        self._port.unplug()

    def _on_bytes(self, data: bytes) -> None:
        if self._port.speed != termios.B300 or self.is_silent or not self._answers():
            return
        if self.echoes:
            self._port.write(data)
        data = bytes(byte & 0x7F for byte in data if byte.bit_count() % 2 == 0)
        self._heard = (self._heard + data)[-HEARD_BYTES_MAX:]
        if self._heard.endswith(b"!\r\n"):
            asked = self._heard[self._heard.rfind(b"/?") + 2 : -3]
            self._heard = b""
            if asked in (b"", self._device):
                self._say(b"/EMH5\\@01LZQJL0014F\r\n")
        elif self._heard.endswith(_ACK + b"050\r\n"):
            self._heard = b""
            # Not from here: this is the line's own thread, which must go on reading.
            self._sender = Thread(target=self._send, name="iec", daemon=True)
            self._sender.start()

    def _send(self) -> None:
        for _ in range(SWITCH_MS // _LOOK_MS):
            if self._port.speed == termios.B9600:
                self.readouts += 1
                self._say(readout(self._wh(), check_ok=not self.is_damaged))
                return
            if self._ended.wait(_LOOK_MS / 1_000):
                return

    def _say(self, data: bytes) -> None:
        """Send with even parity in bit 7: 7E1, as a line of 8 bits sees it."""
        self._port.write(bytes(byte | byte.bit_count() % 2 << 7 for byte in data))
