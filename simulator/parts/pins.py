"""Mock pins and I2C buses inside an agent's process, wired to the world by a Unix socket.

The real drivers run above them. When the process ends, however it ends, the socket
closes, and the world sees every output released: what a Raspberry Pi with
`strict_gpiod` and pull-downs does.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, RLock, Thread

import gpiozero
import msgspec
from gpiozero.pins.mock import MockFactory, MockPin

from hardware.people.i2c_bus import use_buses
from simulator.parts.bridged_bus import BridgedBus
from simulator.parts.pin_lines import (
    LINE_BYTES_MAX,
    BusPresence,
    DrivePin,
    JumpClock,
    Order,
    PinLevel,
    Report,
    TypeDigits,
    decode_order,
    encode_line,
)

_log = logging.getLogger(__name__)

_PIN_PREFIX = "GPIO"


OnDigits = Callable[[str, str], None]
"""Told of a machine and the digits typed there, from the bridge's thread."""
OnJump = Callable[[int], None]
"""Told by how many ms the wall clock jumps, from the bridge's thread."""


class PinBridge:
    """The agent's end: tells the world what outputs do, and drives inputs as it says.

    Digits that are typed at a machine go to `on_digits`, jumps of the clock to `on_jump`.

    Args:
        path: The world's socket.

    Raises:
        OSError: Nobody listens there.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))
        self._send_lock = Lock()
        self._drive_lock = RLock()
        self._driven: dict[int, bool] = {}
        self._present: dict[str, tuple[int, ...]] = {}
        self.on_digits: OnDigits = lambda _machine, _digits: None
        self.on_jump: OnJump = lambda _by_ms: None
        self.factory = _BridgedFactory(self)
        self._thread = Thread(target=self._run, name="pins", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up: the world sees all outputs released."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def report(self, pin: int, level: bool | None) -> None:  # noqa: FBT001 a pin's level
        """Tell the world; a world that is gone is not this process's trouble."""
        self.tell(PinLevel(pin=pin, level=level, mono_ns=time.monotonic_ns()))

    def tell(self, report: Report) -> None:
        """Tell the world something; one that is gone doesn't hear it."""
        with self._send_lock, suppress(OSError):
            self._socket.sendall(encode_line(report))

    def bus(self, path: str) -> BridgedBus:
        """Open an I2C bus of the world."""
        return BridgedBus(path, self.tell, lambda: self._present.get(path, ()))

    def driven(self, pin: int) -> bool | None:
        """Tell what the world holds an input at; None when it doesn't."""
        return self._driven.get(pin)

    def _run(self) -> None:
        with self._socket.makefile("rb") as lines:
            while True:
                try:
                    line = lines.readline(LINE_BYTES_MAX)
                    if not line:
                        return
                    self._obey(decode_order(line))
                except OSError:
                    return
                except msgspec.DecodeError as error:
                    _log.warning("a line that isn't one: %s", error)
                except Exception:  # noqa: BLE001 one callback's fault mustn't cut all wires
                    _log.exception("driving a pin failed")

    def _obey(self, order: Order) -> None:
        match order:
            case TypeDigits():
                self.on_digits(order.machine, order.digits)
            case JumpClock():
                self.on_jump(order.by_ms)
            case BusPresence():
                self._present[order.bus] = order.addresses
            case DrivePin():
                self._drive(order)

    def _drive(self, order: DrivePin) -> None:
        with self._drive_lock:
            if order.pulses == 0 and order.level is None:
                self._driven.pop(order.pin, None)
            elif order.pulses == 0 and order.level is not None:
                self._driven[order.pin] = order.level
        # Only pins that a part has opened: edges before that reach nobody.
        pin = self.factory.opened(order.pin)
        if pin is None or pin.function != "input":
            return
        if order.pulse_ms:
            pin.train(order)
        elif order.pulses:
            pin.pulse(order.pulses)
        else:
            pin.settle()


class _BridgedFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """Makes pins that know the bridge."""

    def __init__(self, bridge: PinBridge) -> None:
        super().__init__(pin_class=_BridgedPin)
        self.bridge = bridge

    def opened(self, number: int) -> _BridgedPin | None:
        """Give the pin if some part has opened it."""
        for info, pin in list(self.pins.items()):
            if info.name == f"{_PIN_PREFIX}{number}":
                return pin  # type: ignore[no-any-return]  # gpiozero has no types
        return None


class _BridgedPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin whose outputs are seen, and whose inputs are driven, by the world."""

    def __init__(self, factory: _BridgedFactory, info: gpiozero.PinInfo) -> None:
        self._bridge = factory.bridge
        self._bcm = int(info.name.removeprefix(_PIN_PREFIX))
        self._tells_s: float | None = None
        self._rests_s = 0.0
        super().__init__(factory, info)

    def output_with_state(self, state: float) -> None:
        """Become an output at a level, in one go, as lgpio claims a pin."""
        super()._change_state(bool(state))
        self.function = "output"

    def pulse(self, count: int) -> None:
        """Go `count` times from the pull to the other level and back."""
        away, back = self.drive_high, self.drive_low
        if self.pull == "up":
            away, back = back, away
        for _ in range(count):
            away()
            back()

    def train(self, order: DrivePin) -> None:
        """Pulse as slowly as ordered, at once: only the times that edges are told with pass.

        What follows comes later by as much, so trains keep their distance.
        """
        at_s = max(time.monotonic(), self._rests_s)
        away, back = self.drive_high, self.drive_low
        if self.state:
            away, back = back, away
        for _ in range(order.pulses):
            for drive in (away, back):
                self._tells_s = at_s
                drive()
                at_s += order.pulse_ms / 1_000
        self._tells_s = None
        self._rests_s = at_s + order.rest_ms / 1_000

    def settle(self) -> None:
        """Take the level the world holds it at, or that of its pull."""
        level = self._bridge.driven(self._bcm)
        if level is None:
            level = self.pull == "up"
        if level:
            self.drive_high()
        else:
            self.drive_low()

    def _set_function(self, value: str) -> None:
        was_output = self.function == "output"
        super()._set_function(value)
        if value == "output":
            self._bridge.report(self._bcm, bool(self.state))
        elif was_output:
            self._bridge.report(self._bcm, None)

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self._bridge.driven(self._bcm) is not None:
            self.settle()

    def _change_state(self, value: bool) -> bool:  # noqa: FBT001 the base class's signature
        changed = bool(super()._change_state(value))
        if changed and self._tells_s is not None:
            self._last_change = self._tells_s
        if changed and self.function == "output":
            self._bridge.report(self._bcm, bool(value))
        return changed


def install(path: Path) -> PinBridge:
    """Make gpiozero and displays use pins and buses of the world at `path`, in this process.

    Call it before any part is opened.

    Raises:
        OSError: Nobody listens there.
    """
    bridge = PinBridge(path)
    gpiozero.Device.pin_factory = bridge.factory
    use_buses(bridge.bus)
    return bridge
