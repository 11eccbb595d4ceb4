"""The real nfcpy driver against a chip behind a pseudo-terminal."""

from __future__ import annotations

import random
import termios
import threading

import pytest

from hardware.drivers import Around
from hardware.errors import PartError
from hardware.ports import (
    CardGone,
    CardPresent,
    CardsSeveral,
    HealthState,
    ReaderDown,
    ReaderUp,
)
from hardware.readers.pn532 import Pn532Reader
from hardware.readers.pn532_port import Pn532Port
from hardware.specs import ReaderSpec
from simulator.parts.tags import Ntag, NtagModel, RandomUidTag, Tag

UID = bytes.fromhex("04a1b2c3d4e5f6")
OTHER = bytes.fromhex("04ffeeddccbbaa")


@pytest.mark.parametrize(
    "tag",
    [
        Ntag(UID, NtagModel.NTAG213),
        Ntag(UID, NtagModel.NTAG215),
        Ntag(UID, NtagModel.NTAG216),
        Tag(bytes.fromhex("deadbeef")),
        Tag(bytes.fromhex("04112233445566778899")),
    ],
    ids=["ntag213", "ntag215", "ntag216", "four bytes", "ten bytes"],
)
def test_a_card_is_reported_once_with_its_uid_and_then_gone(chip, reader, log, tag):
    reader.start(log)
    log.expect(ReaderUp)
    chip.place(tag)
    [seen] = log.expect(CardPresent)
    assert (seen.reader, seen.uid, seen.level) == ("front", tag.uid, 0)
    assert log.none_for(0.3)
    chip.remove(tag)
    log.expect(CardGone)
    assert reader.health.state is HealthState.UP


def test_a_random_uid_is_passed_on_once_although_it_changes(chip, reader, log):
    tag = RandomUidTag(random.Random(1))
    reader.start(log)
    log.expect(ReaderUp)
    chip.place(tag)
    [seen] = log.expect(CardPresent)
    assert seen.uid[0] == 0x08
    assert len(seen.uid) == 4
    assert log.none_for(0.3)
    assert tag.uid != seen.uid
    chip.remove(tag)
    log.expect(CardGone)


def test_a_card_taken_away_at_once_is_reported_gone(chip, reader, log):
    tag = Ntag(UID)

    def pull_away(event):
        log(event)
        if isinstance(event, CardPresent):
            chip.remove(tag)

    reader.start(pull_away)
    chip.place(tag)
    log.expect(ReaderUp, CardPresent, CardGone)


def test_two_cards_laid_down_together_are_several_and_neither_is_named(chip, reader, log):
    first, second = Ntag(UID), Ntag(OTHER)
    chip.place(first)
    chip.place(second)
    reader.start(log)
    log.expect(ReaderUp, CardsSeveral)
    chip.remove(first)
    assert log.none_for(0.3)
    chip.remove(second)
    log.expect(CardGone)
    chip.place(second)
    [seen] = log.expect(CardPresent)
    assert seen.uid == OTHER


def test_a_second_card_beside_the_first_is_several(chip, reader, log):
    first, second = Ntag(UID), Tag(bytes.fromhex("deadbeef"))
    reader.start(log)
    chip.place(first)
    log.expect(ReaderUp, CardPresent)
    chip.place(second)
    log.expect(CardsSeveral)
    chip.remove(first)
    chip.remove(second)
    log.expect(CardGone)


def test_a_hung_chip_is_down_once_and_up_when_it_was_restarted(chip, reader, log):
    tag = Ntag(UID)
    reader.start(log)
    chip.place(tag)
    log.expect(ReaderUp, CardPresent)
    chip.hang()
    _, down = log.expect(CardGone, ReaderDown)
    assert down.reason
    assert reader.health.state is HealthState.DOWN
    assert log.none_for(0.5)
    chip.restart()
    _, seen = log.expect(ReaderUp, CardPresent)
    assert seen.uid == UID


def test_an_unplugged_reader_works_again_under_the_same_path(chip, reader, log, tmp_path):
    tag = Ntag(UID)
    reader.start(log)
    log.expect(ReaderUp)
    before = (tmp_path / "front").resolve()
    chip.unplug()
    log.expect(ReaderDown)
    assert not (tmp_path / "front").exists()
    chip.place(tag)
    assert log.none_for(0.3)
    chip.plug()
    log.expect(ReaderUp, CardPresent)
    assert before.name.isdigit()


def test_a_reader_that_is_plugged_in_later_comes_up(chip, reader, log):
    chip.unplug()
    reader.start(log)
    [down] = log.expect(ReaderDown)
    assert "plug" in down.reason.lower()
    chip.plug()
    log.expect(ReaderUp)


def test_a_chip_left_at_high_speed_by_a_killed_process_is_brought_back(chip, tmp_path):
    path = str(tmp_path / "front")
    killed = Pn532Port("reader front", path)
    # A killed process says nothing: the port closes, the chip keeps its speed.
    killed._transport.tty.close()
    chip.place(Ntag(UID))
    port = Pn532Port("reader front", path)
    assert [card.uid for card in port.cards()] == [UID]
    port.close()


def test_an_error_that_no_one_foresaw_does_not_end_the_thread(chip, reader, log, monkeypatch):
    look = Pn532Port.cards
    failed = threading.Event()

    def break_once(port):
        if not failed.is_set():
            failed.set()
            raise RuntimeError("never seen before")
        return look(port)

    monkeypatch.setattr(Pn532Port, "cards", break_once)
    reader.start(log)
    _, down, _ = log.expect(ReaderUp, ReaderDown, ReaderUp)
    assert "never seen before" in down.reason


def test_closing_is_final_and_may_be_repeated(chip, reader, log):
    reader.start(log)
    log.expect(ReaderUp)
    reader.close()
    chip.place(Ntag(UID))
    assert log.none_for(0.2)
    reader.close()
    assert reader.health.state is HealthState.UNKNOWN


def test_a_port_that_is_no_plain_path_is_never_opened(tmp_path, clock, log):
    reader = Pn532Reader(ReaderSpec(id="x", port=str(tmp_path / "a;b")), Around(clock))
    reader.start(log)
    [down] = log.expect(ReaderDown)
    assert "plain path" in down.reason
    reader.close()


def test_the_reset_pin_is_pulsed_low_before_each_opening(chip, tmp_path, clock, log, pins):
    spec = ReaderSpec(id="front", port=str(tmp_path / "front"), reset_pin=22)
    reader = Pn532Reader(spec, Around(clock))
    reader.start(log)
    log.expect(ReaderUp)
    assert [state.state for state in pins.pin("GPIO22").states][-2:] == [False, True]
    chip.hang()
    log.expect(ReaderDown)
    chip.restart()
    log.expect(ReaderUp)
    assert [state.state for state in pins.pin("GPIO22").states][-2:] == [False, True]
    reader.close()


def test_a_vanished_port_fails_as_a_terminal_and_is_a_part_error(chip, tmp_path):
    port = Pn532Port("reader front", str(tmp_path / "front"))
    chip.unplug()
    with pytest.raises(PartError, match="stopped answering") as caught:
        port.cards()
    assert isinstance(caught.value.__cause__, termios.error)
    port.close()
