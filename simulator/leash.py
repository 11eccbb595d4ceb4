"""Runs a command that dies with its parent: `python -IS leash.py PARENT COMMAND…`.

Linux sends the signal set by PR_SET_PDEATHSIG when the parent is gone, and keeps it
across exec (prctl(2)). So whatever kills a demo or a test, no broker, hub or agent
stays behind. Elsewhere the command runs without a leash.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ORPHANED = 3


def main() -> None:
    """Put on the leash and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(_ORPHANED)
    os.execvp(command[0], command)  # noqa: S606 the command is our caller's


if __name__ == "__main__":
    main()
