"""DESFire EV2 and EV3: proving a card, and giving it keys.

Source: NXP MF3D(H)x3 data sheet rev. 3 (EV3; EV2 does the same), chapter 11: 11.3
authentication, 11.4 keys, 11.5 applications. Commands are wrapped as ISO/IEC 7816-4 has
it (section 8.5).

A card of ours has one more application, with two keys made from the one key that a
`CardKeys` has for it, and no file:

    0  changes both keys, and takes the application off; never used at a machine
    1  proves the card

The card's own master key, and applications of others, stay as they are: the card may
serve elsewhere too. A blank card lets anybody make an application, and so needs no
master key; nor does taking ours off again. How keys are changed: `hardware.cards.key_places`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardware.cards.errors import CardDataError, CardRefusedError, ProofError
from hardware.cards.key_places import FACTORY, MASTER, Done, Entropy, KeyPlaces
from hardware.cards.keyring import CardKey, CardProof
from hardware.cards.port import ApduPort, Authenticated, plain_command

KIND = "desfire"
PROVING = 1
PLACES = KeyPlaces(b"DESFire key", 2)
APPLICATION = b"STP"
"""Its number, least byte first."""
CARD_LEVEL = bytes(3)
"""Selects the card itself, outside of any application."""
SETTINGS = 0x0B
"""Keys are changed with key 0, and so are files; versions of keys are told to anybody;
key 0 and these settings can be changed (section 11.4.3)."""
AES_KEYS = 0x80
_SELECT_APPLICATION = 0x5A
_CREATE_APPLICATION = 0xCA
_DELETE_APPLICATION = 0xDA
_GET_VERSION = 0x60
_GENERATION_AT, _GENERATION = 3, 0x0F
_EV2 = 2
_NO_APPLICATION = 0xA0
_DENIED = (0x919D, 0x91AE)


def prove(port: ApduPort, keys: Sequence[CardKey], entropy: Entropy) -> CardProof:
    """Have a card prove that it holds one of its keys. It doesn't count its taps.

    Args:
        port: The card.
        keys: What it may hold, newest first.
        entropy: Random bytes.

    Raises:
        ProofError: It holds none of them: a copy, a blank card, or one of another site.
        CardLostError: It went away.
        CardError: It doesn't do what such a card does.
    """
    if not _is_selected(port):
        raise ProofError("the card has no application of ours: it was given no keys")
    key = PLACES.held(port, PROVING, keys)
    PLACES.opened(port, PROVING, key, entropy)
    return CardProof("ev2", key.version)


def give_keys(port: ApduPort, wanted: CardKey, known: Sequence[CardKey], entropy: Entropy) -> Done:
    """Make a card one of ours, or renew the keys of one: also one that was torn away.

    Args:
        port: The card.
        wanted: Its key from now on.
        known: Keys that it may hold now, besides the factory's.
        entropy: Random bytes.

    Raises:
        ProofError: It holds keys that aren't known here.
        CardLostError: It went away: lay it down again and repeat.
        CardRefusedError: Its issuer lets nobody make applications, or it is full.
        CardError: It doesn't do what such a card does.
    """
    if not _is_selected(port):
        _check_generation(port)
        _make_application(port)
    return PLACES.bring_to(port, wanted, known, _nothing, entropy)


def wipe(port: ApduPort, known: Sequence[CardKey], entropy: Entropy) -> Done:
    """Take our application off a card; everything else on it stays.

    Raises:
        CardError: As `give_keys`.
    """
    if not _is_selected(port):
        return Done(FACTORY.version, 0)
    key = PLACES.held(port, MASTER, (*known, FACTORY))
    master = PLACES.opened(port, MASTER, key, entropy)
    master.last_command("removal of the application", _DELETE_APPLICATION, APPLICATION, b"")
    # The answer may have no MAC, so look.
    if _is_selected(port):
        raise CardDataError("the card says that it removed the application, and still has it")
    return Done(FACTORY.version, PLACES.count)


def _is_selected(port: ApduPort) -> bool:
    """Select our application; False: the card has none."""
    try:
        plain_command(port, "selection of the application", _SELECT_APPLICATION, APPLICATION)
    except CardRefusedError as error:
        if error.status & 0xFF == _NO_APPLICATION:
            return False
        raise
    return True


def _check_generation(port: ApduPort) -> None:
    """Refuse cards of before EV2: they can't prove themselves in the way we ask for."""
    version = plain_command(port, "version of the chip", _GET_VERSION)
    if len(version) <= _GENERATION_AT:
        raise CardDataError("the card's version is cut short")
    if version[_GENERATION_AT] & _GENERATION < _EV2:
        raise CardDataError("this is a DESFire of before EV2: take an EV2 or EV3")


def _make_application(port: ApduPort) -> None:
    settings = bytes((SETTINGS, AES_KEYS | PLACES.count))
    plain_command(port, "selection of the card", _SELECT_APPLICATION, CARD_LEVEL)
    try:
        made = APPLICATION + settings
        plain_command(port, "making an application", _CREATE_APPLICATION, made)
    except CardRefusedError as error:
        if error.status in _DENIED:
            what = "making an application (the card's issuer lets nobody do that: take a blank one)"
            raise CardRefusedError(what, error.status) from error
        raise
    if not _is_selected(port):
        raise CardDataError("the card says that it made the application, and doesn't have it")


def _nothing(_master: Authenticated) -> None:
    """No file has to be prepared."""
