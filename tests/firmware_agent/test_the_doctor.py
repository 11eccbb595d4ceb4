"""`standpipe-agent doctor` on virtual parts and on a tree like a Raspberry Pi's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from queue import Queue

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from firmware_agent import doctor
from firmware_agent.checkup import parts as checkup_parts
from firmware_agent.checkup.host import Host, Rights, look_at_host
from firmware_agent.checkup.parts import look_at_parts
from firmware_agent.clock import SystemClock
from firmware_agent.config import parse_config
from firmware_agent.parts import Parts, RealParts
from firmware_agent.store import Store
from hardware.ports import HEALTH_UP
from simulator.parts.display_tube import DisplayTube
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.tags import Ntag

STRANGER = Rights("standpipe", 4_321, frozenset())
SETTINGS = "[all]\nenable_uart=1\ndtparam=strict_gpiod\n"
UART = '[[readers]]\nid = "front"\nport = "/dev/ttyAMA0"\n'
STICK = '[[readers]]\nid = "stick"\ndriver = "usb"\nport = "usb"\n'


class Programs:
    """What the system's programs print."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers

    def __call__(self, command):
        return self.answers.get(command[0])


@pytest.fixture
def pi(tmp_path):
    """A tree where everything is right."""
    root = tmp_path / "pi"
    for folder in ("dev", "proc", "boot/firmware"):
        (root / folder).mkdir(parents=True)
    (root / "dev/ttyAMA0").touch(mode=0o666)
    (root / "dev/ttyAMA0").chmod(0o666)
    (root / "proc/cmdline").write_text("console=tty1 root=/dev/sda\n")
    (root / "proc/modules").write_text("bcm2835_wdt 16384 0\n")
    (root / "boot/firmware/config.txt").write_text(SETTINGS)
    return root


RIGHT = {"vcgencmd": "throttled=0x0", "timedatectl": "yes"}


def bad_words(toml, root, **answers):
    host = Host(root, Programs(**{**RIGHT, **answers}), STRANGER)
    return {f.what: f.words for f in look_at_host(parse_config(toml), host) if not f.ok}


def test_a_controller_that_is_well_has_nothing_to_say(pi):
    assert bad_words(UART + STICK, pi) == {}


def test_kernel_modules_in_the_way_are_named(pi):
    (pi / "proc/modules").write_text("pn533_usb 20480 0\npn533 40960 1 pn533_usb\nnfc 90112 1\n")

    assert "modprobe -r pn533_usb pn533" in bad_words(STICK, pi)["kernel modules"]
    assert "kernel modules" not in bad_words(UART, pi)


def test_an_uart_that_is_not_enabled_is_told_from_one_that_waits_for_a_reboot(pi):
    (pi / "dev/ttyAMA0").unlink()
    assert "reboot" in bad_words(UART, pi)["port /dev/ttyAMA0"]

    (pi / "boot/firmware/config.txt").write_text("dtparam=strict_gpiod\n")
    assert "the UART isn't enabled" in bad_words(UART, pi)["port /dev/ttyAMA0"]


def test_a_bus_that_is_not_enabled_is_told(pi):
    toml = '[[machines]]\nid = "a"\noutput = { pin = 4 }\n'
    toml += 'display = { driver = "ssd1306", port = "/dev/i2c-1" }\n'

    assert "I2C isn't enabled" in bad_words(toml, pi)["port /dev/i2c-1"]


def test_a_console_on_the_readers_port_is_found(pi):
    (pi / "proc/cmdline").write_text("console=ttyAMA0,115200 console=tty1\n")

    assert "login console" in bad_words(UART, pi)["console on /dev/ttyAMA0"]


def test_a_port_without_rights_names_the_group_to_join(pi):
    (pi / "dev/ttyAMA0").chmod(0o660)

    assert "may not use it: usermod -aG" in bad_words(UART, pi)["port /dev/ttyAMA0"]


