"""`standpipe-hub export`: the whole ledger for other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection

from hub.commands.access import progress_bar, reading, say
from hub.errors import ConfigError, HubError
from hub.ledger.export.beancount import write_beancount
from hub.ledger.export.journal import write_journal
from hub.ledger.export.stream import Progress, booked_items, final_balances
from hub.ledger.export.table import write_table
from hub.units import find_unit
from wire.money import Unit

_OWNER_ONLY = 0o600


class Form(StrEnum):
    """What to write."""

    BEANCOUNT = "beancount"
    CSV = "csv"
    JOURNAL = "journal"


def export(data: Path, database: str, form: Form, output: Path | None) -> int:
    """Write the book as of one moment, also while the hub runs; gives the exit code.

    Args:
        data: The hub's directory.
        database: Database URL; empty: as `hub.toml` says.
        form: What to write.
        output: A new file; None: to standard output.
    """
    try:
        with (
            reading(data, database) as connection,
            progress_bar("items", quiet=output is None and sys.stdout.isatty()) as progress,
            _opened(output) as file,
        ):
            for line in _WRITERS[form](connection, progress):
                file.write(line + "\n")
    except BrokenPipeError:
        # Who reads has seen enough, as with `| head`; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except HubError as error:
        return say(error)
    return 0


def _beancount(connection: Connection, progress: Progress) -> Iterator[str]:
    items, balances = booked_items(connection, progress), final_balances(connection)
    return write_beancount(items, balances, _units_of(connection))


def _journal(connection: Connection, progress: Progress) -> Iterator[str]:
    items, balances = booked_items(connection, progress), final_balances(connection)
    return write_journal(items, balances, _units_of(connection))


def _table(connection: Connection, progress: Progress) -> Iterator[str]:
    return write_table(booked_items(connection, progress))


_WRITERS: dict[Form, Callable[[Connection, Progress], Iterator[str]]] = {
    Form.BEANCOUNT: _beancount,
    Form.JOURNAL: _journal,
    Form.CSV: _table,
}


def _units_of(connection: Connection) -> Callable[[str], Unit]:
    known: dict[str, Unit] = {}

    def find(code: str) -> Unit:
        if code not in known:
            known[code] = find_unit(connection, code)
        return known[code]

    return find


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """The place to write to; a file appears under its name only when it is whole."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(output)
    except OSError as error:
        raise ConfigError(f"{output} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
