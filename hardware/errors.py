"""The errors of this package.

    HardwareError
    ├── SpecError     (ValueError)  the configuration asks for a part that can't be: the installer
    └── PartError     (OSError)     a part isn't there or doesn't answer: wiring, power, rights

A running part doesn't raise from its own thread: a reader reports `ReaderDown`, a
meter answers with its quality, a display keeps its reason in `health`.
"""

from __future__ import annotations


class HardwareError(Exception):
    """Root of this package's errors."""


class SpecError(HardwareError, ValueError):
    """Raised when a part's spec can't be met: correct the controller's configuration."""


class PartError(HardwareError, OSError):
    """Raised when a part can't be opened or driven: check its wiring, power and access rights.

    Args:
        part: What failed, as the configuration names it ("reader front", "output GPIO17").
        reason: What the library or the kernel said.
        remedy: What to do next, a short sentence.
    """

    def __init__(self, part: str, reason: str, remedy: str) -> None:
        super().__init__(f"{part}: {reason}. {remedy}")
        self.part = part
        self.reason = reason
        self.remedy = remedy