def test_pins_without_rights_are_told_like_a_port(pi):
    (pi / "dev/gpiochip0").touch()
    (pi / "dev/gpiochip0").chmod(0o660)

    assert "usermod -aG" in bad_words(UART, pi)["port /dev/gpiochip0"]


@pytest.mark.parametrize(
    ("mode", "uid", "gids", "may"),
    [
        (0o600, 0, (), True),
        (0o660, 4_321, (), False),
        (0o660, 4_321, (0,), True),
        (0o640, 4_321, (0,), False),
        (0o006, 4_321, (0,), False),
        (0o006, 4_321, (), True),
    ],
)
def test_rights_are_the_kernels(tmp_path, mode, uid, gids, may):
    device = tmp_path / "device"
    device.touch()
    device.chmod(mode)
    stat = device.stat()
    groups = frozenset(stat.st_gid if gid == 0 else gid for gid in gids)

    assert Rights("x", uid, groups).may_use(stat) is may


def test_a_device_that_is_not_plugged_in_is_told(pi):
    toml = UART.replace("/dev/ttyAMA0", "/dev/serial/by-id/usb-reader")

    assert "plug the device in" in bad_words(toml, pi)["port /dev/serial/by-id/usb-reader"]


def test_relays_that_would_stay_on_after_a_crash_are_told(pi):
    (pi / "boot/firmware/config.txt").write_text("enable_uart=1\n")

    assert "leave its relays as they were" in bad_words(UART, pi)["pins after a crash"]


@pytest.mark.parametrize(
    ("answer", "what", "words"),
    [
        ("throttled=0x50005", "power supply", "too weak now"),
        ("throttled=0x50000", "power supply", "was too weak"),
        ("throttled=0x40000", "temperature", "give it air"),
        ("what?", "power supply", "update the firmware"),
    ],
)
def test_a_weak_supply_and_heat_are_told(pi, answer, what, words):
    assert words in bad_words(UART, pi, vcgencmd=answer)[what]


def test_a_clock_that_follows_nothing_is_told(pi):
    assert "set-ntp true" in bad_words(UART, pi, timedatectl="no")["time service"]


