"""What is peculiar to readers at USB, behind pcscd, and to those that type."""

from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given, strategies as st

from firmware_agent.config import parse_config
from firmware_agent.errors import ConfigError
from hardware import factory
from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.ports import CardGone, CardPresent, ReaderDown, ReaderUp
from hardware.readers.keys import FORMS, uid_of
from hardware.readers.usb import UsbReader
from hardware.specs import ReaderSpec
from simulator.parts.usb_stick import UsbStick
from simulator.parts.wedge import Wedge
from wire.clock import Instant

UID = bytes.fromhex("04a1b2c3d4e5f6")


@pytest.mark.parametrize(
    ("fault", "words"), [("allowed", "udev rule"), ("held", "kernel driver holds")]
)
def test_a_stick_that_cannot_be_had_says_what_to_do(clock, log, fault, words):
    stick = UsbStick()
    stick.plug()
    setattr(stick, fault, fault == "held")
    reader = UsbReader(ReaderSpec(id="r", port="usb:04e6", driver="usb"), Around(clock), stick)

    reader.start(log)
    [down] = log.expect(ReaderDown)
    setattr(stick, fault, fault != "held")
    log.expect(ReaderUp)
    reader.close()

    assert words in down.reason


def test_an_acr122u_is_sent_to_the_driver_that_can(clock, log):
    class Bus(UsbStick):
        def find(self, _path):
            return [(0x072F, 0x2200, 1, 4)]

    reader = UsbReader(ReaderSpec(id="r", port="usb", driver="usb"), Around(clock), Bus())
    reader.start(log)
    [down] = log.expect(ReaderDown)
    reader.close()

    assert 'driver = "pcsc"' in down.reason


def test_a_hung_stick_is_down_and_back_when_it_was_plugged_out(clock, log):
    stick = UsbStick()
    stick.plug()
    reader = UsbReader(ReaderSpec(id="r", port="usb", driver="usb"), Around(clock), stick)
    reader.start(log)
    log.expect(ReaderUp)
    stick.hang()
    log.expect(ReaderDown)
    stick.restart()
    log.expect(ReaderUp)
    reader.close()


@pytest.mark.parametrize("port", ["usbx", "usb:", "usb:12345:1", "/dev/ttyUSB0", "usb:04e6:5591:1"])
def test_what_is_no_place_at_usb_is_refused(clock, port):
    with pytest.raises(SpecError, match="usb:VENDOR:PRODUCT"):
        factory.open_reader(ReaderSpec(id="r", port=port, driver="usb"), clock)


@pytest.mark.parametrize(
    ("driver", "port", "wrong"),
    [
        ("usb", "usb:054c:06c3", ""),
        ("pcsc", "pcsc:ACS ACR1252", ""),
        ("usb", "/dev/ttyUSB0", "write usb, or usb: and which one"),
        ("pcsc", "usb", "write pcsc, or pcsc: and which one"),
        ("keyboard", "pcsc", "write an absolute path"),
    ],
)
def test_the_controllers_file_knows_how_each_is_named(driver, port, wrong):
    text = f'[[readers]]\nid = "r"\ndriver = "{driver}"\nport = "{port}"\n'
    if not wrong:
        assert parse_config(text).readers[0].port == port
        return
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert wrong in caught.value.problems[0]


def test_without_pcscd_a_reader_is_down_and_says_what_to_install(clock, log, monkeypatch):
    scard = pytest.importorskip("smartcard.scard", reason="pyscard is missing")
    gone = (scard.SCARD_E_NO_SERVICE, 0)
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda _: gone)
    reader = factory.open_reader(ReaderSpec(id="r", port="pcsc", driver="pcsc"), clock)
    reader.start(log)
    [down] = log.expect(ReaderDown)
    reader.close()

    assert "apt install pcscd" in down.reason


def test_without_pyscard_a_reader_is_down_and_says_so(clock, log, monkeypatch):
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.delitem(sys.modules, "hardware.readers.pcsc_port", raising=False)
    reader = factory.open_reader(ReaderSpec(id="r", port="pcsc", driver="pcsc"), clock)
    reader.start(log)
    [down] = log.expect(ReaderDown)
    reader.close()

    assert "extra pcsc" in down.reason


