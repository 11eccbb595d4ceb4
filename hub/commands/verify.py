"""`standpipe-hub verify`: is every cent where it should be?"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from hub.commands.access import progress_bar, reading, say
from hub.errors import HubError
from hub.jobs.verification import find_faults

FAULTS_SHOWN_MAX = 100
"""A book that is broken in more places isn't understood by reading more lines."""


def verify(data: Path, database: str, *, as_json: bool) -> int:
    """Check book, rights and sessions as of one moment; 0: all is well, 1: it isn't."""
    try:
        with (
            reading(data, database) as connection,
            progress_bar("items", quiet=as_json) as progress,
        ):
            faults = list(itertools.islice(find_faults(connection, progress), FAULTS_SHOWN_MAX))
    except HubError as error:
        return say(error)
    if as_json:
        print(json.dumps({"ok": not faults, "faults": faults}))
    elif faults:
        for fault in faults:
            print(fault)
        print(f"{len(faults)} faults: the book isn't what was booked", file=sys.stderr)
    else:
        print("Every balance, limit, id and hash is right, and rights and sessions agree.")
    return 1 if faults else 0
