"""Fuzzing led by coverage: `python -m tests.fuzz.run --target NAME --seconds N`.

Each target runs in a process of its own, with limits on time per input and memory. New
inputs that reach new lines go into the corpus, as few and as small as they can be. A fault
is kept as a file, and the command that repeats it is printed; repeating needs no fuzzer
and shows the traceback.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.minimise import minimise
from tests.fuzz.target import Target
from tests.fuzz.targets import NAMES, find

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))  # as pytest does
FAULTS = ROOT / ".fuzz-faults"
INPUT_S_MAX = 20
"""One input takes milliseconds; so long, even on a busy machine, is a hang."""
MEMORY_MB_MAX = 1_024
"""Of the whole process, in which the fuzzer itself and a hub live."""
PROGRESS_S = 1.0
LINES_KEPT = 40
PROGRESS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+).*corp: (\d+)/.*exec/s: (\d+) rss: (\d+)Mb")
NO_FUZZER = (
    "atheris isn't installed: it has wheels for Linux on x86_64 only. The kept corpus and"
    " Hypothesis run everywhere: pytest tests/fuzz"
)


def main() -> int:
    """Fuzz one target or all; gives the exit code."""
    asked = _arguments()
    # Decoders complain a thousand times a second here; errors are heard by `Ears`.
    logging.getLogger().addHandler(logging.NullHandler())
    names = NAMES if asked.target == "all" else (asked.target,)
    if names[0] not in NAMES:
        _say(f"no target {names[0]!r}; there are: all, {', '.join(NAMES)}")
        return 2
    if asked.repeat is not None:
        return repeat(find(names[0]), asked.repeat)
    if importlib.util.find_spec("atheris") is None:
        _say(NO_FUZZER)
        return 3
    return max([fuzz(find(name), asked.seconds) for name in names])


def repeat(target: Target, path: Path) -> int:
    """Feed one input; a fault shows itself as a traceback."""
    with tempfile.TemporaryDirectory() as folder, target.open(Path(folder)) as check:
        check(path.read_bytes())
    _say(f"{target.name}: nothing is wrong with {path}")
    return 0


def fuzz(target: Target, seconds: int) -> int:
    """Fuzz one target in a process of its own, and keep what it found."""
    name, told = target.name, _Progress(target.name)
    seeds = tuple(target.seeds())
    FAULTS.mkdir(exist_ok=True)
    _say(f"{name}: {target.about}")
    with tempfile.TemporaryDirectory(prefix="standpipe-fuzz-") as folder:
        for data in (*seeds, *corpus.kept(name)):
            Path(folder, corpus.name_of(data)).write_bytes(data)
        limits = (f"-timeout={INPUT_S_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}")
        ending = (f"-max_total_time={seconds}", f"-artifact_prefix={FAULTS}/{name}-")
        if _child(told, name, *ending, *limits, folder):
            return _tell_fault(name, told)
        found = [path.read_bytes() for path in Path(folder).iterdir()]
    with tempfile.TemporaryDirectory() as folder, target.open(Path(folder)) as check:
        count = corpus.keep(name, minimise(check, seeds, found))
    _say(f"{name}: {told.last}; {count} kept in {corpus.FOLDER.relative_to(ROOT) / name}")
    return 0


def _child(told: Callable[[str], None], *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.fuzz.guided", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            told(line.rstrip())
    return child.returncode


class _Progress:
    """Shows how far it is on one line, and keeps the last words for a fault."""

    def __init__(self, name: str) -> None:
        self.last = "nothing ran"
        self.words: list[str] = []
        self.artifact: Path | None = None
        self._name = name
        self._told_s = 0.0

    def __call__(self, line: str) -> None:
        self.words = [*self.words[-LINES_KEPT:], line]
        if "Test unit written to " in line:
            self.artifact = Path(line.rpartition("Test unit written to ")[2])
        if match := PROGRESS.match(line):
            count, lines, kept, speed, memory = match.groups()
            self.last = f"{count} inputs, {lines} branches, {kept} kept, {speed}/s, {memory} MB"
            if time.monotonic() - self._told_s >= PROGRESS_S:
                self._told_s = time.monotonic()
                _say(f"{self._name}: {self.last}", end="\r" if sys.stdout.isatty() else "\n")


def _tell_fault(name: str, told: _Progress) -> int:
    _say("\n".join(told.words))
    if told.artifact is None:
        _say(f"{name}: the fuzzer ended without naming an input; see above")
    else:
        path = told.artifact.relative_to(ROOT)
        _say(
            f"{name}: a fault. Repeat it: python -m tests.fuzz.run --target {name} --repeat {path}"
        )
    return 1


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--target", default="all", help="one of them, or all (the default)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--repeat", type=Path, help="a file to feed once, without the fuzzer")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
