"""The displays on a virtual controller's I2C buses: who hangs where, and whether it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING
from zlib import crc32

from simulator.parts.parts_spec import DisplayParts
from simulator.parts.pin_lines import BusWrite

if TYPE_CHECKING:
    from PIL.Image import Image

    from simulator.parts.i2c_display import CharacterPanel, PointPanel

SH1106_FIRST_COLUMN = 2
CHARACTERS = "hd44780"
KINDS = (CHARACTERS, "ssd1306", "sh1106")

SetPresent = Callable[[str, tuple[int, ...]], None]
"""Told of a bus and of who answers there."""


class Panels:
    """All of them, by the machine where they hang. They start unplugged.

    Args:
        displays: Those of the kinds `KINDS`; others are left out.
        set_present: Told of who answers.
    """

    def __init__(self, displays: Mapping[str, DisplayParts], set_present: SetPresent) -> None:
        self._parts = {name: parts for name, parts in displays.items() if parts.kind in KINDS}
        self._set_present = set_present
        self._lock = Lock()
        self._plugged: set[str] = set()
        self.panels = {name: _make(parts) for name, parts in self._parts.items()}

    def plug(self) -> None:
        """Plug everything in."""
        for name in self._parts:
            self.plug_in(name)

    def unplug(self) -> None:
        """Pull everything out."""
        for name in self._parts:
            self.pull_out(name)

    def plug_in(self, name: str) -> None:
        """Plug one in; it is dark."""
        self._change(name, plugged=True)

    def pull_out(self, name: str) -> None:
        """Pull one out: it goes dark."""
        self._change(name, plugged=False)

    def is_plugged(self, name: str) -> bool:
        """Whether one is plugged in."""
        with self._lock:
            return name in self._plugged

    def go_dark(self) -> None:
        """The controller, which feeds them, has no power."""
        for panel in self.panels.values():
            panel.is_on = False

    def take(self, write: BusWrite) -> None:
        """Bring to a panel what the agent wrote."""
        for name, parts in self._parts.items():
            if (parts.port, parts.address) == (write.bus, write.address) and self.is_plugged(name):
                self.panels[name].write(write.register, write.data)

    def lines(self, name: str) -> tuple[str, ...]:
        """What a display of letters shows; a picture has none."""
        panel = self.panels[name]
        return panel.lines if self._parts[name].kind == CHARACTERS else ()  # type: ignore[union-attr]  # by its kind

    def lit(self, name: str) -> int:
        """How many points of a picture are lit; of letters none are counted."""
        image = self.image(name)
        return 0 if image is None else sum(image.histogram()[1:])

    def drawn(self, name: str) -> str:
        """A name for the picture: another one for another picture."""
        image = self.image(name)
        return "" if image is None else f"{crc32(image.tobytes()):08x}"

    def image(self, name: str) -> Image | None:
        """The picture that a display shows; one of letters has none."""
        panel = self.panels[name]
        return None if self._parts[name].kind == CHARACTERS else panel.image  # type: ignore[union-attr]  # by its kind

    def _change(self, name: str, *, plugged: bool) -> None:
        with self._lock:
            self._plugged ^= {name} if plugged != (name in self._plugged) else set()
            self.panels[name].is_on = False
            bus = self._parts[name].port
            here = tuple(
                parts.address
                for other, parts in self._parts.items()
                if parts.port == bus and other in self._plugged
            )
        self._set_present(bus, here)


def _make(parts: DisplayParts) -> CharacterPanel | PointPanel:
    from simulator.parts.i2c_display import CharacterPanel, PointPanel

    if parts.kind == CHARACTERS:
        return CharacterPanel(parts.columns, parts.rows)
    return PointPanel(first_column=SH1106_FIRST_COLUMN if parts.kind == "sh1106" else 0)
