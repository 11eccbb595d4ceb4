"""A program that runs beside us: started, watched, stopped, killed, never orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from simulator import leash
from simulator.errors import ProcessDiedError

STOP_S = 8.0
"""How long a program may take to end when asked; then it's killed."""
TAIL_BYTES = 2_000
"""How much of a program's log goes into an error."""

_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter")
"""A leash follows the thread that started the child, so one lasting thread starts all."""


class Child:
    """One program, which can be started again after it ended.

    Args:
        name: What it is, for people.
        command: Program and arguments.
        log: File that takes its output; it's appended to.
        env: Variables beside our own.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; nothing happens when it runs."""
        if not self.is_running:
            self._process = _STARTER.submit(self._spawn).result()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Ask it to end, and kill it when it doesn't in time."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._signal(signal.SIGINT)

    def check(self) -> None:
        """See that it still runs.

        Raises:
            ProcessDiedError: It ended by itself.
        """
        if self._process is not None and self._process.poll() is not None:
            raise ProcessDiedError(self.name, self._process.returncode, self.tail())

    def wait(self, timeout_s: float) -> int:
        """Wait until it ends.

        Returns:
            Its exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs.
        """
        return -1 if self._process is None else self._process.wait(timeout_s)

    def tail(self) -> str:
        """Give the last lines that it wrote."""
        try:
            return self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""

    def _spawn(self) -> subprocess.Popen[bytes]:
        leashed = [sys.executable, "-IS", leash.__file__, str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we end
            # everything in order.
            return subprocess.Popen(
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
