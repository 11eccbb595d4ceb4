"""`standpipe-agent rotate`."""

from __future__ import annotations

from pathlib import Path

from firmware_agent.bootstrap import agent_version
from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError
from firmware_agent.rotation import rotate as rotate_controller


def rotate(path: Path, hub: str) -> int:
    """Change the key, and say how a running agent takes it."""
    try:
        config = load_config(path)
        identity = rotate_controller(Path(config.data_dir), hub, agent_version())
    except AgentError as error:
        return complain(str(error))
    print(f"{identity.controller} has a new key.")
    print("An agent that runs takes it on SIGHUP: systemctl reload standpipe-agent")
    return OK
