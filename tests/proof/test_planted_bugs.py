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
    for folder in FOLDERS:
        if bug.path.startswith(f"{folder}/"):
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=_caches)
        else:
            (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    source = (tmp_path / bug.path).read_text()
    assert source.count(bug.right) == 1, f"{bug.path} has changed: plant the bug anew"
    (tmp_path / bug.path).write_text(source.replace(bug.right, bug.wrong))

    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *bug.tests],
        cwd=tmp_path,
        # The copy comes before the installed package; Hypothesis keeps nothing there.
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )

    assert done.returncode == FAILED, done.stdout[-2_000:] + done.stderr[-2_000:]


def _caches(_folder, names):
    return [name for name in names if name in {"__pycache__", ".hypothesis"}]
