"""The controller under the agent: its rights, serial ports, kernel modules, power and time."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firmware_agent.checkup.finding import Finding, bad, good
from firmware_agent.config import AgentConfig, specs_of

SERVICE_USER = "standpipe"
COMMAND_TIMEOUT_S = 5
"""Each answers at once; a controller that is that slow has other troubles."""
READER_MODULES = ("pn533_usb", "pn533", "port100")
"""Kernel drivers that hold readers which the agent, or pcscd, wants to drive."""
CONSOLES = ("console=serial0", "console=ttyAMA0", "console=ttyS0")
PINS = "/dev/gpiochip0"
"""The header's pins. Without rights to them the pin library fails with a number only."""
UARTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")

_UNDER_VOLTAGE, _WAS_UNDER_VOLTAGE = 1 << 0, 1 << 16
_THROTTLED, _WAS_THROTTLED = 1 << 2, 1 << 18
"""Raspberry Pi documentation, "vcgencmd", get_throttled."""

Run = Callable[[tuple[str, ...]], str | None]
"""Runs a program; gives what it printed, None when there is no such program or it failed."""


def run_program(command: tuple[str, ...]) -> str | None:
    """Run a program of the system."""
    try:
        done = subprocess.run(  # noqa: S603 our own fixed commands, no shell
            command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Rights:
    """Who the service is, to the kernel.

    Attributes:
        user: Name, for people.
        uid: Its number.
        gids: Numbers of its groups.
    """

    user: str
    uid: int
    gids: frozenset[int]

    def may_use(self, mode: os.stat_result) -> bool:
        """Whether it may read and write a device."""
        if self.uid == 0:
            return True
        if mode.st_uid == self.uid:
            wanted = stat.S_IRUSR | stat.S_IWUSR
        elif mode.st_gid in self.gids:
            wanted = stat.S_IRGRP | stat.S_IWGRP
        else:
            wanted = stat.S_IROTH | stat.S_IWOTH
        return mode.st_mode & wanted == wanted


def service_rights() -> Rights:
    """The service's rights; asked as another than root, one's own."""
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid())
        return Rights(user.pw_name, user.pw_uid, frozenset((*os.getgroups(), user.pw_gid)))
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return Rights("root", 0, frozenset())
    groups = os.getgrouplist(SERVICE_USER, user.pw_gid)
    return Rights(SERVICE_USER, user.pw_uid, frozenset(groups))


@dataclass(frozen=True, slots=True)
class Host:
    """The system to look at.

    Attributes:
        root: Its tree.
        run: Runs its programs.
        rights: The service's.
    """

    root: Path = Path("/")
    run: Run = run_program
    rights: Rights = field(default_factory=service_rights)

    def at(self, path: str) -> Path:
        """Find a path in its tree."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str:
        """Read a small file; empty when there is none."""
        try:
            return self.at(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def look_at_host(config: AgentConfig, host: Host) -> Iterator[Finding]:
    """Look at everything that keeps parts from working, or makes them unsafe."""
    yield from _modules(config, host)
    yield from _ports(config, host)
    if host.read("/boot/firmware/config.txt"):
        yield from _raspberry_pi(host)
    yield from _power(host)
    yield from _time_service(host)


def _modules(config: AgentConfig, host: Host) -> Iterator[Finding]:
    if not any(reader.driver in ("usb", "pcsc") for reader in config.readers):
        return
    loaded = {line.partition(" ")[0] for line in host.read("/proc/modules").splitlines()}
    in_the_way = [name for name in READER_MODULES if name in loaded]
    if in_the_way:
        names = " ".join(in_the_way)
        yield bad(
            "kernel modules",
            f"{names} holds the reader: modprobe -r {names}, and standpipe-agent install so "
            "that it stays away",
        )
    else:
        yield good("kernel modules", "none holds a reader")


def _ports(config: AgentConfig, host: Host) -> Iterator[Finding]:
    ports = {
        port
        for _, spec in specs_of(config)
        if isinstance(port := getattr(spec, "port", None), str) and port.startswith("/")
    }
    if host.at(PINS).exists():
        ports.add(PINS)
    for port in sorted(ports):
        path = host.at(port)
        if not path.exists():
            yield bad(f"port {port}", _why_missing(port, host))
            continue
        mode = path.stat()
        if host.rights.may_use(mode):
            yield good(f"port {port}", f"{host.rights.user} may use it")
        else:
            yield bad(f"port {port}", _no_rights(host.rights.user, mode))
        if port in UARTS:
            yield from _console(port, host)


def _why_missing(port: str, host: Host) -> str:
    if port.startswith("/dev/i2c-"):
        return "I2C isn't enabled: standpipe-agent install does it, then reboot"
    if port not in UARTS:
        return "it isn't there: plug the device in, or correct the port; ls -l /dev/serial/by-id"
    if "enable_uart=1" not in host.read("/boot/firmware/config.txt"):
        return "the UART isn't enabled: standpipe-agent install does it, then reboot"
    return "the UART is enabled in config.txt but isn't there: reboot"


def _no_rights(user: str, mode: os.stat_result) -> str:
    try:
        group = grp.getgrgid(mode.st_gid).gr_name
    except KeyError:
        group = str(mode.st_gid)
    return (
        f"{user} may not use it: usermod -aG {group} {user}, then systemctl restart standpipe-agent"
    )


def _console(port: str, host: Host) -> Iterator[Finding]:
    words = host.read("/proc/cmdline").split()
    if any(word.startswith(CONSOLES) for word in words):
        yield bad(
            f"console on {port}",
            "the kernel's login console talks on the same port: standpipe-agent install takes "
            "it away, then reboot",
        )


def _raspberry_pi(host: Host) -> Iterator[Finding]:
    if "dtparam=strict_gpiod" in host.read("/boot/firmware/config.txt"):
        yield good("pins after a crash", "let go, so pull-downs switch off")
    else:
        yield bad(
            "pins after a crash",
            "a killed agent would leave its relays as they were: standpipe-agent install, "
            "then reboot",
        )


def _power(host: Host) -> Iterator[Finding]:
    answer = host.run(("vcgencmd", "get_throttled"))
    if answer is None:
        return
    try:
        bits = int(answer.partition("=")[2], 16)
    except ValueError:
        yield bad("power supply", f"vcgencmd said {answer!r}: update the firmware")
        return
    if bits & _UNDER_VOLTAGE:
        yield bad("power supply", "too weak now: use a supply of 5.1 V and 3 A or more")
    elif bits & _WAS_UNDER_VOLTAGE:
        yield bad("power supply", "was too weak since the start: a better supply or cable")
    elif bits & (_THROTTLED | _WAS_THROTTLED):
        yield bad("temperature", "the processor was slowed down: give it air")
    else:
        yield good("power supply", "strong enough since the start")


def _time_service(host: Host) -> Iterator[Finding]:
    answer = host.run(("timedatectl", "show", "-p", "NTPSynchronized", "--value"))
    if answer == "yes":
        yield good("time service", "the clock follows the network")
    elif answer == "no":
        yield bad(
            "time service",
            "the clock doesn't follow the network: timedatectl set-ntp true, and let UDP port "
            "123 out. Machines work all the same: order never depends on it",
        )
