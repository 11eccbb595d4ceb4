"""Does what a plan says, and undoes it. Never overwrites what isn't ours without a copy."""

from __future__ import annotations

import os
import subprocess
from enum import Enum
from pathlib import Path

from firmware_agent.errors import AgentError
from firmware_agent.installing.boot import without_block
from firmware_agent.installing.plan import CONFIG_TXT, CommandStep, FileStep, ours
from firmware_agent.installing.texts import MARK

BACKUP_SUFFIX = ".before-standpipe"
"""The file as it was before the first installation; never written twice."""
COMMAND_TIMEOUT_S = 60
"""Each takes a second; one that hangs is told instead of waited for."""


class InstallError(AgentError):
    """Raised when a step fails: as root? What was done before it stays, and is right."""


class Change(Enum):
    """What a step would do."""

    NOTHING = "already right"
    MAKE = "make"
    CHANGE = "change"
    FOREIGN = "isn't ours"


def look(step: FileStep, root: Path) -> Change:
    """Tell what a file step would do."""
    path = at(root, step.path)
    if not path.exists():
        return Change.MAKE
    text = path.read_text(encoding="utf-8")
    if text == step.text:
        return Change.NOTHING
    return Change.CHANGE if not step.ours or _is_ours(text) else Change.FOREIGN


def write(step: FileStep, root: Path) -> None:
    """Write a file; whoever reads it meanwhile sees the old one or the new one.

    Raises:
        InstallError: It can't be written.
    """
    path = at(root, step.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not step.ours:
            _keep_copy(path)
        _replace(path, step.text)
    except OSError as error:
        raise InstallError(f"{path} can't be written ({error.strerror}): run it as root") from error


def run(step: CommandStep) -> None:
    """Run a command.

    Raises:
        InstallError: It failed.
    """
    try:
        done = subprocess.run(  # noqa: S603 our own fixed commands, no shell
            step.command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{' '.join(step.command)}: {error}") from error
    if done.returncode != 0:
        raise InstallError(f"{' '.join(step.command)}: {done.stderr.strip()}")


def removable(root: Path) -> list[Path]:
    """List our files that are there."""
    found = []
    for name in ours():
        path = at(root, name)
        if path.exists() and _is_ours(path.read_text(encoding="utf-8")):
            found.append(path)
    return found


def remove(root: Path) -> None:
    """Take our files and our block away; configuration, key and journal stay.

    Raises:
        InstallError: One can't be removed.
    """
    try:
        for path in removable(root):
            path.unlink()
        settings = at(root, CONFIG_TXT)
        if settings.exists():
            text = settings.read_text(encoding="utf-8")
            if (rest := without_block(text)) != text:
                _replace(settings, rest)
    except OSError as error:
        raise InstallError(f"{error.filename}: {error.strerror}: run it as root") from error


def at(root: Path, path: str) -> Path:
    """Find a controller's path in the tree at `root`."""
    return root / path.lstrip("/")


def _is_ours(text: str) -> bool:
    return MARK.lstrip("# ") in text.partition("\n")[0]


def _keep_copy(path: Path) -> None:
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    if not backup.exists():
        _replace(backup, path.read_text(encoding="utf-8"))


def _replace(path: Path, text: str) -> None:
    """Write beside and rename. A boot partition has neither owners nor modes to keep."""
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
