"""A controller's disk: it fills up, tears, forgets, and is copied."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_agent.store import DATABASE_NAME

FILES = (DATABASE_NAME, f"{DATABASE_NAME}-wal")
"""What a copy of the disk needs; SQLite makes the shared memory anew."""
FLIPPED_OF = 3
"""A bit flips in one of so many of the newest events: older ones are never read again."""
_NEWEST = "SELECT seq, data FROM journal ORDER BY seq DESC LIMIT ?"
_WAL_HEADER_BYTES = 32
_FRAME_HEADER = struct.Struct(">IIII")
"""Page, size of the database after a commit or 0, two salts (SQLite's file format, WAL)."""
_FRAME_HEADER_BYTES = 24
Image = dict[str, bytes]
"""A disk's files by name."""


class PowerCutError(BaseException):
    """Raised out of a write: the computer is off. Nobody may catch it but who owns the box."""


@dataclass(slots=True)
class Fuse:
    """Cuts the power at a write.

    Attributes:
        at_write: At the n-th commit from now; 0: not.
        after: Whether that commit is on the disk.
        is_full: Whether there is no room on the disk.
        commits: How many there were.
    """

    at_write: int = 0
    after: bool = False
    is_full: bool = False
    commits: int = 0
    connections: list[sqlite3.Connection] = field(default_factory=list)


class _Connection(sqlite3.Connection):
    """A connection whose commits pass a fuse."""

    fuse: Fuse

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            return self._commit(sql)
        if self.fuse.is_full and sql.startswith("PRAGMA max_page_count"):
            (pages,) = super().execute("PRAGMA page_count").fetchone()
            sql = f"PRAGMA max_page_count={max(1, pages)}"
        return super().execute(sql, *values)

    def _commit(self, sql: str) -> sqlite3.Cursor:
        fuse = self.fuse
        is_cut = fuse.at_write == 1
        fuse.at_write = max(0, fuse.at_write - 1)
        if is_cut and not fuse.after:
            raise PowerCutError
        done = super().execute(sql)
        fuse.commits += 1
        if is_cut:
            raise PowerCutError
        return done


class DiskOf:
    """A controller's data folder.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fuse = Fuse()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def database(self) -> Path:
        """The journal's file."""
        return self.folder / DATABASE_NAME

    def connect(self) -> Callable[..., sqlite3.Connection]:
        """What opens connections on this disk, instead of `sqlite3.connect`."""
        factory = type("Connection", (_Connection,), {"fuse": self.fuse})

        def opened(*values: Any, **names: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = sqlite3.connect(*values, factory=factory, **names)
            self.fuse.connections.append(connection)
            return connection

        return opened

    def fill(self) -> None:
        """Leave no room."""
        self.fuse.is_full = True
        for connection in self.fuse.connections:
            connection.execute("PRAGMA max_page_count=1")

    def free(self, bytes_max: int) -> None:
        """Give the room back."""
        self.fuse.is_full = False
        for connection in self.fuse.connections:
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count={bytes_max // page_bytes}")

    def let_go(self) -> None:
        """Nobody has it open any more."""
        self.fuse.connections.clear()
        self.fuse.at_write = 0

    def read(self) -> Image:
        """Copy it, also while it is written."""
        paths = [self.folder / name for name in FILES]
        return {path.name: path.read_bytes() for path in paths if path.exists()}

    def write(self, image: Image) -> None:
        """Put a copy in its place; nobody has it open."""
        for path in self.folder.glob(f"{DATABASE_NAME}*"):
            path.unlink()
        for name, data in image.items():
            (self.folder / name).write_bytes(data)

    def tear(self, number: int) -> None:
        """Leave half of some page written; nobody has it open."""
        data = bytearray(self.database.read_bytes())
        page_bytes = _page_bytes(data)
        pages = len(data) // page_bytes
        if pages > 1:
            first = (1 + number % (pages - 1)) * page_bytes + page_bytes // 2
            data[first : first + page_bytes // 2] = bytes(page_bytes // 2)
            self.database.write_bytes(data)

    def flip(self, number: int) -> None:
        """Change a bit of one of the newest events, so that its page stays well formed."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as sql:
            newest = sql.execute(_NEWEST, (FLIPPED_OF,)).fetchall()
            if newest:
                seq, data = newest[number % len(newest)]
                place = number // FLIPPED_OF % len(data)
                changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
                sql.execute("UPDATE journal SET data = ? WHERE seq = ?", (changed, seq))

    def set_aside(self, folder: Path) -> None:
        """Move it away, and begin with an empty one."""
        shutil.move(self.folder, folder)
        self.folder.mkdir()


def without_tail(image: Image, commits: int) -> Image:
    """A disk that has forgotten the newest commits of those that wait in its log."""
    name = FILES[1]
    log = image.get(name, b"")
    if len(log) < _WAL_HEADER_BYTES:
        return image
    ends = _commit_ends(log)
    kept = ends[: max(0, len(ends) - commits)]
    return image | {name: log[: kept[-1] if kept else _WAL_HEADER_BYTES]}


def _commit_ends(log: bytes) -> list[int]:
    """Where each commit ends in a log."""
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    salts = struct.unpack_from(">II", log, 16)
    size = _FRAME_HEADER_BYTES + page_bytes
    ends = []
    for start in range(_WAL_HEADER_BYTES, len(log) - size + 1, size):
        _, pages, *own = _FRAME_HEADER.unpack_from(log, start)
        if tuple(own) != salts:
            break
        if pages:
            ends.append(start + size)
    return ends


def _page_bytes(database: bytes | bytearray) -> int:
    (size,) = struct.unpack_from(">H", database, 16)
    return 65_536 if size == 1 else int(size)
