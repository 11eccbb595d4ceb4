"""What the firmware and the kernel are told at boot. Pure: text in, text out.

Raspberry Pi documentation, "config.txt": `gpio=`, `dtparam=`, conditional filters; and
the kernel's bcm2835 pinctrl driver for `strict_gpiod`, without which a pin stays as a
killed program left it.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_agent.config import AgentConfig, specs_of
from hardware.specs import OutputSpec

BEGIN = "# >>> standpipe: written by standpipe-agent install"
END = "# <<< standpipe"

_ON_BOARD_UARTS = ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")
_CONSOLES = ("console=serial0", "console=ttyAMA0", "console=ttyS0")


def uses_uart(config: AgentConfig) -> bool:
    """Whether a part is at the header's own serial port."""
    return any(port in _ON_BOARD_UARTS for port in _ports(config))


def uses_i2c(config: AgentConfig) -> bool:
    """Whether a part is at the header's own I2C bus."""
    return any(port.startswith("/dev/i2c-") for port in _ports(config))


def boot_lines(config: AgentConfig) -> tuple[str, ...]:
    """Lines for `config.txt`: relays off from the first moment, pins let go at a crash."""
    lines = ["[all]", "dtparam=strict_gpiod", "dtparam=watchdog=on"]
    for machine in config.machines:
        lines += _pin_lines(machine.output)
    if uses_uart(config):
        lines += ["enable_uart=1"]
        for model in ("pi3", "pi4", "pi0w", "pi02"):
            lines += [f"[{model}]", "dtoverlay=disable-bt"]
        lines += ["[pi5]", "dtparam=uart0=on", "[all]"]
    if uses_i2c(config):
        lines += ["dtparam=i2c_arm=on"]
    return tuple(lines)


def with_block(text: str, lines: tuple[str, ...]) -> str:
    """Put our block at the end of `config.txt`, in the place of an earlier one."""
    block = "\n".join([BEGIN, *lines, END])
    return without_block(text).rstrip("\n") + f"\n\n{block}\n"


def without_block(text: str) -> str:
    """Take our block away; the rest stays as it is, line by line."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = inside or line == BEGIN
        if not inside:
            kept.append(line)
        inside = inside and line != END
    return "\n".join(kept).rstrip("\n") + "\n" if kept else ""


def without_console(command_line: str) -> str:
    """Take the login console off the serial port in `cmdline.txt`; it stays on the screen."""
    words = command_line.split()
    kept = [word for word in words if not word.startswith(_CONSOLES)]
    return command_line if kept == words else " ".join(kept) + "\n"


def _ports(config: AgentConfig) -> list[str]:
    """Every port that a part of the file names."""
    ports = (getattr(spec, "port", None) for _, spec in specs_of(config))
    return [port for port in ports if isinstance(port, str)]


def _pin_lines(output: OutputSpec) -> Iterator[str]:
    if output.driver == "gpio" and output.pin is not None:
        yield f"gpio={output.pin}=op,{'dl' if output.active_high else 'dh'}"
