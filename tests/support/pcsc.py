"""A pcscd with one virtual reader, as a fixture; skipped, with the reason, without it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pathlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from parts import require

from simulator.parts.pcsc_card import PcscAntenna

LIBRARY = pathlib.Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET = pathlib.Path("/run/pcscd/pcscd.comm")
START_S = 10.0
PORT = 0x8C7B
CLONE_NEWNET = 0x40000000


def _missing() -> str:
    if not LIBRARY.exists():
        return "vpcd is missing: apt install vsmartcard-vpcd"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is missing: install the extra pcsc"
    if os.geteuid() != 0:
        return "pcscd's socket has one fixed place, which root only may make"
    if _answers():
        return "another pcscd runs here"
    return ""


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(SOCKET))
        except OSError:
            return False
    return True


class Daemon:
    """pcscd in the foreground, with nothing but the virtual reader.

    vpcd listens on every address there is, so it runs in a network of its own, where
    there is none but 127.0.0.1.
    """

    def __init__(self, program: str, folder: pathlib.Path) -> None:
        folder.mkdir()
        (folder / "vpcd").write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{PORT:#x}\n'
            f"LIBPATH {LIBRARY}\nCHANNELID {PORT:#x}\n"
        )
        script = 'ip link set lo up && exec "$0" --foreground --config "$1"'
        self._command = ["unshare", "--net", "sh", "-c", script, program, str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        SOCKET.parent.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + START_S
        while not _answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                pytest.skip("pcscd can't run in a network of its own here")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def connect(self) -> socket.socket:
        """Make a line to vpcd from within its network."""
        made: list[socket.socket] = []
        thread = threading.Thread(target=lambda: made.append(self._connect_inside()))
        thread.start()
        thread.join()
        return made[0]

    def _connect_inside(self) -> socket.socket:
        # A network belongs to a thread, and a socket to the network it was made in.
        assert self._process is not None
        with pathlib.Path(f"/proc/{self._process.pid}/ns/net").open() as network:
            entered = ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET)
        assert entered == 0, os.strerror(ctypes.get_errno())
        return socket.create_connection(("127.0.0.1", PORT), START_S)


@pytest.fixture
def pcscd(tmp_path: pathlib.Path) -> Iterator[tuple[Daemon, PcscAntenna]]:
    """It runs, and no card lies on its reader."""
    program = require("pcscd", "pcscd vsmartcard-vpcd")
    require("ip", "iproute2")
    reason = _missing()
    if reason:
        pytest.skip(reason)
    daemon = Daemon(program, tmp_path / "readers")
    antenna = PcscAntenna(daemon.connect)
    daemon.start()
    yield daemon, antenna
    antenna.remove()
    daemon.stop()
