"""`standpipe-agent outputs off`: what systemd runs however the agent ended."""

from __future__ import annotations

from pathlib import Path

from firmware_agent.clock import SystemClock
from firmware_agent.commands import FAILED, OK, complain
from firmware_agent.config import AgentConfig, MachineConfig, load_config
from firmware_agent.errors import ConfigError
from firmware_agent.parts import MoneyOpener, PartsOpener, RealParts
from hardware.errors import HardwareError
from hardware.ports import PartEvent


def outputs_off(path: Path) -> int:
    """Drive every configured output off; needs neither journal nor hub nor network."""
    try:
        config = load_config(path)
    except ConfigError as error:
        return complain(f"{path}:\n" + "\n".join(f"  {line}" for line in error.problems))
    parts = RealParts(SystemClock())
    failed = switch_off(config, parts) + shut_acceptors(config, parts)
    for words in failed:
        complain(words)
    if not failed:
        print(f"{len(config.machines)} outputs are off")
    return FAILED if failed else OK


def switch_off(config: AgentConfig, opener: PartsOpener) -> list[str]:
    """Switch every output off, whatever happens to the others; lists what failed.

    Pins come first: they can't keep anybody waiting, as a plug in the network can.
    """
    failed = []
    for machine in sorted(config.machines, key=_is_slow):
        try:
            output = opener.output(machine.output, machine.id)
            try:
                output.set_off()
            finally:
                output.close()
        except HardwareError as error:
            failed.append(f"{machine.id}: {error}")
    return failed


def shut_acceptors(config: AgentConfig, opener: MoneyOpener) -> list[str]:
    """Let no acceptor take money that nobody would credit; lists what failed.

    A device on a bus goes on accepting when its host dies: closing it tells it to stop.
    """
    failed, opened = [], []
    for machine in config.machines:
        for spec in machine.cash:
            try:
                opened.append(opener.acceptor(spec, machine.id))
            except HardwareError as error:
                failed.append(f"{spec.id}: {error}")
    # All at once, then all ended: those on one bus share its thread and its waiting.
    for acceptor in opened:
        acceptor.start(_ignore)
    for acceptor in opened:
        acceptor.close()
    return failed


def _ignore(_event: PartEvent) -> None:
    """Nobody is there to be told."""


def _is_slow(machine: MachineConfig) -> bool:
    return machine.output.driver != "gpio"
