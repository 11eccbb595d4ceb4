"""What every card reader must do, whatever its driver: one suite for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hardware import factory
from hardware.drivers import Around
from hardware.ports import (
    CardGone,
    CardPresent,
    CardReader,
    CardsSeveral,
    HealthState,
    ReaderDown,
    ReaderUp,
)
from hardware.readers.usb import UsbReader
from hardware.specs import ReaderSpec
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Ntag
from simulator.parts.usb_stick import UsbStick
from simulator.parts.wedge import Wedge

pytest_plugins = ["pcsc"]
UID = bytes.fromhex("04a1b2c3d4e5f6")
OTHER = bytes.fromhex("04ffeeddccbbaa")


@dataclass
class Bench:
    """A reader and what can be done to it.

    Attributes:
        place: Lay a card down.
        remove: Take it away.
        sees_removal: Whether the reader can tell that a card stays.
    """

    reader: CardReader
    place: Callable[[bytes], object]
    remove: Callable[[bytes], object]
    unplug: Callable[[], object]
    plug: Callable[[], object]
    sees_removal: bool = True


@pytest.fixture
def pn532(tmp_path, clock):
    chip, tags = Pn532Chip(tmp_path / "front"), {uid: Ntag(uid) for uid in (UID, OTHER)}
    chip.plug()
    spec = ReaderSpec(id="front", port=str(tmp_path / "front"))
    reader = factory.open_reader(spec, clock)
    place, remove = (lambda uid: chip.place(tags[uid])), (lambda uid: chip.remove(tags[uid]))
    yield Bench(reader, place, remove, chip.unplug, chip.plug)
    chip.unplug()


@pytest.fixture
def usb(clock):
    stick, tags = UsbStick(), {uid: Ntag(uid) for uid in (UID, OTHER)}
    stick.plug()
    reader = UsbReader(ReaderSpec(id="front", port="usb", driver="usb"), Around(clock), stick)
    place, remove = (lambda uid: stick.place(tags[uid])), (lambda uid: stick.remove(tags[uid]))
    return Bench(reader, place, remove, stick.unplug, stick.plug)


@pytest.fixture
def pcsc(pcscd, clock):
    daemon, antenna = pcscd
    spec = ReaderSpec(id="front", port="pcsc:Virtual", driver="pcsc")
    reader = factory.open_reader(spec, clock)

    def remove(_uid):
        antenna.remove()

    def unplug():
        antenna.remove()
        daemon.stop()

    return Bench(reader, antenna.place, remove, unplug, daemon.start)


@pytest.fixture
def keyboard(tmp_path, clock):
    wedge = Wedge(tmp_path / "event3")
    wedge.plug()
    spec = ReaderSpec(id="front", port=str(tmp_path / "event3"), driver="keyboard")
    reader = factory.open_reader(spec, clock)
    place = lambda uid: wedge.type(uid.hex())  # noqa: E731 one of four alike
    yield Bench(reader, place, lambda _: None, wedge.unplug, wedge.plug, sees_removal=False)
    wedge.unplug()


@pytest.fixture(params=["pn532", "usb", "pcsc", "keyboard"])
def bench(request):
    bench = request.getfixturevalue(request.param)
    yield bench
    bench.reader.close()


def test_a_card_is_told_once_at_level_0_and_then_gone(bench, log):
    bench.reader.start(log)
    log.expect(ReaderUp)
    bench.place(UID)
    [seen] = log.expect(CardPresent)
    if bench.sees_removal:
        assert log.none_for(0.3)
    bench.remove(UID)
    log.expect(CardGone)

    assert (seen.reader, seen.uid, seen.level) == ("front", UID, 0)
    assert bench.reader.health.state is HealthState.UP


def test_one_card_after_the_other_are_two_taps(bench, log):
    bench.reader.start(log)
    log.expect(ReaderUp)
    seen = []
    for uid in (UID, OTHER):
        bench.place(uid)
        seen.append(log.expect(CardPresent)[0].uid)
        bench.remove(uid)
        log.expect(CardGone)

    assert seen == [UID, OTHER]


def test_a_reader_that_is_pulled_out_is_down_once_and_comes_back(bench, log):
    bench.reader.start(log)
    log.expect(ReaderUp)
    bench.unplug()
    [down] = log.expect(ReaderDown)
    assert down.reason
    assert bench.reader.health.state is HealthState.DOWN
    assert log.none_for(0.3)
    bench.plug()
    log.expect(ReaderUp)
    bench.place(UID)
    log.expect(CardPresent)


def test_a_card_on_a_reader_that_is_pulled_out_is_gone_first(bench, log):
    if not bench.sees_removal:
        pytest.skip("it tells each card gone at once")
    bench.reader.start(log)
    log.expect(ReaderUp)
    bench.place(UID)
    log.expect(CardPresent)
    bench.unplug()
    log.expect(CardGone, ReaderDown)


def test_closing_is_final_and_may_be_repeated(bench, log):
    bench.reader.start(log)
    log.expect(ReaderUp)
    bench.reader.close()
    bench.place(UID)
    assert log.none_for(0.2)
    bench.reader.close()

    assert bench.reader.health.state is HealthState.UNKNOWN


def test_a_reader_that_never_started_can_be_closed(bench):
    assert bench.reader.health.state is HealthState.UNKNOWN
    bench.reader.close()


def test_two_cards_on_a_stick_answer_in_turns_and_are_several(usb, log):
    usb.reader.start(log)
    log.expect(ReaderUp)
    usb.place(UID)
    log.expect(CardPresent)
    usb.place(OTHER)
    usb.remove(UID)
    log.expect(CardsSeveral)
    usb.reader.close()