@given(st.sampled_from([4, 7, 10]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_a_uid_typed_in_hexadecimal_is_read_back(uid):
    assert uid_of(uid.hex(), "hex") == uid
    assert uid_of(uid.hex().upper(), "hex_reversed") == uid[::-1]


@given(st.sampled_from([4, 7]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_a_uid_typed_as_a_number_is_read_back(uid):
    uid = b"\x04" + uid[1:]  # no maker's number is 0
    digits = f"{int.from_bytes(uid):010}"
    assert uid_of(digits, "decimal") == uid
    assert uid_of(digits, "decimal_reversed") == uid[::-1]


@given(st.text(max_size=40), st.sampled_from(FORMS))
def test_whatever_is_typed_gives_a_uid_or_nothing(typed, form):
    assert len(uid_of(typed, form)) in (0, 4, 7, 10)


@pytest.mark.parametrize(
    ("typed", "form"),
    [("", "hex"), ("04a1b", "hex"), ("04a1b2c3d4", "hex"), ("0", "decimal"), ("9" * 20, "decimal")],
)
def test_what_is_no_uid_is_none(typed, form):
    assert uid_of(typed, form) == b""


@pytest.fixture
def wedge(tmp_path):
    wedge = Wedge(tmp_path / "event3")
    wedge.plug()
    yield wedge
    wedge.unplug()


def typed_reader(tmp_path, clock, form="hex"):
    port = str(tmp_path / "event3")
    spec = ReaderSpec(id="r", port=port, driver="keyboard", form=form)
    return factory.open_reader(spec, clock)


@pytest.mark.parametrize(
    ("form", "number"),
    [("decimal", "0081833667"), ("decimal_reversed", "3283017732"), ("hex", "04e0aec3")],
)
def test_a_number_is_read_in_the_readers_form(tmp_path, clock, log, wedge, form, number):
    reader = typed_reader(tmp_path, clock, form)
    reader.start(log)
    log.expect(ReaderUp)
    wedge.type(number)
    seen, _ = log.expect(CardPresent, CardGone)
    reader.close()

    assert (seen.uid.hex(), seen.level, seen.kind) == ("04e0aec3", 0, "typed")


def test_what_is_no_number_is_dropped_whole_and_never_logged(
    tmp_path, clock, log, wedge, caplog, eventually
):
    reader = typed_reader(tmp_path, clock)
    reader.start(log)
    log.expect(ReaderUp)
    with caplog.at_level(logging.WARNING):
        wedge.type("04a1b2x3")
        eventually(lambda: "no UID" in caplog.text)
    wedge.type("DEADBEEF")
    seen, _ = log.expect(CardPresent, CardGone)
    reader.close()

    assert seen.uid == bytes.fromhex("deadbeef")
    assert "04a1b2" not in caplog.text


def test_digits_typed_long_before_belong_to_another_card(tmp_path, log, wedge, eventually):
    class Hand:
        ms = 0

        def now(self):
            return Instant(0, self.ms)

    hand = Hand()
    hand.ms = 10_000
    reader = typed_reader(tmp_path, hand)
    reader.start(log)
    log.expect(ReaderUp)
    wedge.type("04a1", enter=False)
    eventually(lambda: reader._typed == "04a1")
    hand.ms += 1_000
    wedge.type("deadbeef")
    seen, _ = log.expect(CardPresent, CardGone)
    reader.close()

    assert seen.uid == bytes.fromhex("deadbeef")


def test_a_device_that_others_read_as_well_is_not_used(tmp_path, clock, log):
    spec = ReaderSpec(id="r", port="/dev/null", driver="keyboard")
    reader = factory.open_reader(spec, clock)
    reader.start(log)
    [down] = log.expect(ReaderDown)
    reader.close()

    assert "can't have /dev/null alone" in down.reason


def test_a_form_that_there_is_not_is_refused(tmp_path, clock):
    with pytest.raises(SpecError, match="hex_reversed"):
        typed_reader(tmp_path, clock, "octal")


def test_a_controller_without_any_stick_says_to_plug_one_in(clock, log):
    # libusb itself is asked; nobody has a reader with these ids.
    spec = ReaderSpec(id="r", port="usb:0000:0000", driver="usb")
    reader = factory.open_reader(spec, clock)
    reader.start(log)
    [down] = log.expect(ReaderDown)
    reader.close()

    assert "Plug the reader in" in down.reason or "USB can't be asked" in down.reason
