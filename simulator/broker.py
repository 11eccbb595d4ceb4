"""A broker of our own on loopback: the embedded one, or mosquitto from the system.

The embedded broker is rumqttd out of the package `iotcore`: MQTT v5, no access
control, nothing survives a restart. It's good for demo and tests, and for nothing
else. `MosquittoBroker` is what operators run.
"""

from __future__ import annotations

import getpass
import shutil
import sys
from pathlib import Path
from typing import Protocol

from simulator.child import Child
from simulator.errors import SetupError
from simulator.lifetime import ending_gently, temporary_or
from simulator.waiting import accepts, free_port, wait_for
from wire.codec import PAYLOAD_BYTES_MAX

START_S = 10.0
PACKET_BYTES_MAX = PAYLOAD_BYTES_MAX + 256 * 1024
"""The longest payload with topic and properties, and room to see ours refused by us."""
INFLIGHT_MAX = 200
"""As the shipped mosquitto configuration: two catch-ups of a hub at once."""
CONNECTIONS_MAX = 10_010
"""A fleet test's ten thousand controllers, the hub and a few who look."""
OPEN_SETTINGS = f"""\
allow_anonymous true
autosave_interval 60
max_queued_messages 10000
max_inflight_messages {INFLIGHT_MAX}
message_size_limit {PACKET_BYTES_MAX}
"""
"""Everyone may come in; the limits are those of `deploy/mosquitto`."""
SEGMENT_BYTES = 16 * 1024 * 1024
"""A topic's log before the oldest segment goes; rumqttd's unit of forgetting."""


class Broker(Protocol):
    """A broker that we started."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1; the same after a restart."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        ...

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        ...


class _BrokerProcess:
    """What both brokers share: one process at one port."""

    def __init__(self, child: Child, port: int) -> None:
        self._child = child
        self._port = port

    @property
    def port(self) -> int:
        return self._port

    @property
    def is_running(self) -> bool:
        return self._child.is_running

    def start(self) -> None:
        self._child.start()
        wait_for("the broker accepts connections", self._is_ready, START_S)

    def stop(self) -> None:
        self._child.stop()

    def kill(self) -> None:
        self._child.kill()

    def _is_ready(self) -> bool:
        self._child.check()
        return accepts(self._port)


class EmbeddedBroker(_BrokerProcess):
    """rumqttd with one MQTT v5 listener on loopback.

    Args:
        folder: Takes its configuration and log; must exist.
        port: Where to listen; 0 finds a free port.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        port = port or free_port()
        config = folder / "broker.toml"
        config.write_text(rumqttd_config(port))
        command = [sys.executable, "-P", "-m", "iotcore", "--config", str(config)]
        # At any lower level rumqttd writes a record for every packet.
        command += ["--log-level", "CRITICAL"]
        super().__init__(Child("the broker", command, folder / "broker.log"), port)


class MosquittoBroker(_BrokerProcess):
    """Debian's mosquitto in a folder of its own.

    Args:
        folder: Takes configuration, log, store and pid file; must exist.
        port: Where to listen; 0 finds a free port.
        settings: Further lines of its configuration, such as passwords and ACL; None
            lets everyone in.

    Raises:
        SetupError: mosquitto isn't installed.
    """

    def __init__(self, folder: Path, port: int = 0, settings: str | None = None) -> None:
        program = find_mosquitto()
        if program is None:
            raise SetupError("mosquitto isn't installed: apt install mosquitto")
        port = port or free_port()
        config = folder / "mosquitto.conf"
        config.write_text(mosquitto_config(folder, port, settings))
        child = Child("mosquitto", [program, "-c", str(config)], folder / "mosquitto.log")
        super().__init__(child, port)


def serve_embedded(port: int, folder: Path | None) -> None:
    """Run the embedded broker until Ctrl-C or SIGTERM, and say where it listens.

    Args:
        port: Where; 0 finds a free port.
        folder: Takes its log; None: a folder that goes with it.

    Raises:
        SetupError: The port is in use.
    """
    if port and accepts(port):
        raise SetupError(f"127.0.0.1:{port} is in use: choose another --port")
    with temporary_or(folder) as home, ending_gently() as ended:
        broker = EmbeddedBroker(home, port)
        broker.start()
        try:
            print(f"broker on 127.0.0.1:{broker.port}, MQTT v5, open to this machine", flush=True)
            ended.wait()
        finally:
            broker.stop()


def find_mosquitto() -> str | None:
    """Find mosquitto; Debian keeps it where ordinary users don't look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def rumqttd_config(port: int) -> str:
    """Write rumqttd's configuration: one MQTT v5 listener on loopback."""
    return f"""\
id = 0

[router]
id = 0
max_connections = {CONNECTIONS_MAX}
max_outgoing_packet_count = {INFLIGHT_MAX}
max_segment_size = {SEGMENT_BYTES}
max_segment_count = 10

[v5.1]
name = "loopback"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = {PACKET_BYTES_MAX}
max_inflight_count = {INFLIGHT_MAX}
dynamic_filters = true
"""


def mosquitto_config(folder: Path, port: int, settings: str | None = None) -> str:
    """Write mosquitto's configuration, with the limits of `deploy/mosquitto`."""
    lines = [
        f"listener {port} 127.0.0.1",
        # As root it would become another user, who may not look into our folder.
        f"user {getpass.getuser()}",
        f"pid_file {folder / 'mosquitto.pid'}",
        "persistence true",
        f"persistence_location {folder}/",
        "log_type error",
        "log_type warning",
    ]
    return "\n".join([*lines, settings or OPEN_SETTINGS]) + "\n"
