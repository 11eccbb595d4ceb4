"""The agent as a service: `standpipe-agent run` becomes this program."""

from __future__ import annotations

import sys
from pathlib import Path

from firmware_agent.commands.run import run


def main() -> None:
    """Run with the file named on the command line; exits with the service's code."""
    raise SystemExit(run(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
