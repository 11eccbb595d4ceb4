"""A card reader at USB that nfcpy drives itself."""

from __future__ import annotations

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.readers.looking import LookingReader
from hardware.readers.usb_port import PORT, SystemBus, UsbBus, UsbPort
from hardware.specs import ReaderSpec


def open_part(spec: ReaderSpec, around: Around) -> UsbReader:
    """Make what the spec describes; see `UsbReader`."""
    return UsbReader(spec, around, SystemBus())


class UsbReader(LookingReader):
    """A `CardReader` at USB.

    Args:
        spec: Where it is: `usb`, `usb:054c:06c3` or `usb:001:004`.
        around: Clock, keys of cards, random bytes.
        bus: Where readers are plugged in.

    Raises:
        SpecError: The port isn't one at USB.
    """

    def __init__(self, spec: ReaderSpec, around: Around, bus: UsbBus) -> None:
        super().__init__(spec, around)
        if not PORT.fullmatch(spec.port):
            raise SpecError(
                f"the port of a reader with the driver 'usb' is usb, usb:VENDOR:PRODUCT or "
                f"usb:BUS:DEVICE, not {spec.port!r}"
            )
        self._bus = bus

    def _open(self) -> UsbPort:
        return UsbPort(self._part, self._spec.port, self._bus)
