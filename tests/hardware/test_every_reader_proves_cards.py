"""Cards of each family prove themselves alike at every reader that can tell them something."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hardware import factory
from hardware.cards.keyring import CardKey, CardProof
from hardware.cards.proving import family_of
from hardware.drivers import Around
from hardware.ports import CardGone, CardPresent, CardReader, ReaderUp
from hardware.readers.usb import UsbReader
from hardware.specs import ReaderSpec
from simulator.parts.desfire import Desfire
from simulator.parts.ntag424 import Ntag424
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.usb_stick import UsbStick

pytest_plugins = ["pcsc"]
UID = bytes.fromhex("04a1b2c3d4e5f6")
OLD, NEW = CardKey(1, bytes(range(16))), CardKey(2, bytes(range(16, 32)))
FOREIGN = CardKey(1, bytes(range(7, 23)))
KINDS = {Ntag424: ("ntag424", 1), Desfire: ("desfire", 2)}
entropy = random.Random(1).randbytes


class Keys:
    """Keys of one card, of whatever family."""

    def keys_for(self, uid, kind):
        return (NEW, OLD) if uid == UID else ()


@dataclass
class Bench:
    """A reader with keys, and an antenna for one card."""

    reader: CardReader
    place: Callable[[object], object]
    remove: Callable[[object], object]


@pytest.fixture
def pn532(tmp_path, clock):
    chip = Pn532Chip(tmp_path / "front")
    chip.plug()
    spec = ReaderSpec(id="front", port=str(tmp_path / "front"))
    yield Bench(factory.open_reader(spec, clock, Keys(), entropy), chip.place, chip.remove)
    chip.unplug()


@pytest.fixture
def usb(clock):
    stick = UsbStick()
    stick.plug()
    around = Around(clock, keys=Keys(), entropy=entropy)
    reader = UsbReader(ReaderSpec(id="front", port="usb", driver="usb"), around, stick)
    return Bench(reader, stick.place, stick.remove)


@pytest.fixture
def pcsc(pcscd, clock):
    _, antenna = pcscd
    spec = ReaderSpec(id="front", port="pcsc:Virtual", driver="pcsc")
    reader = factory.open_reader(spec, clock, Keys(), entropy)
    return Bench(reader, antenna.place, lambda _: antenna.remove())


@pytest.fixture(params=["pn532", "usb", "pcsc"])
def bench(request, log):
    bench = request.getfixturevalue(request.param)
    bench.reader.start(log)
    log.expect(ReaderUp)
    yield bench
    bench.reader.close()


class InHand:
    """A card without air between."""

    def __init__(self, card):
        self.card = card
        card.power_up()

    def exchange(self, apdu):
        return self.card.chip.obey(apdu)


def keyed(make, key):
    card = make(UID, entropy)
    port = InHand(card)
    family_of(port).give_keys(port, key, (), entropy)
    card.power_up()
    return card


def seen_at(bench, log, card):
    bench.place(card)
    [seen] = log.expect(CardPresent)
    bench.remove(card)
    log.expect(CardGone)
    return seen


@pytest.mark.parametrize("make", list(KINDS), ids=["NTAG 424", "DESFire"])
def test_a_card_is_worth_what_it_proves_and_a_copy_nothing(bench, log, make):
    kind, level = KINDS[make]
    counts = 1 if make is Ntag424 else None
    for key in (OLD, NEW):
        seen = seen_at(bench, log, keyed(make, key))
        assert (seen.uid, seen.kind, seen.level) == (UID, kind, level)
        assert seen.proof == CardProof("ev2", key.version, counts)

    for copy in (make(UID, entropy), keyed(make, FOREIGN)):
        seen = seen_at(bench, log, copy)
        assert (seen.uid, seen.level, seen.proof, seen.proof_lost) == (UID, 0, None, False)
