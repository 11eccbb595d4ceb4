"""Reading an absolute count that the kernel keeps.

Linux counter subsystem, Documentation/ABI/testing/sysfs-bus-counter:
`/sys/bus/counter/devices/counterX/countY/count` holds the count as text, `enable`
beside it starts it. The driver `interrupt-cnt` counts edges of a pin in the kernel,
so nothing is lost while the agent restarts; a restart of the controller begins at 0.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from hardware.drivers import Around
from hardware.errors import PartError, SpecError
from hardware.ports import Quality, Reading
from hardware.specs import MeterSpec

COUNT_BYTES_MAX = 32
"""A 64-bit count and a line end fit; anything longer isn't a count."""


def open_part(spec: MeterSpec, _: Around) -> CounterMeter:
    """Make what the spec describes; see `CounterMeter`."""
    return CounterMeter(spec)


class CounterMeter:
    """A `Meter` on a count file.

    A count that falls (overflow, exchanged meter, restarted controller) is passed on.

    Args:
        spec: Path of the `count` file and base units per count.

    Raises:
        SpecError: The spec names no path.
        PartError: The counter stands still and can't be started. A file that is
            missing isn't an error: the meter is silent until it appears.
    """

    survives_restart = True

    def __init__(self, spec: MeterSpec) -> None:
        if spec.path is None:
            raise SpecError("a meter with the driver 'counter' needs `path`")
        self._path = Path(spec.path)
        self._numerator = spec.units_numerator
        self._denominator = spec.units_denominator
        self._lock = Lock()
        self._total = 0
        self._enable()

    def read(self) -> Reading:
        with self._lock:
            try:
                count = self._count()
            except OSError:
                return Reading(self._total, Quality.SILENT, 0)
            except ValueError:
                return Reading(self._total, Quality.UNKNOWN, 0)
            self._total = count * self._numerator // self._denominator
            return Reading(self._total, Quality.OK, 0)

    def close(self) -> None:
        """Leave the counter counting: that is what it is for."""

    def _count(self) -> int:
        with self._path.open("rb") as file:
            text = file.read(COUNT_BYTES_MAX + 1)
        if len(text) > COUNT_BYTES_MAX or not text.strip().isdigit():
            raise ValueError("not a count")
        return int(text)

    def _enable(self) -> None:
        enable = self._path.with_name("enable")
        try:
            if enable.read_text().strip() == "0":
                enable.write_text("1")
        except FileNotFoundError:
            return
        except OSError as error:
            raise PartError(
                f"meter {self._path}",
                f"the counter stands still and can't be started: {error.strerror}",
                f"Give the service the right to write {enable}",
            ) from error
