"""`standpipe-agent run`."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

from firmware_agent.bootstrap import build_agent
from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError, StoreCorrupt
from firmware_agent.logs import set_up
from firmware_agent.recovery import KEEP_AND_CALL
from wire.errors import Code


def run(path: Path) -> int:
    """Run the agent in the foreground until a signal ends it."""
    try:
        config = load_config(path)
        set_up(config.log_level)
        agent = build_agent(config)
    except StoreCorrupt as error:
        return complain(f"{error}. {KEEP_AND_CALL} (code {Code.JOURNAL_CORRUPT:d})")
    except AgentError as error:
        return complain(str(error))

    def end(_: int, __: FrameType | None) -> None:
        agent.stop()

    def renew(_: int, __: FrameType | None) -> None:
        agent.renew()

    signal.signal(signal.SIGHUP, renew)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    agent.run()
    return OK
