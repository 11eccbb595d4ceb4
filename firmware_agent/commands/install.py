"""`standpipe-agent install` and `uninstall`."""

from __future__ import annotations

import sys
from pathlib import Path

from firmware_agent.commands import FAILED, OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError, ConfigError
from firmware_agent.installing import apply
from firmware_agent.installing.apply import Change
from firmware_agent.installing.plan import (
    RELEASES,
    UNIT_PATH,
    CommandStep,
    FileStep,
    commands,
    files,
    release_of,
)

_SYSTEM = Path("/")


def install(path: Path, root: Path, *, yes: bool) -> int:
    """Say what would change, and do it with `yes`."""
    try:
        config = load_config(apply.at(root, str(path)))
    except ConfigError as error:
        lines = "\n".join(f"  {line}" for line in error.problems)
        return complain(f"{path}:\n{lines}\nSay how this controller is wired, then install")
    release = release_of(root)
    if release not in RELEASES:
        print(f"Made for Raspberry Pi OS {' and '.join(RELEASES)}; this is {release or 'another'}.")
    steps = list(files(config, root, _program(), str(path)))
    try:
        foreign = _write_files(steps, root, yes=yes)
        if foreign:
            return complain(f"{foreign} isn't ours and stays as it is: move it, then install")
        _run_commands(commands(config), root, yes=yes)
    except AgentError as error:
        return complain(str(error))
    if not yes:
        print("Nothing is changed yet: the same command with --yes does it.")
    else:
        print("Installed. Enrol if you haven't; then start the controller anew: reboot")
    return OK


def uninstall(root: Path, *, yes: bool) -> int:
    """Take the service away; configuration, key and journal stay."""
    found = apply.removable(root)
    for path in found:
        print(f"remove  {path}")
    print("remove  our lines in config.txt")
    print("keep    /etc/standpipe, /var/lib/standpipe and the user: they hold key and journal")
    print("keep    cmdline.txt: a console is put back by hand, its copy is beside it")
    if not yes:
        print("Nothing is changed yet: the same command with --yes does it.")
        return OK
    unit = Path(UNIT_PATH).name
    try:
        if root == _SYSTEM and apply.at(root, UNIT_PATH) in found:
            apply.run(CommandStep(("systemctl", "disable", "--now", unit), "stop it"))
        apply.remove(root)
        if root == _SYSTEM:
            apply.run(CommandStep(("systemctl", "daemon-reload"), "forget the unit"))
    except AgentError as error:
        complain(str(error))
        return FAILED
    print("Removed.")
    return OK


def _write_files(steps: list[FileStep], root: Path, *, yes: bool) -> str:
    """Write what has to be written; gives the first file that isn't ours."""
    changes = [(step, apply.look(step, root)) for step in steps]
    for step, change in changes:
        print(f"{change.value:14} {step.path}: {step.words}")
    for step, change in changes:
        if change is Change.FOREIGN:
            return step.path
    for step, change in changes:
        if yes and change is not Change.NOTHING:
            apply.write(step, root)
    return ""


def _run_commands(steps: tuple[CommandStep, ...], root: Path, *, yes: bool) -> None:
    for step in steps:
        print(f"{'run':14} {' '.join(step.command)}: {step.words}")
        # A tree beside the system has no services of its own to talk to.
        if yes and root == _SYSTEM:
            apply.run(step)


def _program() -> str:
    """Where this command is; the unit names it in full."""
    return str(Path(sys.executable).parent / "standpipe-agent")
