"""A virtual NTAG 424 DNA, as far as we use one. NXP NT4H2421Gx data sheet rev. 3.0.

Files of the NDEF application (section 8.2.3), ISO commands (10.9), EV2 authentication and
secure messaging (9.1), ChangeKey (10.6.1), file settings (10.7.1), and the mirror of count
and MAC into what is read (9.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hardware.cards.sun import Tap, encrypted_picc_data, sun_mac
from simulator.parts.ev2_chip import (
    BOUNDARY,
    DENIED,
    LENGTH,
    MORE,
    NO_FILE,
    NO_SUCH_KEY,
    OK,
    PARAMETER,
    UNKNOWN_COMMAND,
    Channel,
    Refused,
    Slot,
)
from simulator.parts.iso_dep import CommandCard

KEYS = 5
_HEADER_BYTES, _DATA_AT = 4, 5
_NATIVE = 0x90
"""Class byte of NXP's own commands, wrapped."""
_GET_VERSION, _AUTHENTICATE, _NEXT = 0x60, 0x71, 0xAF
_BY_NAME = 0x04
_APPLICATION = bytes.fromhex("d2760000850101")
_ISO_DONE, _ISO_NOT_FOUND, _ISO_LENGTH, _ISO_STATE = (
    b"\x90\x00",
    b"\x6a\x82",
    b"\x67\x00",
    b"\x69\x85",
)
_ISO_UNKNOWN = b"\x6d\x00"
_FREE, _NEVER = 0xE, 0xF
_SDM, _MODE_MASK, _FULL, _WITH_MAC = 0x40, 0x03, 0x03, 0x01
_NDEF_NUMBER = 2
_COUNTER_MAX = 0xFFFFFF
_VERSION = (
    bytes.fromhex("04040230001105"),
    bytes.fromhex("04040201021105"),
)
"""Hardware and software (section 10.5.2, tables 53 and 54)."""
_BATCH = bytes.fromhex("cf39d449801c20")


@dataclass(slots=True)
class File:
    """A standard data file: its data, settings as ChangeFileSettings takes them, its count."""

    iso_id: int
    data: bytearray
    settings: bytes
    counter: int = 0

    @property
    def mode(self) -> int:
        """How commands to it are protected."""
        return self.settings[0] & _MODE_MASK

    @property
    def is_signing(self) -> bool:
        """Whether count and MAC are mirrored into it."""
        return bool(self.settings[0] & _SDM)

    def right(self, shift: int) -> int:
        """Key number for a right: 0 write, 4 read, 8 change, 12 read and write."""
        rights = self.settings[1] << 8 | self.settings[2]
        return rights >> shift & 0xF


@dataclass(slots=True)
class Memory:
    """What stays when the field is gone; a copy of it is no card of its own."""

    slots: list[Slot] = field(default_factory=lambda: [Slot() for _ in range(KEYS)])
    files: dict[int, File] = field(default_factory=dict)


