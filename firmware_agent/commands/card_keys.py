"""`standpipe-agent card keys`: the masters that cards are made with, on this controller."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

import msgspec

from firmware_agent.card_keys import (
    MasterKey,
    add_master,
    is_bound_to_the_board,
    load_masters,
    remove_master,
)
from firmware_agent.commands import OK, complain
from firmware_agent.config import load_config
from firmware_agent.errors import AgentError

_RESTART = "An agent that runs takes it at its next start: systemctl restart standpipe-agent"


def import_key(path: Path, version: int) -> int:
    """Keep a key that is typed, or piped in: never an argument, which others can see."""
    try:
        folder = _folder(path)
        typed = getpass("Key, 32 hex digits: ") if sys.stdin.isatty() else sys.stdin.readline()
        try:
            key = bytes.fromhex(typed.strip())
        except ValueError:
            return complain(
                "that isn't a key: it is 32 hex digits, as `openssl rand -hex 16` makes"
            )
        master = MasterKey(version, key)
        is_new = add_master(folder, master)
    except AgentError as error:
        return complain(str(error))
    print(f"version {version}, mark {master.mark}: {'kept' if is_new else 'was here already'}")
    if not is_bound_to_the_board():
        print("This board shows no serial number: who copies the disk can read the keys.")
    print(_RESTART)
    return OK


def list_keys(path: Path, *, as_json: bool) -> int:
    """Print versions and marks, newest first; never a key."""
    try:
        masters = load_masters(_folder(path))
    except AgentError as error:
        return complain(str(error))
    if as_json:
        rows = [{"version": master.version, "mark": master.mark} for master in masters]
        print(msgspec.json.encode(rows).decode())
        return OK
    for place, master in enumerate(masters):
        newest = "   new cards get this one" if place == 0 else ""
        print(f"version {master.version:>3}  mark {master.mark}{newest}")
    if not masters:
        print("no keys: cards are known by their UID here, which can be copied")
    return OK


def remove_key(path: Path, version: int, *, yes: bool) -> int:
    """Forget a version, when it is said twice."""
    if not yes:
        return complain(
            f"cards of version {version} would prove nothing here any more. "
            "Bring them up with `standpipe-agent card rekey` first, then say --yes"
        )
    try:
        remove_master(_folder(path), version)
    except AgentError as error:
        return complain(str(error))
    print(f"version {version} is gone from this controller")
    print(_RESTART)
    return OK


def _folder(path: Path) -> Path:
    return Path(load_config(path).data_dir)
