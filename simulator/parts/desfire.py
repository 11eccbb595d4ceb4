"""A virtual DESFire EV2 or EV3, as far as we use one. NXP MF3D(H)x3 data sheet rev. 3.

Applications with AES keys (section 11.5), EV2 authentication and secure messaging (11.3),
ChangeKey and key settings (11.4). The card's own master key is the factory's DES key,
which nobody needs while its settings are the factory's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.parts.ev2_chip import (
    BOUNDARY,
    DENIED,
    LENGTH,
    MORE,
    NO_SUCH_KEY,
    OK,
    PARAMETER,
    UNKNOWN_COMMAND,
    Channel,
    Refused,
    Slot,
)
from simulator.parts.iso_dep import CommandCard

CARD = bytes(3)
APPLICATIONS_MAX = 28
"""Far fewer than a card has room for; as many as EV1 took."""
KEYS_MAX = 14
NO_APPLICATION, DUPLICATE = 0xA0, 0xDE
FACTORY_SETTINGS = 0x0F
"""Of the card: everything may be listed, made and changed (section 11.4.3)."""
EV1, EV2, EV3 = 0x01, 0x12, 0x33
"""Major version of the hardware, by generation."""
_NATIVE, _DATA_AT = 0x90, 5
_GET_VERSION, _AUTHENTICATE, _NEXT = 0x60, 0x71, 0xAF
_FREE_TO_MAKE, _FREE_TO_LIST = 0x04, 0x02
_AES, _TYPE = 0x80, 0xC0
_APPLICATION_BYTES = 5
_BATCH = bytes.fromhex("ba5499d4502319")
_ISO_UNKNOWN = b"\x6e\x00"


@dataclass(slots=True)
class Application:
    """One application: its keys, and who may do what."""

    settings: int
    slots: list[Slot]


@dataclass(slots=True)
class Memory:
    """What stays when the field is gone."""

    settings: int = FACTORY_SETTINGS
    applications: dict[bytes, Application] = field(default_factory=dict)


class DesfireChip:
    """The chip.

    Args:
        uid: 7 bytes.
        entropy: Random bytes.
        generation: `EV1`, `EV2` or `EV3`; the first knows no EV2 authentication.
    """

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes], generation: int = EV3) -> None:
        self.uid = uid
        self.generation = generation
        self.memory = Memory()
        self._channel = Channel(entropy)
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            0x45: self._get_key_settings,
            0x51: self._get_uid,
            0x5A: self._select,
            0x64: self._get_key_version,
            0x6A: self._list_applications,
            0xC4: self._change_key,
            0xCA: self._create_application,
            0xDA: self._delete_application,
        }
        self.power_up()

    def power_up(self) -> None:
        """Forget selection and authentication: the card itself is selected."""
        self._channel.forget()
        self._selected = CARD
        self._version_at = 0

    def obey(self, apdu: bytes) -> bytes:
        """Do what a command says; returns the answer with its status."""
        if len(apdu) < _DATA_AT or apdu[0] != _NATIVE:
            return _ISO_UNKNOWN
        try:
            return self._obey(apdu[1], apdu[_DATA_AT : _DATA_AT + apdu[4]])
        except Refused as refused:
            self._channel.forget()
            return bytes((0x91, refused.status))
        except IndexError:  # shorter than the command's data
            self._channel.forget()
            return bytes((0x91, LENGTH))

    def _obey(self, code: int, data: bytes) -> bytes:
        if code == _GET_VERSION or (code == _NEXT and self._version_at):
            return self._get_version(code)
        self._version_at = 0
        if code == _AUTHENTICATE and self.generation != EV1:
            return self._channel.begin(data[0], self._slot(data[0])) + bytes((0x91, MORE))
        if code == _NEXT and (awaited := self._channel.awaited) is not None:
            return self._channel.finish(self._slot(awaited), data) + bytes((0x91, OK))
        command = self._commands.get(code)
        if command is None:
            raise Refused(UNKNOWN_COMMAND)
        return command(data) + bytes((0x91, OK))

    def _get_version(self, code: int) -> bytes:
        self._version_at = 0 if code == _GET_VERSION else self._version_at
        release = bytes((self.generation, 0, 0x1A, 5))
        parts = (b"\x04\x01\x01" + release, b"\x04\x01\x01" + release, self.uid + _BATCH)
        part = parts[self._version_at]
        is_last = self._version_at == len(parts) - 1
        self._version_at = 0 if is_last else self._version_at + 1
        return part + bytes((0x91, OK if is_last else MORE))

    def _application(self) -> Application:
        """The selected one; the card's own DES key is none that we authenticate with."""
        found = self.memory.applications.get(self._selected)
        if found is None:
            raise Refused(NO_SUCH_KEY)
        return found

    def _slot(self, number: int) -> Slot:
        slots = self._application().slots
        if number >= len(slots):
            raise Refused(NO_SUCH_KEY)
        return slots[number]

    def _select(self, data: bytes) -> bytes:
        self._channel.forget()
        if len(data) != len(CARD):
            raise Refused(LENGTH)
        if data != CARD and data not in self.memory.applications:
            raise Refused(NO_APPLICATION)
        self._selected = data
        return b""

    def _is_card_free(self, right: int) -> bool:
        return self._selected == CARD and bool(self.memory.settings & right)

    def _list_applications(self, data: bytes) -> bytes:
        if data:
            raise Refused(LENGTH)
        if not self._is_card_free(_FREE_TO_LIST):
            raise Refused(DENIED)
        return b"".join(self.memory.applications)

    def _create_application(self, data: bytes) -> bytes:
        if not self._is_card_free(_FREE_TO_MAKE):
            raise Refused(DENIED)
        if len(data) != _APPLICATION_BYTES:
            raise Refused(LENGTH)
        name, settings, keys = data[:3], data[3], data[4]
        if name == CARD or keys & _TYPE != _AES or not 1 <= keys & 0xF <= KEYS_MAX:
            raise Refused(PARAMETER)
        if name in self.memory.applications:
            raise Refused(DUPLICATE)
        if len(self.memory.applications) >= APPLICATIONS_MAX:
            raise Refused(BOUNDARY)
        slots = [Slot() for _ in range(keys & 0xF)]
        self.memory.applications[name] = Application(settings, slots)
        return b""

    def _delete_application(self, data: bytes) -> bytes:
        name = self._channel.heard(0xDA, data)
        if name != self._selected or self._channel.number != 0:
            raise Refused(DENIED)
        del self.memory.applications[name]
        self.power_up()
        return b""

    def _get_key_settings(self, data: bytes) -> bytes:
        application = self._application()
        is_open = self._channel.session is not None
        if is_open:
            self._channel.heard(0x45, data)
        elif not application.settings & _FREE_TO_LIST:
            raise Refused(DENIED)
        told = bytes((application.settings, _AES | len(application.slots)))
        return self._channel.said(told) if is_open else told

    def _get_key_version(self, data: bytes) -> bytes:
        if self._channel.session is not None:
            number = self._channel.heard(0x64, data)
            return self._channel.said(bytes((self._slot(number[0]).version,)))
        if len(data) != 1:
            raise Refused(LENGTH)
        return bytes((self._slot(data[0]).version,))

    def _get_uid(self, data: bytes) -> bytes:
        self._channel.heard(0x51, data)
        return self._channel.said(self.uid, is_secret=True)

    def _change_key(self, data: bytes) -> bytes:
        sent = self._channel.heard(0xC4, data)
        if self._channel.number != 0:
            raise Refused(DENIED)
        plain = self._channel.readable(sent[1:])
        if self._channel.changed(self._application().slots, sent[0], plain):
            self._channel.forget()
            return b""
        return self._channel.said()


class Desfire(CommandCard[DesfireChip]):
    """A card with such a chip, blank as delivered.

    Args:
        uid: 7 bytes.
        entropy: Random bytes.
        generation: `EV1`, `EV2` or `EV3`.
    """

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes], generation: int = EV3) -> None:
        super().__init__(uid, DesfireChip(uid, entropy, generation))
