"""The hub's own configuration: `hub.toml` in the data directory, and options over it.

Everything has a default, so an empty file runs a hub on this machine. All faults
are told at once, each with the name of its setting.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import ConfigError
from hub.store.leases import LEASE_MS

FILE_NAME = "hub.toml"
DATABASE_FILE = "hub.db"
PORT_MAX = 65_535
HTTP_PORT = 8080
MQTT_PORT = 1883
LEASE_S = LEASE_MS // 1_000
LEASE_S_MIN, LEASE_S_MAX = 2, 600
"""A shorter one ends in a hiccup of the network; a longer one leaves machines unserved."""
CLIENT_ID = re.compile(r"[A-Za-z0-9_.-]{0,64}")
HOST_LENGTH_MAX = 253
"""Longest name in the DNS (RFC 1035 section 2.3.4)."""


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where the web edge listens."""

    host: str = "127.0.0.1"
    port: int = HTTP_PORT


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """How the hub reaches the broker.

    Attributes:
        host: Empty: no broker, the hub serves HTTP only.
        port: TCP port.
        username: The hub's user; empty: the broker asks for none.
        password_file: File with its password; None: none.
        tls: Whether to use TLS.
        ca_file: Certificate that signed the broker's; None: the system's.
        certificate_file: The hub's own certificate, for a broker that asks; None: none.
        key_file: Its key; None: it is in the same file.
        client_id: What the broker knows the hub by; empty: `hub`, or one made at each
            start where several hubs share a database. Two hubs must not have the same.
    """

    host: str = "127.0.0.1"
    port: int = MQTT_PORT
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Several hubs on one PostgreSQL.

    Attributes:
        lease_s: How long a hub may be silent before others serve its controllers. Shorter:
            people at a machine wait less when a hub dies. Longer: a slow disk or a paused
            machine moves nothing.
    """

    lease_s: int = LEASE_S


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """The broker as controllers see it, and the files that the hub keeps for it.

    Attributes:
        public_host: Address given to controllers; empty: the one of `MqttConfig`.
        public_port: 0: the one of `MqttConfig`.
        public_tls: Whether controllers use TLS.
        public_ca_file: Certificate given to them; None: their system's.
        password_file: Mosquitto's password file; None: the hub keeps none.
        acl_file: Mosquitto's ACL file; None: the hub keeps none.
        crl_file: Mosquitto's list of revoked certificates; None: the hub keeps none.
        pid_file: Where mosquitto's pid is, to tell it to read the files again.
    """

    public_host: str = ""
    public_port: int = 0
    public_tls: bool = False
    public_ca_file: Path | None = None
    password_file: Path | None = None
    acl_file: Path | None = None
    crl_file: Path | None = None
    pid_file: Path | None = None


@dataclass(frozen=True, slots=True)
class HubConfig:
    """Everything that a hub must be told.

    Attributes:
        data: Its directory: keys, and the database unless `database` says else.
        database: SQLAlchemy URL; empty: SQLite in `data`.
        http: The web edge.
        mqtt: The hub's own way to the broker.
        broker: The broker for others.
        cluster: Other hubs on the same database.
    """

    data: Path
    database: str = ""
    http: HttpConfig = HttpConfig()
    mqtt: MqttConfig = MqttConfig()
    broker: BrokerConfig = BrokerConfig()
    cluster: ClusterConfig = ClusterConfig()

    @property
    def is_shared(self) -> bool:
        """Whether other hubs may have the same database: it isn't a file."""
        return not self.database_url.startswith("sqlite:")

    @property
    def database_url(self) -> str:
        """URL of the database, with the default filled in."""
        return self.database or f"sqlite:///{self.data.resolve() / DATABASE_FILE}"


def load_config(data: Path, options: Mapping[str, Any] | None = None) -> HubConfig:
    """Read `hub.toml` of a data directory; options win over it.

    Args:
        data: The data directory; the file may be missing.
        options: Dotted setting (`http.port`) to value; None values are left out.

    Raises:
        ConfigError: Something is wrong; says everything that is.
    """
    values = _flatten(_read(data / FILE_NAME))
    values.update({name: value for name, value in (options or {}).items() if value is not None})
    faults: list[str] = []
    checked = {name: _checked(name, value, data, faults) for name, value in values.items()}
    if faults:
        raise ConfigError("; ".join(faults))
    return HubConfig(
        data=data,
        database=checked.get("database", ""),
        http=HttpConfig(**_section(checked, "http")),
        mqtt=MqttConfig(**_section(checked, "mqtt")),
        broker=BrokerConfig(**_section(checked, "broker")),
        cluster=ClusterConfig(**_section(checked, "cluster")),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deeply") from None


def _flatten(tree: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def _section(values: dict[str, Any], section: str) -> dict[str, Any]:
    prefix = section + "."
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _checked(name: str, value: Any, data: Path, faults: list[str]) -> Any:
    check = _SETTINGS.get(name)
    if check is None:
        faults.append(f"{name}: there is no such setting; known are {', '.join(_SETTINGS)}")
        return None
    try:
        return check(value, data)
    except ValueError as error:
        faults.append(f"{name} is {value!r}: {error}")
        return None


def _text(value: Any, _data: Path) -> str:
    if not isinstance(value, str) or len(value) > HOST_LENGTH_MAX:
        raise ValueError(f"write text of at most {HOST_LENGTH_MAX} characters")
    return value


def _url(value: Any, data: Path) -> str:
    text = _text(value, data)
    if text and not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("use sqlite:///FILE or postgresql+psycopg://…")
    return text


def _port(value: Any, _data: Path) -> int:
    if type(value) is not int or not 0 <= value <= PORT_MAX:
        raise ValueError(f"a port is a whole number from 0 to {PORT_MAX}")
    return value


def _client_id(value: Any, _data: Path) -> str:
    if not isinstance(value, str) or CLIENT_ID.fullmatch(value) is None:
        raise ValueError("write at most 64 letters, digits and _ . -")
    return value


def _lease(value: Any, _data: Path) -> int:
    if type(value) is not int or not LEASE_S_MIN <= value <= LEASE_S_MAX:
        raise ValueError(f"write whole seconds from {LEASE_S_MIN} to {LEASE_S_MAX}")
    return value


def _flag(value: Any, _data: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")  # noqa: TRY004 one kind of error for all settings
    return value


def _path(value: Any, data: Path) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError("write the name of a file")
    return data / value  # an absolute name stays as it is


_SETTINGS: dict[str, Callable[[Any, Path], Any]] = {
    "database": _url,
    "http.host": _text,
    "http.port": _port,
    "mqtt.host": _text,
    "mqtt.port": _port,
    "mqtt.username": _text,
    "mqtt.password_file": _path,
    "mqtt.tls": _flag,
    "mqtt.ca_file": _path,
    "mqtt.certificate_file": _path,
    "mqtt.key_file": _path,
    "mqtt.client_id": _client_id,
    "cluster.lease_s": _lease,
    "broker.public_host": _text,
    "broker.public_port": _port,
    "broker.public_tls": _flag,
    "broker.public_ca_file": _path,
    "broker.password_file": _path,
    "broker.acl_file": _path,
    "broker.crl_file": _path,
    "broker.pid_file": _path,
}
