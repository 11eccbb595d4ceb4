"""What all drivers on the pin header share: one kind of error.

The pin libraries raise their own errors, some of which derive from nothing but
`Exception`; a driver turns all of them into `PartError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hardware.errors import PartError

_REMEDY = (
    "Check that no other program and no other part of the configuration uses the pin, "
    "and that the service may use the GPIO device"
)


@contextmanager
def as_part_error(part: str) -> Iterator[None]:
    """Raise whatever a pin library raises inside as `PartError` about `part`."""
    try:
        yield
    except PartError:
        raise
    except Exception as error:
        raise PartError(part, str(error) or type(error).__name__, _REMEDY) from error