TOML = """
data_dir = "{folder}/data"
[[readers]]
id = "front"
port = "{folder}/front"
[[machines]]
id = "laser"
reader = "front"
output = {{ pin = 17 }}
meter = {{ unit = "Wh", driver = "counter", path = "{folder}/count" }}
button = {{ pin = 2 }}
feedback = {{ pin = 7 }}
indicator = {{ red = 3, green = 4, blue = 5 }}
display = {{ port = "{folder}/tube" }}
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """All parts of a machine, virtual and working."""
    monkeypatch.setattr(checkup_parts, "ANSWER_MS", 1_500)
    monkeypatch.setattr(checkup_parts, "PERSON_S", 5.0)
    monkeypatch.setattr(checkup_parts, "TRY_MS", 20)
    pins = MockFactory()
    before, gpiozero.Device.pin_factory = gpiozero.Device.pin_factory, pins
    chip, tube = Pn532Chip(tmp_path / "front"), DisplayTube(tmp_path / "tube", 20, 2)
    chip.plug()
    tube.plug()
    (tmp_path / "data").mkdir()
    (tmp_path / "count").write_text("7\n")
    yield chip, pins
    chip.unplug()
    tube.unplug()
    pins.close()
    gpiozero.Device.pin_factory = before


def findings(folder, person=None):
    config = parse_config(TOML.format(folder=folder))
    clock = SystemClock()
    host = Host(folder, Programs(), STRANGER)
    seen = doctor.examine(config, clock, RealParts(clock), host, person)
    return {finding.what: finding for finding in seen}


class Person:
    """Does what is asked, and sees what there is to see.

    Args:
        answers: Whether each question is agreed to.
    """

    is_there = True

    def __init__(self, bench, answers=lambda _question: True):
        self._chip, self._pins = bench
        self._answers = answers
        self.asked: list[str] = []

    def tell(self, words):
        if "Tap a card" in words:
            self._chip.place(Ntag(bytes.fromhex("04a1b2c3d4e5f6")))
        if "Press the button" in words:
            button = self._pins.pin(2)
            threading.Timer(0.05, lambda: (button.drive_low(), button.drive_high())).start()

    def agrees(self, question):
        self.asked.append(question)
        return self._answers(question)


def test_parts_that_work_are_good_without_anybody_there(bench, tmp_path):
    found = findings(tmp_path)

    for what in (
        "output of laser",
        "reader of front",
        "button of laser",
        "feedback of laser",
        "indicator of laser",
        "display of laser",
    ):
        assert found[what].ok, found[what]
    assert found["meter of laser"].words == "stands at 7"
    assert {state.state for state in bench[1].pin(17).states} == {False}


def test_a_silent_meter_and_a_hung_reader_are_told_with_what_to_do(bench, tmp_path):
    bench[0].hang()
    (tmp_path / "count").unlink()

    found = findings(tmp_path)

    assert not found["reader of front"].ok
    assert "switches are set to serial" in found["reader of front"].words
    assert "baud rate and parity" in found["meter of laser"].words


def test_a_meter_that_talks_nonsense_is_told_from_a_silent_one(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(checkup_parts, "ANSWER_MS", 500)
    (tmp_path / "count").write_text("gibberish")

    assert "make no sense" in findings(tmp_path)["meter of laser"].words


def test_a_person_taps_presses_looks_and_listens(bench, tmp_path):
    person = Person(bench)

    found = findings(tmp_path, person)

    assert "level 0: only its UID" in found["a card on front"].words
    assert "04a1" not in found["a card on front"].words
    assert found["button of laser, pressed"].ok
    assert found["display of laser"].ok
    assert found["output of laser, switched"].ok
    assert "right only without a load" in found["meter of laser, counting"].words
    assert [state.state for state in bench[1].pin(17).states] == [False, True, False]
    assert person.asked[-2].startswith("May laser be switched on")


def test_nothing_is_switched_on_without_a_yes(bench, tmp_path):
    person = Person(bench, lambda question: not question.startswith("May"))

    found = findings(tmp_path, person)

    assert "output of laser, switched" not in found
    assert {state.state for state in bench[1].pin(17).states} == {False}


def test_what_a_person_does_not_see_is_bad(bench, tmp_path):
    found = findings(tmp_path, Person(bench, lambda question: question.startswith("May")))

    assert not found["signal at laser"].ok
    assert not found["output of laser, switched"].ok


@dataclass(slots=True)
class MoreParts(Parts):
    """A kind of part that the doctor was not written for."""

    acceptors: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Coin:
    acceptor: str
    value_minor: int


class Acceptor:
    health = HEALTH_UP

    def __init__(self, seen):
        self._seen = seen
        self.enabled: list[bool] = []

    def set_enabled(self, enabled):
        self.enabled.append(enabled)
        if enabled and self._seen is not None:
            self._seen.put(Coin("till", 50))


@pytest.mark.parametrize(("takes", "words"), [(True, "worth 50"), (False, "nothing was seen")])
def test_a_new_kind_of_part_is_tried_by_what_it_can_do(bench, monkeypatch, takes, words):
    monkeypatch.setattr(checkup_parts, "PERSON_S", 0.05)
    seen: Queue[object] = Queue()
    acceptor = Acceptor(seen if takes else None)
    parts = MoreParts(acceptors={"till": acceptor})

    found = {f.what: f for f in look_at_parts(parts, seen, Person(bench))}

    assert found["acceptor of till"].ok
    assert words in found["acceptor of till, fed"].words
    assert acceptor.enabled == [True, False]


def test_parts_belong_to_an_agent_that_runs(bench, tmp_path):
    store = Store(tmp_path / "data", 1 << 24)
    try:
        found = findings(tmp_path)
    finally:
        store.close()

    assert "the agent runs and owns them" in found["parts"].words
    assert "reader of front" not in found


def test_a_disk_nearly_full_is_told(bench, tmp_path, monkeypatch):
    usage = doctor.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))

    assert "nothing is authorised below" in findings(tmp_path)["disk"].words
