"""A card reader that pcscd drives: ACR122U, ACR1252U and every other CCID one."""

from __future__ import annotations

from hardware.drivers import Around
from hardware.errors import PartError
from hardware.readers.looking import FieldPort, LookingReader
from hardware.specs import ReaderSpec

PREFIX = "pcsc"
"""What the port begins with: `pcsc` is the first reader, `pcsc:ACR1252` one by its name."""


def open_part(spec: ReaderSpec, around: Around) -> PcscReader:
    """Make what the spec describes; see `PcscReader`."""
    return PcscReader(spec, around)


class PcscReader(LookingReader):
    """A `CardReader` of pcscd's.

    Args:
        spec: Which one: `pcsc`, or `pcsc:` and part of its name.
        around: Clock, keys of cards, random bytes.
    """

    def _open(self) -> FieldPort:
        # Here, since pyscard is an extra of its own: without it the reader is down and says so.
        try:
            from hardware.readers.pcsc_port import PcscPort
        except ImportError as error:
            raise PartError(
                self._part, str(error), "Install Standpipe with its extra pcsc"
            ) from error
        _, _, name = self._spec.port.partition(":")
        return PcscPort(self._part, name)
