"""`standpipe-agent run`."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

from firmware_agent.bootstrap import build_agent
from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError
from firmware_agent.logs import set_up


def run(path: Path) -> int:
    """Run the agent in the foreground until a signal ends it."""
    try:
        config = load_config(path)
        set_up(config.log_level)
        agent = build_agent(config)
    except AgentError as error:
        return complain(str(error))

    def end(_: int, __: FrameType | None) -> None:
        agent.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    agent.run()
    return OK
