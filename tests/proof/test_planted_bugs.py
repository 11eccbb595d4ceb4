"""The tests are tested: whoever plants a known bug must see red."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.proof.planted import BUGS

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = ("wire", "hardware", "firmware_agent", "hub", "simulator", "tests")
FAILED = 1
"""pytest's exit code when tests ran and some failed: not 2 to 5, which are errors of ours."""
RUN_S_MAX = 240


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug, tmp_path):
    lay_out(bug, tmp_path)
    source = (tmp_path / bug.path).read_text()
    assert source.count(bug.right) == 1, f"{bug.path} has changed: plant the bug anew"
    (tmp_path / bug.path).write_text(source.replace(bug.right, bug.wrong))

    done = run_tests(bug, tmp_path)

    assert done.returncode == FAILED, done.stdout[-2_000:] + done.stderr[-2_000:]


def test_a_copy_without_a_bug_passes(tmp_path):
    lay_out(BUGS[0], tmp_path)

    done = run_tests(BUGS[0], tmp_path)

    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


def lay_out(bug, place):
    """Lay the source out in another place, with a copy of the package to be changed."""
    for folder in FOLDERS:
        if bug.path.startswith(f"{folder}/"):
            shutil.copytree(ROOT / folder, place / folder, ignore=_caches)
        else:
            (place / folder).symlink_to(ROOT / folder)
    (place / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")


def run_tests(bug, place):
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *bug.tests],
        cwd=place,
        # The copy comes before the installed package.
        env={**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )


def _caches(_folder, names):
    return [name for name in names if name in {"__pycache__", ".hypothesis"}]
