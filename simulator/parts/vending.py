"""A vending machine behind an MDB adapter on a pseudo-terminal.

The adapter's lines are those of Qibixx's MDB-USB and MDB Pi Hat (docs.qibixx.com, "API:
Cashless Slave", "Vending Sessions Examples"). The machine compares a price with the funds
itself, as MDB/ICP 4.3, section 7.4.5 lets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from threading import RLock

from simulator.parts.pty_port import PtyPort

HEARD_BYTES_MAX = 512


class Outcome(Enum):
    """What becomes of the next vend."""

    SUCCESS = "success"
    FAILURE = "failure"
    SILENCE = "silence"
    """The machine stands still and says nothing."""


class Stage(Enum):
    """Where the adapter is; the value is its own word."""

    OFF = "OFF"
    INACTIVE = "INACTIVE"
    DISABLED = "DISABLED"
    ENABLED = "ENABLED"
    IDLE = "IDLE"
    VEND = "VEND"
    GIVING = "GIVING"


class VirtualVendingMachine:
    """A machine with its adapter. Works from `plug` on; may be used from any thread.

    Args:
        path: Where the host finds the adapter.
        prices: What it sells, by item, as it writes prices.
    """

    def __init__(self, path: Path, prices: Mapping[str, str]) -> None:
        self.prices = dict(prices)
        self.outcome = Outcome.SUCCESS
        self.stage = Stage.OFF
        self.given: list[str] = []
        """What came out."""
        self.denied: list[str] = []
        self.is_on = True
        self.is_enabled = True
        """Whether the machine lets its card reader take cards."""
        self.is_deaf = False
        """Whether the adapter hears and says nothing."""
        self.funds = Decimal(0)
        self.heard: list[str] = []
        self._item = ""
        self._lock = RLock()
        self._port = PtyPort(path, self._on_bytes)
        self._rest = b""

    @property
    def is_plugged(self) -> bool:
        """Whether the adapter is plugged in."""
        return self._port.speed is not None

    def plug(self) -> None:
        """Plug the adapter in; nothing happens when it is."""
        self.stage = Stage.OFF
        self._port.plug()

    def unplug(self) -> None:
        """Pull the adapter out. The machine gives what it was let give."""
        self._port.unplug()

    def choose(self, item: str) -> bool:
        """Press a button; False: the machine doesn't react.

        Raises:
            KeyError: There is no such item.
        """
        with self._lock:
            price = self.prices[item]
            if self.stage is not Stage.IDLE or Decimal(price) > self.funds:
                return False
            self._item, self.stage = item, Stage.VEND
            self._say(f"c,STATUS,VEND,{price},{item}")
            return True

    def take_back(self) -> None:
        """Press the return lever before anything was decided."""
        with self._lock:
            if self.stage is Stage.VEND:
                self._to_idle()

    def finish(self, outcome: Outcome) -> None:
        """Say at last what became of a vend."""
        with self._lock:
            if self.stage is Stage.GIVING:
                self._finish(outcome)

    def reset(self) -> None:
        """Switch the machine off and on: it resets its cashless device."""
        with self._lock:
            if self.stage is not Stage.OFF:
                self._to(Stage.INACTIVE)
                self._meet()

    def switch(self, *, on: bool) -> None:
        """Switch the machine off, or on again."""
        with self._lock:
            self.is_on = on
            if self.stage is not Stage.OFF:
                self._to(Stage.INACTIVE)
                self._meet()

    def let_cards(self, *, enabled: bool) -> None:
        """Let its card reader take cards, or not: a door is open."""
        with self._lock:
            self.is_enabled = enabled
            if self.stage not in (Stage.OFF, Stage.INACTIVE):
                self._to(Stage.DISABLED)
                self._meet()

    def garbage(self, raw: bytes) -> None:
        """Let the line say something else."""
        self._port.write(raw)

    def _on_bytes(self, data: bytes) -> None:
        with self._lock:
            *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
            self._rest = rest[-HEARD_BYTES_MAX:]
            for line in lines:
                if line and not self.is_deaf:
                    self.heard.append(line.decode("ascii", "replace"))
                    self._obey(self.heard[-1])

    def _obey(self, line: str) -> None:
        match line.split(","):
            case ["V"]:
                self._say("v,4.0.2.0,0123456789")
            case ["C", "0"]:
                self.stage = Stage.OFF
                self._say("c,STATUS,OFF")
            case ["C", "1"] if self.stage is Stage.OFF:
                self._to(Stage.INACTIVE)
                self._meet()
            case ["C", "1"]:
                self._say('c,ERR,"cashless is on"')
            case ["C", "START", funds]:
                self._start(funds)
            case ["C", "STOP"] if self.stage in (Stage.IDLE, Stage.VEND):
                self._to(Stage.ENABLED)
            case ["C", "VEND", price] if self.stage is Stage.VEND:
                self._decided(price)
            case [_, command, *_]:
                self._say(f'c,ERR,"{command} -3"')
            case _:
                pass

    def _start(self, funds: str) -> None:
        if self.stage is not Stage.ENABLED:
            self._say('c,ERR,"START -3"')
            return
        try:
            self.funds = Decimal(funds)
        except InvalidOperation:
            self._say('c,ERR,"START -1"')
            return
        self.stage = Stage.IDLE
        self._say(f"c,STATUS,IDLE,{funds}")
        self._say("r,ACK")

    def _decided(self, price: str) -> None:
        if price.startswith("-"):
            self.denied.append(self._item)
            self._to_idle()
            self._to(Stage.ENABLED)
            return
        self._say("r,ACK")
        self.stage = Stage.GIVING
        if self.outcome is not Outcome.SILENCE:
            self._finish(self.outcome)

    def _finish(self, outcome: Outcome) -> None:
        if outcome is Outcome.SUCCESS:
            self.given.append(self._item)
            self._say("c,VEND,SUCCESS")
        elif outcome is Outcome.FAILURE:
            self._say('c,ERR,"VEND 3"')
        self._to_idle()
        self._to(Stage.ENABLED)

    def _meet(self) -> None:
        """Let the machine set its cashless device up, as far as it does."""
        if self.is_on:
            self._to(Stage.DISABLED)
            if self.is_enabled:
                self._to(Stage.ENABLED)

    def _to_idle(self) -> None:
        self._to(Stage.IDLE)

    def _to(self, stage: Stage) -> None:
        self.stage = stage
        self._say(f"c,STATUS,{stage.value}")

    def _say(self, line: str) -> None:
        self._port.write(line.encode() + b"\r\n")
