"""`standpipe-agent install` on a tree that looks like a Raspberry Pi's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given, strategies as st
from parts import require
from typer.testing import CliRunner

from firmware_agent.cli import app
from firmware_agent.config import parse_config
from firmware_agent.installing.apply import BACKUP_SUFFIX
from firmware_agent.installing.boot import (
    BEGIN,
    END,
    boot_lines,
    with_block,
    without_block,
    without_console,
)

SETTINGS = "# For more options\ndtparam=audio=on\n\n[cm4]\notg_mode=1\n\n[all]\n"
COMMAND_LINE = "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootwait\n"
TOML = """
[[readers]]
id = "front"
port = "/dev/ttyAMA0"
[[readers]]
id = "stick"
driver = "usb"
port = "usb"
[[readers]]
id = "desk"
driver = "pcsc"
port = "pcsc"
[[machines]]
id = "washer"
reader = "front"
output = { pin = 17 }
[[machines]]
id = "dryer"
output = { pin = 27, active_high = false }
"""


def agent(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture(params=["bookworm", "trixie"])
def pi(tmp_path, request) -> Path:
    root = tmp_path / "pi"
    for folder in ("etc/standpipe", "boot/firmware"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text(f'ID=debian\nVERSION_CODENAME="{request.param}"\n')
    (root / "boot/firmware/config.txt").write_text(SETTINGS)
    (root / "boot/firmware/cmdline.txt").write_text(COMMAND_LINE)
    (root / "etc/standpipe/agent.toml").write_text(TOML)
    return root


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


def test_it_says_what_it_would_do_and_does_nothing(pi):
    before = tree(pi)

    done = agent("install", "--root", str(pi))

    assert done.exit_code == 0, done.stderr
    assert tree(pi) == before
    assert "make           /etc/systemd/system/standpipe-agent.service" in done.stdout
    assert "change         /boot/firmware/config.txt" in done.stdout
    assert "Nothing is changed yet" in done.stdout


def test_a_second_time_changes_nothing(pi):
    assert agent("install", "--root", str(pi), "--yes").exit_code == 0
    after = tree(pi)

    again = agent("install", "--root", str(pi), "--yes")

    assert again.exit_code == 0
    assert tree(pi) == after
    assert "make  " not in again.stdout
    assert "change" not in again.stdout


def test_relays_are_off_from_power_on_and_the_reader_has_its_port(pi):
    agent("install", "--root", str(pi), "--yes")

    settings = (pi / "boot/firmware/config.txt").read_text()
    assert settings.startswith(SETTINGS.rstrip("\n"))
    for line in ("dtparam=strict_gpiod", "gpio=17=op,dl", "gpio=27=op,dh", "enable_uart=1"):
        assert f"\n{line}\n" in settings
    assert (pi / "boot/firmware/cmdline.txt").read_text() == (
        "console=tty1 root=PARTUUID=1-02 rootwait\n"
    )
    kept = pi / ("boot/firmware/config.txt" + BACKUP_SUFFIX)
    assert kept.read_text() == SETTINGS


def test_the_first_copy_of_a_boot_file_is_never_written_over(pi):
    agent("install", "--root", str(pi), "--yes")
    settings = pi / "boot/firmware/config.txt"
    settings.write_text(settings.read_text().replace("audio=on", "audio=off"))
    (pi / "etc/standpipe/agent.toml").write_text(TOML.replace("pin = 17", "pin = 22"))

    agent("install", "--root", str(pi), "--yes")

    assert "audio=off" in settings.read_text()
    assert "gpio=22=op,dl" in settings.read_text()
    assert "gpio=17=" not in settings.read_text()
    assert (pi / ("boot/firmware/config.txt" + BACKUP_SUFFIX)).read_text() == SETTINGS


def test_a_file_of_somebody_else_is_left_alone_and_nothing_is_done(pi):
    unit = pi / "etc/systemd/system/standpipe-agent.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    before = tree(pi)

    done = agent("install", "--root", str(pi), "--yes")

    assert done.exit_code == 1
    assert "isn't ours and stays as it is" in done.stderr
    assert tree(pi) == before


def test_uninstall_keeps_what_holds_money_and_gives_the_rest_back(pi):
    data = pi / "var/lib/standpipe/agent.db"
    data.parent.mkdir(parents=True)
    data.write_text("the journal")
    before = tree(pi)
    agent("install", "--root", str(pi), "--yes")

    said = agent("uninstall", "--root", str(pi))
    assert "Nothing is changed yet" in said.stdout
    done = agent("uninstall", "--root", str(pi), "--yes")

    assert done.exit_code == 0, done.stderr
    left = {name: text for name, text in tree(pi).items() if BACKUP_SUFFIX not in name}
    left["boot/firmware/cmdline.txt"] = COMMAND_LINE
    before["boot/firmware/config.txt"] = before["boot/firmware/config.txt"].rstrip("\n") + "\n"
    assert left == before


def test_without_a_configuration_it_says_what_to_write_first(pi):
    (pi / "etc/standpipe/agent.toml").unlink()

    done = agent("install", "--root", str(pi), "--yes")

    assert done.exit_code == 1
    assert "Say how this controller is wired" in done.stderr


def test_another_system_is_told_and_has_no_boot_files(pi):
    (pi / "etc/os-release").write_text("VERSION_CODENAME=noble\n")
    (pi / "boot/firmware/config.txt").unlink()

    done = agent("install", "--root", str(pi), "--yes")

    assert "this is noble" in done.stdout
    assert not (pi / "boot/firmware/config.txt").exists()


def test_systemd_finds_no_fault_with_the_unit(pi, tmp_path):
    analyze = require("systemd-analyze", "systemd")
    agent("install", "--root", str(pi), "--yes")
    unit = tmp_path / "standpipe-agent.service"
    unit.write_text((pi / "etc/systemd/system/standpipe-agent.service").read_text())

    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    complaints = [line for line in done.stderr.splitlines() if "standpipe-agent" in line]
    assert complaints == []
    assert done.returncode == 0, done.stderr


def test_the_unit_ends_with_all_machines_off_and_is_watched(pi):
    agent("install", "--root", str(pi), "--yes")

    unit = (pi / "etc/systemd/system/standpipe-agent.service").read_text().splitlines()

    assert "Type=notify" in unit
    assert "Restart=always" in unit
    assert "StartLimitIntervalSec=0" in unit
    assert any(line.startswith("WatchdogSec=") for line in unit)
    assert any(line.startswith("ExecStopPost=") and "outputs off" in line for line in unit)


def test_only_what_the_wiring_needs_is_switched_on():
    bare = boot_lines(parse_config('[[machines]]\nid = "a"\noutput = { pin = 4 }\n'))
    oled = boot_lines(
        parse_config(
            '[[machines]]\nid = "a"\noutput = { pin = 4 }\n'
            'display = { driver = "ssd1306", port = "/dev/i2c-1" }\n'
        )
    )

    assert bare == ("[all]", "dtparam=strict_gpiod", "dtparam=watchdog=on", "gpio=4=op,dl")
    assert oled == (*bare, "dtparam=i2c_arm=on")


@given(st.text(alphabet="ab=[]\n# ", max_size=80))
def test_our_block_comes_and_goes_and_leaves_the_rest(text):
    lines = boot_lines(parse_config(TOML))

    once = with_block(text, lines)

    assert with_block(once, lines) == once
    assert once.count(BEGIN) == once.count(END) == 1
    assert without_block(once).split() == text.split()


@pytest.mark.parametrize("line", ["console=tty1 root=/dev/sda\n", "", "root=/dev/sda  rw\n"])
def test_a_command_line_without_a_serial_console_stays_to_the_byte(line):
    assert without_console(line) == line
