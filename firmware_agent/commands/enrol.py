"""`standpipe-agent enrol`."""

from __future__ import annotations

from pathlib import Path

from firmware_agent.bootstrap import agent_version
from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.enrolment import enrol as enrol_controller
from firmware_agent.errors import AgentError


def enrol(path: Path, hub: str, name: str, code: str) -> int:
    """Enrol and say where the controller belongs now."""
    try:
        config = load_config(path)
        identity = enrol_controller(Path(config.data_dir), hub, name, code, agent_version())
    except AgentError as error:
        return complain(str(error))
    print(f"{identity.controller} is enrolled at site {identity.reply.site}.")
    print("Start it: standpipe-agent run")
    return OK
