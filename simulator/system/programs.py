"""Where our own commands are, and running one to its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.errors import ProcessDiedError, SetupError, TooSlowError

RUN_S = 60.0
"""No command of ours takes longer, on any machine that can run the demo."""
TAIL = 2_000


def program(name: str) -> str:
    """Find one of our commands: beside this Python first, then on PATH.

    Raises:
        SetupError: It isn't installed.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SetupError(f"{name} isn't installed: pip install 'standpipe[simulator]'")
    return found


def run_command(command: Sequence[str], good: tuple[int, ...] = (0,)) -> str:
    """Run a command to its end and give what it wrote to stdout.

    Args:
        command: Program and arguments.
        good: Exit codes that are an answer.

    Raises:
        ProcessDiedError: It failed; says its last words.
        TooSlowError: It didn't end.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise TooSlowError(f"{' '.join(command[:2])} ends", RUN_S) from None
    if done.returncode not in good or not done.stdout:
        said = (done.stderr + done.stdout).strip()[-TAIL:]
        raise ProcessDiedError(" ".join(command[:2]), done.returncode, said)
    return done.stdout
