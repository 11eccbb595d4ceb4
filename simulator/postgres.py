"""A PostgreSQL server of our own on loopback, for benchmarks and tests.

The server refuses to run as root: started by root it runs as the system's user
`postgres`, whom Debian's package makes. Everybody on this machine may come in; it keeps
nothing that anybody would want.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from simulator.child import STOP_S, Child
from simulator.errors import SetupError
from simulator.waiting import free_port, wait_for

START_S = 30.0
INIT_S = 60.0
USER = "postgres"
"""Its superuser, and the system's user that it runs as."""
HUB = "standpipe"
"""A role as a hub should have: owner of its database, and nothing else."""
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
"""Where Debian and its own build keep programs that aren't on the PATH."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "log_min_messages": "fatal",
}
"""Little else than Debian's own: what is measured and tested is what operators have."""
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "deadlock_timeout": "100ms",
}
"""For tests of anything but durability, which would wait all the time."""


class PostgresServer:
    """A server in a folder of its own.

    Args:
        folder: Takes data and log; made, and given to whom the server runs as.
        durable: Whether a commit waits for the disk.

    Raises:
        SetupError: PostgreSQL isn't installed.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.port = free_port()
        self._data = folder / "data"
        self._programs = find_postgres()
        self._numbers = itertools.count(1)
        self._prepare(folder)
        settings = SETTINGS if durable else SETTINGS | CARELESS
        options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        self._child = Child("PostgreSQL", [*_as_user(), *command, *options], folder / "server.log")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._child.start()
        wait_for("PostgreSQL answers", self._answers, START_S)

    def stop(self) -> None:
        """Have it cut its connections and end in order."""
        self._child.interrupt()
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def kill(self) -> None:
        """End it and all that work for it at once (SIGKILL)."""
        # Its workers are groups of their own, and would hold its memory for a while.
        workers = _children_of(self._child.pid)
        self._child.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for("its workers are gone", lambda: not any(map(_lives, workers)), STOP_S)

    def url(self, database: str, role: str = HUB) -> str:
        """Write the URL of a database for `open_store`."""
        return f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """Make a database that belongs to the hub's role; gives its name."""
        name = f"hub_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} OWNER {HUB} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as superuser, outside of transactions."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())

    def _prepare(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            # Whoever makes a folder of its own below /tmp closes it to everybody else.
            account = pwd.getpwnam(USER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        program = str(self._programs / "initdb")
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            [*_as_user(), program, "--no-sync", *options, "-D", str(self._data)],
            check=False,
            capture_output=True,
            timeout=INIT_S,
            cwd=folder,
        )
        if done.returncode != 0:
            raise SetupError(f"PostgreSQL can't be set up: {done.stderr.decode().strip()}")

    def _answers(self) -> bool:
        self._child.check()
        try:
            self.run(
                f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{HUB}') "
                f"THEN CREATE ROLE {HUB} LOGIN; END IF; END $$"
            )
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True
        )


@contextmanager
def temporary_postgres(*, durable: bool = True) -> Iterator[PostgresServer]:
    """Run a server in a folder that goes with it.

    Raises:
        SetupError: PostgreSQL isn't installed.
    """
    find_postgres()
    folder = Path(tempfile.mkdtemp(prefix="standpipe-postgres-"))
    try:
        server = PostgresServer(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_postgres() -> Path:
    """Find the folder of PostgreSQL's programs, the newest where there are several.

    Raises:
        SetupError: There is none.
    """
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = [path for folder in FOLDERS for path in Path("/").glob(folder.lstrip("/"))]
    found = [path for path in found if (path / "initdb").exists()]
    if not found:
        raise SetupError("PostgreSQL isn't installed: apt install postgresql")
    return max(found)


def _children_of(pid: int | None) -> list[int]:
    """Processes that one started (proc(5), task/tid/children)."""
    if pid is None:
        return []
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _as_user() -> list[str]:
    if os.geteuid() != 0:
        return []
    # Another user's process loses the leash that ties it to us: it is put on again.
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--pdeathsig=INT"]
