"""What `standpipe-agent`'s commands do; each returns the exit code."""

from __future__ import annotations

import sys

OK = 0
FAILED = 1


def complain(words: str) -> int:
    """Say on standard error what is wrong; returns the exit code for it."""
    print(words, file=sys.stderr)
    return FAILED
