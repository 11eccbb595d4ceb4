"""Puts a file system under SQLite that notes what is done to the files of a folder.

The program under test keeps its driver, its statements and its settings: SQLite's usual
file system does the work, and its functions are only wrapped. Memory maps aren't noted;
Standpipe keeps them off, and SQLite makes the index of a WAL anew after a power cut.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.disk import sqlite_abi as abi
from simulator.disk.steps import (
    Created,
    Deleted,
    FolderSynced,
    Step,
    Synced,
    Tape,
    Trouble,
    Truncated,
    Written,
)

_log = logging.getLogger(__name__)
_NAME = b"standpipe-recorder"
_OPEN_FOLDER = b"openDirectory"
_NOT_NOTED = "-shm"
_kept: list[object] = []
"""SQLite may still point to a recorder that has ended; each is a few hundred bytes."""


@contextmanager
def recording(folder: Path, trouble: Trouble | None = None) -> Iterator[Tape]:
    """Note what this process' SQLite does to the files of a folder.

    Connections must be opened and closed within the block. Other folders' files are left
    alone. Only one recording runs at a time.

    Args:
        folder: Whose files.
        trouble: Steps that fail; None: none does.

    Raises:
        SetupError: Nothing can be put under this Python's SQLite.
    """
    recorder = _Recorder(folder, trouble or Trouble())
    recorder.begin()
    try:
        yield recorder.tape
    finally:
        recorder.end()


class _Recorder:
    def __init__(self, folder: Path, trouble: Trouble) -> None:
        self._folder = folder.resolve()
        self._trouble = trouble
        self.tape = Tape(before=self._read_folder())
        self._lock = threading.Lock()
        self._numbers = {name: number for number, name in enumerate(self.tape.before)}
        self._next = len(self._numbers)
        self._open: dict[int, int] = {}
        self._library = abi.library()
        self._usual = self._library.sqlite3_vfs_find(None)
        self._methods: dict[int, abi.Methods] = {}
        self._vfs = abi.Vfs.from_buffer_copy(self._usual.contents)
        self._vfs.zName = _NAME
        self._vfs.xOpen = abi.Open(self._guarded(self._on_open))
        self._vfs.xDelete = abi.Delete(self._guarded(self._on_delete))
        self._open_folder = abi.OpenFolder(self._guarded(self._on_open_folder))
        _kept.append(self)

    def begin(self) -> None:
        usual = self._usual.contents
        address = usual.xGetSystemCall(ctypes.addressof(usual), _OPEN_FOLDER)
        self._usual_open_folder = abi.OpenFolder(address)
        self._set_open_folder(ctypes.cast(self._open_folder, ctypes.c_void_p))
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def end(self) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._usual, 1)
        self._set_open_folder(None)
        if self._open:
            raise RuntimeError(f"{len(self._open)} files are still open: close the database first")

    def _set_open_folder(self, function: ctypes.c_void_p | None) -> None:
        usual = self._usual.contents
        usual.xSetSystemCall(ctypes.addressof(usual), _OPEN_FOLDER, function)

    def _read_folder(self) -> dict[str, bytes]:
        paths = sorted(path for path in self._folder.iterdir() if path.is_file())
        return {path.name: path.read_bytes() for path in paths}

    def _note(self, step: Step) -> None:
        with self._lock:
            self.tape.steps.append(step)

    def _name_of(self, address: int | None) -> str | None:
        """Name of a file of ours, by the address of its path; None: another's."""
        if not address:
            return None
        path = Path(ctypes.string_at(address).decode())
        is_ours = path.parent == self._folder and not path.name.endswith(_NOT_NOTED)
        return path.name if is_ours else None

    def _guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        """Nothing may be raised through C: SQLite is told of an error instead."""

        def call(*args: Any) -> int:
            try:
                return function(*args)
            except Exception:  # noqa: BLE001 whatever it is
                _log.exception("the recorder failed")
                return abi.IOERR

        return call

    def _on_open(self, _vfs: int, path: int, file: int, flags: int, out: Any) -> int:
        name = self._name_of(path)
        is_new = name is not None and not (self._folder / name).exists()
        usual = self._usual.contents
        code = int(usual.xOpen(ctypes.addressof(usual), path, file, flags, out))
        if code != abi.OK or name is None:
            return code
        if is_new or name not in self._numbers:
            self._numbers[name] = self._next
            self._next += 1
            self._note(Created(name, self._numbers[name]))
        self._open[file] = self._numbers[name]
        self._wrap(file)
        return code

    def _on_delete(self, _vfs: int, path: int, sync_folder: int) -> int:
        name = self._name_of(path)
        existed = name is not None and (self._folder / name).exists()
        if name is not None and existed:
            # Before: SQLite syncs the folder in the same call.
            self._note(Deleted(name))
            self._numbers.pop(name, None)
        usual = self._usual.contents
        return int(usual.xDelete(ctypes.addressof(usual), path, sync_folder))

    def _on_open_folder(self, path: bytes, out: Any) -> int:
        """SQLite opens a folder for one purpose: to sync it at once."""
        if Path(path.decode()).parent == self._folder:
            self._note(FolderSynced())
        return int(self._usual_open_folder(path, out))

    def _wrap(self, file: int) -> None:
        """Have a file's writes, truncations and syncs go through us."""
        pointer = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
        address = pointer[0]
        if address is None:
            raise RuntimeError("an open file has no functions")
        if address not in self._methods:
            self._methods[address] = self._wrapped(abi.Methods.from_address(address))
        pointer[0] = ctypes.addressof(self._methods[address])

    def _wrapped(self, usual: abi.Methods) -> abi.Methods:
        """The usual functions of a file, four of them ours."""

        def close(file: int) -> int:
            self._open.pop(file, None)
            return int(usual.xClose(file))

        def write(file: int, data: int, size: int, offset: int) -> int:
            if self._trouble.strikes():
                return abi.FULL
            code = int(usual.xWrite(file, data, size, offset))
            self._note(Written(self._open[file], offset, ctypes.string_at(data, size)))
            return code

        def truncate(file: int, size: int) -> int:
            if self._trouble.strikes():
                return abi.IOERR_TRUNCATE
            code = int(usual.xTruncate(file, size))
            self._note(Truncated(self._open[file], size))
            return code

        def sync(file: int, flags: int) -> int:
            if self._trouble.strikes():
                return abi.IOERR_FSYNC
            # Before: in the same call SQLite may sync the folder, after the file.
            self._note(Synced(self._open[file]))
            return int(usual.xSync(file, flags))

        methods = abi.Methods.from_buffer_copy(usual)
        methods.xClose = abi.Close(self._guarded(close))
        methods.xWrite = abi.Write(self._guarded(write))
        methods.xTruncate = abi.Truncate(self._guarded(truncate))
        methods.xSync = abi.Sync(self._guarded(sync))
        return methods
