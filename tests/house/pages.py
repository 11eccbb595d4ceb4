"""What the tests of documents share: their commands do what they say.

Blocks marked `console` are run in order, in one shell; the lines after a command are
what it prints, where `…` stands for anything, also for several lines.
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
MARK = "@@@ end of command"
TIMEOUT_S = 240


def commands_of(page: str) -> list[tuple[str, list[str]]]:
    """Read a page's console blocks: each command with its printed lines."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        here = False
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
                here = line.endswith(("<<'END'", "<<END"))
            elif here:
                command, printed = found[-1]
                found[-1] = (f"{command}\n{line}", printed)
                here = line != "END"
            else:
                found[-1][1].append(line)
    return found


def pattern_of(lines: list[str]) -> re.Pattern[str]:
    text = re.escape("\n".join(lines)).replace("…", ".*")
    return re.compile(r"\s*" + text + r"\s*", re.DOTALL)


def run_all(commands: list[str], folder: pathlib.Path, **variables: str) -> list[str]:
    """Run commands in one shell; returns what each printed."""
    steps = [f"{command}\necho '{MARK}'" for command in commands]
    script = "\n".join([f"make() {{ command make -C '{ROOT}' -s \"$@\"; }}", *steps])
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "200", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return printed.split(MARK)[:-1]


def check_page(page: str, folder: pathlib.Path, **variables: str) -> None:
    commands = commands_of((ROOT / page).read_text())
    assert commands

    printed = run_all([command for command, _ in commands], folder, **variables)

    assert len(printed) == len(commands), printed
    for (command, expected), got in zip(commands, printed, strict=True):
        assert pattern_of(expected).fullmatch(got), f"$ {command}\nprinted:\n{got}"
