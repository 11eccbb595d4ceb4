"""How a driver is found by the name that a spec gives it.

A driver is a module with a function `open_part(spec, around)`, where `around` is an
`Around`. The ones that ship have short names, listed in `hardware.factory`. A name with
a dot is the module's own, so a driver of your own is one file on the controller's
Python path (`/etc/standpipe/drivers`, when installed by `standpipe-agent install`), and
nothing else changes.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hardware.cards.keyring import NO_KEYS, CardKeys
from hardware.errors import SpecError
from hardware.ports import Output
from wire.clock import Clock

OPENER = "open_part"
"""Name of the function that makes a part, in each driver's module."""

_OWN_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Around:
    """What a driver is given besides its spec. Later fields have a default.

    Attributes:
        clock: What it stamps its events with.
        output: The machine's output, for a meter that counts how long it is on; stays
            the caller's to close.
        keys: Keys of cards, for a reader; none: cards are known by their UID only.
        entropy: Gives random bytes, for a reader that lets cards prove themselves;
            None: it doesn't.
    """

    clock: Clock
    output: Output | None = None
    keys: CardKeys = NO_KEYS
    entropy: Callable[[int], bytes] | None = None


class Drivers:
    """The drivers of one kind of part.

    Args:
        part: The kind, in a word for people.
        modules: Short name to module.
    """

    def __init__(self, part: str, modules: Mapping[str, str]) -> None:
        self.part = part
        self._modules = dict(modules)

    @property
    def names(self) -> tuple[str, ...]:
        """Short names of the drivers that ship."""
        return tuple(self._modules)

    @property
    def modules(self) -> dict[str, str]:
        """Short name to module, of the drivers that ship."""
        return dict(self._modules)

    def complaint(self, driver: str) -> str:
        """Say what is wrong with a driver's name, without loading it; empty: nothing is."""
        if driver in self._modules or _OWN_MODULE.fullmatch(driver):
            return ""
        close = difflib.get_close_matches(driver, self._modules, n=1)
        if close:
            return f"is {driver!r}; write {close[0]}"
        known = ", ".join(self._modules)
        return f"is {driver!r}; write {known}, or the module of a driver of your own"

    def opener(self, driver: str) -> Callable[[Any, Around], Any]:
        """Load a driver; gives what makes the part.

        Raises:
            SpecError: There is no such driver, or it can't be loaded.
        """
        if self.complaint(driver):
            names = ", ".join(repr(name) for name in self._modules)
            raise SpecError(f"unknown {self.part} driver {driver!r}; known are {names}")
        name = self._modules.get(driver, driver)
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise SpecError(
                f"the {self.part} driver {driver!r} can't be loaded ({error}): "
                "install what it needs in Standpipe's environment"
            ) from error
        opener: Callable[[Any, Around], Any] | None = getattr(module, OPENER, None)
        if opener is None:
            raise SpecError(f"the {self.part} driver {driver!r} has no function {OPENER}")
        return opener
