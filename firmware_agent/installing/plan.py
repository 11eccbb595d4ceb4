"""What an installation changes, as a list that can be read before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.config import AgentConfig
from firmware_agent.installing import boot, texts

DRIVERS_DIR = "/etc/standpipe/drivers"
UNIT_PATH = "/etc/systemd/system/standpipe-agent.service"
CONFIG_TXT = "/boot/firmware/config.txt"
COMMAND_LINE = "/boot/firmware/cmdline.txt"
RELEASES = ("bookworm", "trixie")


@dataclass(frozen=True, slots=True)
class FileStep:
    """A file to be written.

    Attributes:
        path: Absolute, on the controller.
        text: What it shall hold.
        words: Why, for a person.
        ours: Whether the whole file is ours; otherwise a copy of it is kept first.
    """

    path: str
    text: str
    words: str
    ours: bool = True


@dataclass(frozen=True, slots=True)
class CommandStep:
    """A command to be run on the controller itself.

    Attributes:
        command: Program and arguments.
        words: Why, for a person.
    """

    command: tuple[str, ...]
    words: str


def release_of(root: Path) -> str:
    """Code name of the system at `root`; empty when it doesn't tell."""
    try:
        lines = (root / "etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in lines:
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""


def files(config: AgentConfig, root: Path, program: str, config_path: str) -> Iterator[FileStep]:
    """List the files that this controller needs."""
    unit = texts.UNIT.format(
        program=program, config=config_path, drivers=DRIVERS_DIR, data=config.data_dir
    )
    yield FileStep("/etc/sysusers.d/standpipe.conf", texts.SYSUSERS, "a user without a login")
    yield FileStep(UNIT_PATH, unit, "the service, its watchdog, and machines off when it ends")
    yield FileStep(
        "/etc/systemd/system.conf.d/50-standpipe.conf",
        texts.WATCHDOG,
        "the board starts anew when the kernel hangs",
    )
    yield FileStep(
        "/etc/systemd/journald.conf.d/50-standpipe.conf", texts.JOURNALD, "logs with a limit"
    )
    drivers = {reader.driver for reader in config.readers}
    if "usb" in drivers:
        yield FileStep(
            "/etc/modprobe.d/standpipe.conf", texts.MODPROBE, "the kernel leaves readers alone"
        )
        yield FileStep(
            "/etc/udev/rules.d/60-standpipe.rules", texts.UDEV, "the service may use USB readers"
        )
    if "pcsc" in drivers:
        yield FileStep(
            "/etc/polkit-1/rules.d/50-standpipe.rules", texts.POLKIT, "the service may use pcscd"
        )
    if boot.uses_i2c(config):
        yield FileStep("/etc/modules-load.d/standpipe.conf", texts.MODULES, "displays at I2C")
    yield from _boot_files(config, root)


def ours() -> tuple[str, ...]:
    """Every file that an installation may have written whole."""
    return (
        "/etc/sysusers.d/standpipe.conf",
        UNIT_PATH,
        "/etc/systemd/system.conf.d/50-standpipe.conf",
        "/etc/systemd/journald.conf.d/50-standpipe.conf",
        "/etc/modprobe.d/standpipe.conf",
        "/etc/modules-load.d/standpipe.conf",
        "/etc/udev/rules.d/60-standpipe.rules",
        "/etc/polkit-1/rules.d/50-standpipe.rules",
    )


def commands(config: AgentConfig) -> tuple[CommandStep, ...]:
    """List what is run after the files are there."""
    return (
        CommandStep(("systemd-sysusers",), "make the user"),
        CommandStep(("install", "-d", "-m", "755", DRIVERS_DIR), "a folder for your own drivers"),
        CommandStep(
            ("install", "-d", "-o", "standpipe", "-g", "standpipe", "-m", "700", config.data_dir),
            "the folder of journal and key",
        ),
        CommandStep(("chown", "-R", "standpipe:standpipe", config.data_dir), "it is the service's"),
        CommandStep(("udevadm", "control", "--reload"), "take the rules"),
        CommandStep(("systemctl", "daemon-reload"), "take the unit"),
        CommandStep(("systemctl", "enable", "standpipe-agent.service"), "start it at each boot"),
    )


def _boot_files(config: AgentConfig, root: Path) -> Iterator[FileStep]:
    """Changes of the boot files, where this is a Raspberry Pi."""
    settings = root / CONFIG_TXT.lstrip("/")
    if not settings.exists():
        return
    text = settings.read_text(encoding="utf-8")
    yield FileStep(
        CONFIG_TXT,
        boot.with_block(text, boot.boot_lines(config)),
        "relays off from power-on, and let go when the agent is killed",
        ours=False,
    )
    line = root / COMMAND_LINE.lstrip("/")
    if boot.uses_uart(config) and line.exists():
        yield FileStep(
            COMMAND_LINE,
            boot.without_console(line.read_text(encoding="utf-8")),
            "no login console on the reader's serial port",
            ours=False,
        )
