"""SQLite's own tables of functions, as its C interface lays them out.

Source: https://www.sqlite.org/c3ref/vfs.html and https://www.sqlite.org/c3ref/io_methods.html.
Both only ever grow at their ends. A file's first field points to its functions.
"""

from __future__ import annotations

import ctypes
import sqlite3
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path

from simulator.errors import SetupError

OK = 0
IOERR = 10
FULL = 13
IOERR_FSYNC = IOERR | 4 << 8
IOERR_TRUNCATE = IOERR | 6 << 8
"""Result codes, https://www.sqlite.org/rescode.html."""

Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
SetSystemCall = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
GetSystemCall = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
OpenFolder = CFUNCTYPE(c_int, c_char_p, POINTER(c_int))
Close = CFUNCTYPE(c_int, c_void_p)
Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class Vfs(Structure):
    """A file system, `sqlite3_vfs`."""

    _fields_ = [  # type: ignore[mutable-override]  # the list that ctypes asks for
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", Open),
        ("xDelete", Delete),
        ("others", c_void_p * 10),
        ("xCurrentTimeInt64", c_void_p),
        ("xSetSystemCall", SetSystemCall),
        ("xGetSystemCall", GetSystemCall),
        ("xNextSystemCall", c_void_p),
    ]


class Methods(Structure):
    """What can be done with an open file, `sqlite3_io_methods`."""

    _fields_ = [  # type: ignore[mutable-override]  # the list that ctypes asks for
        ("iVersion", c_int),
        ("xClose", Close),
        ("xRead", c_void_p),
        ("xWrite", Write),
        ("xTruncate", Truncate),
        ("xSync", Sync),
        ("others", c_void_p * 13),
    ]


def library() -> ctypes.CDLL:
    """The very SQLite that the standard library's `sqlite3` uses.

    Raises:
        SetupError: It is built into this Python, where nothing can be put under it.
    """
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = {line.split()[-1] for line in lines if "libsqlite3" in line}
    for path in (*sorted(paths), None):
        found = ctypes.CDLL(path)
        if not hasattr(found, "sqlite3_vfs_register"):
            continue
        found.sqlite3_libversion.restype = c_char_p
        if found.sqlite3_libversion().decode() == sqlite3.sqlite_version:
            found.sqlite3_vfs_find.restype = POINTER(Vfs)
            found.sqlite3_vfs_find.argtypes = [c_char_p]
            found.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
            found.sqlite3_vfs_unregister.argtypes = [c_void_p]
            return found
    raise SetupError(
        "this Python's SQLite is built in: use one that is linked with the system's libsqlite3"
    )
