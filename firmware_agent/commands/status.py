"""`standpipe-agent status`: what the database says, read-only."""

from __future__ import annotations

from pathlib import Path

import msgspec

from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError
from firmware_agent.inspection import Holdings, holdings
from firmware_agent.store import open_read_only


def status(path: Path, *, as_json: bool) -> int:
    """Print what the controller holds."""
    try:
        config = load_config(path)
        with open_read_only(Path(config.data_dir)) as connection:
            found = holdings(connection)
    except AgentError as error:
        return complain(str(error))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _print(found)
    return OK


def _print(found: Holdings) -> None:
    print(f"controller     {found.controller}")
    print(f"journal        {found.last_seq} events, {found.unsynced_events} not yet at the hub")
    print(f"epoch          {found.epoch}")
    print(f"card list      {found.cards} cards, revision {found.list_revision}")
    print(f"rights         {found.accounts} accounts, revision {found.accounts_revision}")
    print(f"backed left    {found.backed_minor} minor units")
    for session in found.open_sessions:
        print(
            f"open session   {session.machine}: {session.charge_minor} minor units so far,"
            f" account {session.account}"
        )