class Ntag424Chip:
    """The chip.

    Args:
        uid: 7 bytes.
        entropy: Random bytes.
    """

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes]) -> None:
        self.uid = uid
        self.memory = Memory(files=_new_files())
        self._channel = Channel(entropy)
        self._entropy = entropy
        self._native: dict[int, Callable[[bytes], bytes]] = {
            0x51: self._get_uid,
            0x5F: self._change_file_settings,
            0x64: self._get_key_version,
            0x8D: self._write_data,
            0xC4: self._change_key,
            0xF5: self._get_file_settings,
            0xF6: self._get_file_counters,
        }
        self._iso: dict[int, Callable[[bytes], bytes]] = {
            0xA4: self._select,
            0xB0: self._read_binary,
        }
        self.power_up()

    def power_up(self) -> None:
        """Forget selection and authentication."""
        self._channel.forget()
        self._is_selected = False
        self._selected: File | None = None
        self._has_counted = False
        self._version_at = 0

    def obey(self, apdu: bytes) -> bytes:
        """Do what a command says; returns the answer with its status."""
        if len(apdu) < _HEADER_BYTES:
            return _ISO_LENGTH
        is_native = apdu[0] == _NATIVE
        try:
            return self._obey_native(apdu) if is_native else self._obey_iso(apdu)
        except Refused as refused:
            self._channel.forget()
            return bytes((0x91, refused.status))
        except IndexError:  # shorter than the command's data
            self._channel.forget()
            return bytes((0x91, LENGTH)) if is_native else _ISO_LENGTH

    def _obey_iso(self, apdu: bytes) -> bytes:
        command = self._iso.get(apdu[1])
        return _ISO_UNKNOWN if command is None else command(apdu)

    def _obey_native(self, apdu: bytes) -> bytes:
        code = apdu[1]
        data = apdu[_DATA_AT : _DATA_AT + apdu[4]] if len(apdu) > _DATA_AT else b""
        if code == _GET_VERSION or (code == _NEXT and self._version_at):
            return self._get_version(code)
        self._version_at = 0
        if not self._is_selected:
            raise Refused(DENIED)
        if code == _AUTHENTICATE:
            number = data[0] if data else KEYS
            return self._channel.begin(number, self._slot(number)) + bytes((0x91, MORE))
        if code == _NEXT and (awaited := self._channel.awaited) is not None:
            return self._channel.finish(self._slot(awaited), data) + bytes((0x91, OK))
        command = self._native.get(code)
        if command is None:
            raise Refused(UNKNOWN_COMMAND)
        return command(data) + bytes((0x91, OK))

    def _slot(self, number: int) -> Slot:
        if number >= KEYS:
            raise Refused(NO_SUCH_KEY)
        return self.memory.slots[number]

    def _select(self, apdu: bytes) -> bytes:
        name = apdu[5 : 5 + apdu[4]]
        self._channel.forget()
        if apdu[2] == _BY_NAME:
            self._is_selected = name == _APPLICATION
            self._selected = None
            return _ISO_DONE if self._is_selected else _ISO_NOT_FOUND
        wanted = int.from_bytes(name)
        found = [one for one in self.memory.files.values() if one.iso_id == wanted]
        if not self._is_selected or not found:
            return _ISO_NOT_FOUND
        self._selected, self._has_counted = found[0], False
        return _ISO_DONE

    def _read_binary(self, apdu: bytes) -> bytes:
        file = self._selected
        if file is None or file.right(4) != _FREE:
            return _ISO_STATE
        start, length = apdu[2] << 8 | apdu[3], (apdu[4] if len(apdu) >= _DATA_AT else 0) or 256
        if file.is_signing and not self._has_counted:
            file.counter = min(file.counter + 1, _COUNTER_MAX)
            self._has_counted = True
        return self._mirrored(file)[start : start + length] + _ISO_DONE

    def _mirrored(self, file: File) -> bytes:
        if not file.is_signing:
            return bytes(file.data)
        settings = file.settings
        meta, signing = settings[5] >> 4, settings[5] & 0xF
        picc_at, _, mac_at = (int.from_bytes(settings[at : at + 3], "little") for at in (6, 9, 12))
        tap = Tap(self.uid, file.counter)
        secret = encrypted_picc_data(self.memory.slots[meta].key, tap, self._entropy(5))
        mac = sun_mac(self.memory.slots[signing].key, tap)
        shown = bytearray(file.data)
        shown[picc_at : picc_at + 32] = secret.hex().upper().encode()
        shown[mac_at : mac_at + 16] = mac.hex().upper().encode()
        return bytes(shown)

    def _get_version(self, code: int) -> bytes:
        self._version_at = 0 if code == _GET_VERSION else self._version_at
        parts = (*_VERSION, self.uid + _BATCH)
        part = parts[self._version_at]
        is_last = self._version_at == len(parts) - 1
        self._version_at = 0 if is_last else self._version_at + 1
        return part + bytes((0x91, OK if is_last else MORE))

    def _get_uid(self, data: bytes) -> bytes:
        self._channel.heard(0x51, data)
        return self._channel.said(self.uid, is_secret=True)

    def _get_key_version(self, data: bytes) -> bytes:
        if self._channel.session is not None:
            number = self._channel.heard(0x64, data)
            return self._channel.said(bytes((self._slot(number[0]).version,)))
        if len(data) != 1:
            raise Refused(LENGTH)
        return bytes((self._slot(data[0]).version,))

    def _change_key(self, data: bytes) -> bytes:
        sent = self._channel.heard(0xC4, data)
        if self._channel.number != 0:
            raise Refused(DENIED)
        plain = self._channel.readable(sent[1:])
        if self._channel.changed(self.memory.slots, sent[0], plain):
            self._channel.forget()
            return b""
        return self._channel.said()

    def _file(self, number: int) -> File:
        file = self.memory.files.get(number)
        if file is None:
            raise Refused(NO_FILE)
        return file

    def _get_file_settings(self, data: bytes) -> bytes:
        is_free = self._channel.session is None
        number = data if is_free else self._channel.heard(0xF5, data)
        file = self._file(number[0])
        size = len(file.data).to_bytes(3, "little")
        told = b"\x00" + file.settings[:3] + size + file.settings[3:]
        return told if is_free else self._channel.said(told)

    def _change_file_settings(self, data: bytes) -> bytes:
        sent = self._channel.heard(0x5F, data)
        file = self._file(sent[0])
        if self._channel.number != file.right(8):
            raise Refused(DENIED)
        settings = self._channel.readable(sent[1:])
        if len(settings) != (15 if settings[0] & _SDM else 3):
            raise Refused(PARAMETER)
        is_new = bool(settings[0] & _SDM)
        self.memory.files[sent[0]] = replace(
            file, settings=settings, counter=0 if is_new else file.counter
        )
        return self._channel.said()

    def _write_data(self, data: bytes) -> bytes:
        file = self._file(data[0] if data else 0xFF)
        if file.mode != _FULL:
            raise Refused(PARAMETER)  # we never write otherwise
        sent = self._channel.heard(0x8D, data)
        if self._channel.number not in (file.right(0), file.right(12)):
            raise Refused(DENIED)
        start, length = (int.from_bytes(sent[at : at + 3], "little") for at in (1, 4))
        plain = self._channel.readable(sent[7:])
        if len(plain) != length:
            raise Refused(LENGTH)
        if start + length > len(file.data):
            raise Refused(BOUNDARY)
        file.data[start : start + length] = plain
        return self._channel.said()

    def _get_file_counters(self, data: bytes) -> bytes:
        sent = self._channel.heard(0xF6, data)
        file = self._file(sent[0])
        if not file.is_signing or file.settings[4] & 0xF not in (self._channel.number, _FREE):
            raise Refused(DENIED)
        return self._channel.said(file.counter.to_bytes(3, "little") + b"\0\0", is_secret=True)


class Ntag424(CommandCard[Ntag424Chip]):
    """A card with such a chip, blank as delivered.

    Args:
        uid: 7 bytes.
        entropy: Random bytes.
    """

    def __init__(self, uid: bytes, entropy: Callable[[int], bytes]) -> None:
        super().__init__(uid, Ntag424Chip(uid, entropy))


def _new_files() -> dict[int, File]:
    container = bytes.fromhex("001720010000ff0406e104010000000506e10500808283")
    return {
        1: File(0xE103, bytearray(container.ljust(32, b"\0")), b"\x00\x00\xe0"),
        _NDEF_NUMBER: File(0xE104, bytearray(256), b"\x00\xe0\xee"),
        3: File(0xE105, bytearray(128), b"\x03\x30\x23"),
    }
