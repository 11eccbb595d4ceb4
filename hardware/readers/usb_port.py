"""Opening and asking nfcpy's USB readers: PN531, PN533, RC-S330/360/370, RC-S380.

An ACR122U is one of nfcpy's too, but its newer revisions answer only once until they
are plugged in again (nfcpy issues 154, 192, 231, 239, 251): use the driver "pcsc" for it.
"""

from __future__ import annotations

import errno
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import nfc.clf
import nfc.clf.device
import nfc.clf.transport

from hardware.cards.port import ApduPort
from hardware.errors import PartError
from hardware.readers.iso_dep import BROKEN, IsoDepPort
from hardware.readers.looking import Card, kind_of

Found = tuple[int, int, int, int]
"""Vendor, product, bus, device."""

PORT = re.compile(r"usb(:[0-9a-fA-F]{4}(:[0-9a-fA-F]{4})?|:[0-9]{1,3}:[0-9]{1,3})?")
"""`usb` for the only reader there is, `usb:054c:06c3` by its ids, `usb:001:004` by its place."""

_UID_LENGTHS = (4, 7, 10)
_ACR122 = (0x072F, 0x2200)
_NO_RIGHTS = (
    "Let the service's group use it by a udev rule: standpipe-agent install writes one, "
    "then plug the reader in again"
)
_KERNEL_HOLDS_IT = (
    "A kernel driver holds the reader: put pn533, pn533_usb, port100 and nfc on the list of "
    "modules that aren't loaded (standpipe-agent install does), and start the controller anew"
)


class UsbBus(Protocol):
    """Where readers are plugged in."""

    def find(self, path: str) -> list[Found]:
        """List what the path means.

        Raises:
            OSError: The bus can't be asked.
        """
        ...

    def open(self, bus: int, device: int) -> Any:
        """Open a transport as nfcpy's drivers want it.

        Raises:
            OSError: It is gone, held by another, or not allowed.
        """
        ...


class SystemBus:
    """The controller's own USB, by libusb."""

    def find(self, path: str) -> list[Found]:
        return list(nfc.clf.transport.USB.find(path) or ())

    def open(self, bus: int, device: int) -> Any:
        return nfc.clf.transport.USB(bus, device)


class UsbPort:
    """An open reader. Used by one thread.

    Args:
        part: What to call it in errors.
        path: As `PORT` says.
        bus: Where to look.

    Raises:
        PartError: There is no such reader, or it can't be had.
    """

    def __init__(self, part: str, path: str, bus: UsbBus) -> None:
        self._part = part
        self._device: Any = None
        self._transport: Any = None
        vendor, product, number, address = self._choose(path, bus)
        driver = importlib.import_module(
            f"nfc.clf.{nfc.clf.device.usb_device_map[(vendor, product)]}"
        )
        try:
            self._transport = bus.open(number, address)
            self._device = driver.init(self._transport)
        except Exception as error:
            self.close()
            raise self._unopened(path, error) from error

    def cards(self) -> tuple[Card, ...]:
        """Look once for a type A card; such a reader tells one of several.

        Two cards that lie there answer in turns, which is several all the same.

        Raises:
            PartError: The reader doesn't answer.
        """
        try:
            target = self._device.sense_tta(nfc.clf.RemoteTarget("106A"))
        except nfc.clf.CommunicationError:
            return ()
        except Exception as error:
            raise self._lost(error) from error
        uid = bytes(getattr(target, "sdd_res", None) or b"")
        if len(uid) not in _UID_LENGTHS:
            return ()
        sel_res = target.sel_res[0]
        return (Card(uid, kind_of(sel_res), bytes(target.sens_res), sel_res),)

    @contextmanager
    def talk(self, card: Card) -> Iterator[ApduPort]:
        """Send commands to the card that the last look found.

        Raises:
            CardLostError: It went away.
            PartError: The reader doesn't answer.
        """
        try:
            yield IsoDepPort(self._device, card.sens_res, card.sel_res, card.uid)
        except BROKEN as error:
            raise self._lost(error) from error

    def field_off(self) -> None:
        """Switch the field off, so that a card starts anew at the next look.

        Raises:
            PartError: The reader doesn't answer.
        """
        try:
            self._device.mute()
        except Exception as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Give the reader back. Never raises."""
        for part in (self._device, self._transport):
            if part is not None:
                with suppress(Exception):
                    part.close()

    def _choose(self, path: str, bus: UsbBus) -> Found:
        try:
            found = bus.find(path)
        except Exception as error:
            raise PartError(
                self._part, f"USB can't be asked: {_words(error)}", "Check the service's rights"
            ) from error
        known = [one for one in found if one[:2] in nfc.clf.device.usb_device_map]
        usable = [one for one in known if one[:2] != _ACR122]
        if usable:
            return usable[0]
        if known:
            raise PartError(
                self._part,
                "an ACR122U works with this driver only until its second card",
                'Write driver = "pcsc" for it',
            )
        raise PartError(self._part, f"no reader at {path}", "Plug the reader in")

    def _unopened(self, path: str, error: Exception) -> PartError:
        remedy = {errno.EACCES: _NO_RIGHTS, errno.EBUSY: _KERNEL_HOLDS_IT}.get(
            getattr(error, "errno", 0) or 0, "Plug it out and in again"
        )
        return PartError(self._part, f"can't open {path}: {_words(error)}", remedy)

    def _lost(self, error: Exception) -> PartError:
        return PartError(
            self._part,
            f"the reader stopped answering: {_words(error)}",
            "Check its cable, or plug it out and in again",
        )


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
