"""A real hub in a folder of its own: initialised once, served, killed, served again."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from hub.keystore import SALT_FILE, SEED_FILE
from simulator.child import Child
from simulator.system.books import Database
from simulator.system.hub_api import HubApi
from simulator.system.programs import program, run_command
from simulator.waiting import free_port, wait_for

START_S = 30.0
STAFF_FILE = "staff.key"
LOSS_BUDGET = "150.00"
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """What the hub keeps for a broker with access control.

    Attributes:
        username: The hub's own user.
        hub_password: File with its password.
        passwords: The broker's password file.
        acl: The broker's ACL file.
        pid: The broker's pid file.
    """

    username: str
    hub_password: Path
    passwords: Path
    acl: Path
    pid: Path


@dataclass(frozen=True, slots=True)
class Cluster:
    """Several hubs on one PostgreSQL database.

    Attributes:
        database: URL of an empty database that belongs to the hubs' role.
        hubs: How many.
        lease_s: How long one may be silent before others serve its controllers.
    """

    database: str
    hubs: int = 2
    lease_s: int = 2


class HubProcess:
    """One hub.

    Args:
        data: Its data directory; made when it's missing.
        broker_port: Where the broker is on loopback.
        files: What it keeps for the broker; None: the broker lets everyone in.
        http_port: Where it serves; 0 finds a free port.
        cluster: The database that it shares; None: SQLite in its directory.
    """

    def __init__(
        self,
        data: Path,
        broker_port: int,
        files: BrokerFiles | None = None,
        http_port: int = 0,
        cluster: Cluster | None = None,
    ) -> None:
        self.data = data
        self.port = http_port or free_port()
        self._broker_port = broker_port
        self._files = files
        self._cluster = cluster
        command = [program("standpipe-hub"), "serve", "--data", str(data)]
        self.child = Child("the hub", command, data / "hub.log")

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Database:
        """Its SQLite file, or the URL of the database that it shares."""
        return self.data / "hub.db" if self._cluster is None else self._cluster.database

    def prepare(self) -> str:
        """Write its settings and initialise it unless that was done before.

        Returns:
            A staff key that may do everything.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "hub.toml").write_text(self._settings())
        token = self.data / STAFF_FILE
        if not token.exists():
            options = ["--unit", "EUR", "--loss-budget", LOSS_BUDGET, "--json"]
            hub = program("standpipe-hub")
            said = run_command([hub, "init", "--data", str(self.data), *options])
            token.touch(_OWNER_ONLY)
            token.write_text(json.loads(said)["token"])
        return token.read_text()

    def join(self, first: HubProcess) -> None:
        """Take a hub's secrets, to serve the same database beside it."""
        self.data.mkdir(parents=True, exist_ok=True)
        for name in (SEED_FILE, SALT_FILE):
            shutil.copy2(first.data / name, self.data / name)
        (self.data / "hub.toml").write_text(self._settings())

    def start(self) -> None:
        """Serve; returns when it answers."""
        self.child.start()
        wait_for("the hub answers", self._is_ready, START_S)

    def stop(self) -> None:
        """Ask it to end."""
        self.child.stop()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.child.kill()

    def faults(self) -> tuple[str, ...]:
        """Let the hub recompute its whole book, running or not; gives what is wrong in it.

        Raises:
            ProcessDiedError: `standpipe-hub verify` came to no answer.
        """
        command = [program("standpipe-hub"), "verify", "--data", str(self.data), "--json"]
        said = json.loads(run_command(command, good=(0, 1)))
        return tuple(said["faults"])

    def api(self, token: str) -> HubApi:
        """Speak to it with a staff key."""
        return HubApi(self.url, token)

    def _settings(self) -> str:
        lines = []
        if self._cluster is not None:
            lines += [
                f"database = {json.dumps(self._cluster.database)}",
                "[cluster]",
                f"lease_s = {self._cluster.lease_s}",
            ]
        lines += [
            "[http]",
            'host = "127.0.0.1"',
            f"port = {self.port}",
            "",
            "[mqtt]",
            'host = "127.0.0.1"',
            f"port = {self._broker_port}",
        ]
        if self._files is not None:
            lines += [
                f"username = {json.dumps(self._files.username)}",
                f"password_file = {json.dumps(str(self._files.hub_password))}",
                "",
                "[broker]",
                f"password_file = {json.dumps(str(self._files.passwords))}",
                f"acl_file = {json.dumps(str(self._files.acl))}",
                f"pid_file = {json.dumps(str(self._files.pid))}",
            ]
        return "\n".join(lines) + "\n"

    def _is_ready(self) -> bool:
        self.child.check()
        try:
            return httpx.get(f"{self.url}/readyz", timeout=1, trust_env=False).is_success
        except httpx.TransportError:
            return False
