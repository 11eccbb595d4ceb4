"""What all drivers on the pin header share: one kind of error, and pins without a blip.

The pin libraries raise their own errors, some of which derive from nothing but
`Exception`; a driver turns all of them into `PartError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


def steady_factory() -> Any:
    """Give the pin library's factory, whose outputs begin at the level they are given.

    By itself gpiozero makes a pin an output, which lgpio starts low, and then sets its
    level: a relay that is on at low would pull for that moment. lgpio can claim a pin
    with its level in one call.
    """
    import gpiozero

    gpiozero.Device.ensure_pin_factory()
    factory = gpiozero.Device.pin_factory
    if type(factory).__name__ == "LGPIOFactory" and not hasattr(factory.pin_class, "steady"):
        factory.pin_class = _steady(factory.pin_class)
    return factory


def _steady(base: Any) -> Any:
    import lgpio

    class SteadyPin(base):  # type: ignore[misc]  # gpiozero has no types
        """A pin that becomes an output at its level at once."""

        steady = True

        def output_with_state(self, state: float) -> None:
            # Its number is private in gpiozero; there is no other way to a claim with a level.
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))  # noqa: SLF001

    return SteadyPin
