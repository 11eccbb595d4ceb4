"""The real parts that tests run against, and what happens when one is missing."""

from __future__ import annotations

import os
import shutil

import pytest

SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def require(program: str, package: str) -> str:
    """Find a program; without it skip with the reason, or fail where CI must have it."""
    path = shutil.which(program, path=SEARCH)
    if path is None:
        reason = f"{program} is missing: apt install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path
