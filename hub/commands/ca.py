"""`standpipe-hub ca`: works on files alone, so also while the hub runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub.clock import SystemClock
from hub.commands.access import moment, print_json, say
from hub.config import load_config
from hub.errors import ConfigError, HubError
from hub.fleet.authority import LIST_FILE, ROOT_FILE, Authority, replace_file
from hub.fleet.broker_files import BrokerFiles
from hub.fleet.certificates import DAY_MS, REQUEST_BYTES_MAX, SOON_DAYS
from hub.ids import system_entropy
from wire.keys import HUB

BROKER_KEY, BROKER_CERTIFICATE = "broker.key", "broker.pem"
HUB_FILE = "mqtt.pem"
"""The hub's key and certificate in one file."""
CONTROLLER_FILE = "tls.pem"
"""A controller's key and certificate, as its agent reads them from its data folder."""
CERTIFICATE_FILE = "certificate.pem"
_OWNER_ONLY = 0o600
_READABLE_BY_GROUP = 0o640
"""Mosquitto reads its key again as its own user, on each SIGHUP."""
_PUBLIC = 0o644
_FOLDER_MODE = 0o750


def init(data: Path, name: str) -> int:
    """Make the authority; gives the exit code."""

    def work() -> None:
        authority = _authority(data)
        authority.create(name)
        print(f"The authority {name} is in {authority.folder}.")
        print("Its key makes certificates: it is in every backup of the hub; keep both safe.")

    return _done(work)


def broker(data: Path, hosts: list[str], out: Path) -> int:
    """Write the broker's files; gives the exit code."""

    def work() -> None:
        authority = _authority(data)
        certificate, key = authority.issue_broker(hosts)
        _folder(out)
        _write(out / BROKER_KEY, key, _READABLE_BY_GROUP)
        _write(out / BROKER_CERTIFICATE, certificate, _PUBLIC)
        _write(out / ROOT_FILE, authority.root_pem, _PUBLIC)
        _write(out / LIST_FILE, authority.list_pem, _PUBLIC)
        print(f"{out} has {BROKER_CERTIFICATE}, {BROKER_KEY}, {ROOT_FILE} and {LIST_FILE}.")
        print(f"The broker is {', '.join(hosts)} to its clients.")

    return _done(work)


def hub(data: Path) -> int:
    """Write the hub's own file and say what belongs into `hub.toml`; gives the exit code."""

    def work() -> None:
        config = load_config(data)
        name = config.mqtt.username or HUB
        certificate, key = _authority(data).issue_client(name)
        _write(data / HUB_FILE, key + certificate, _OWNER_ONLY)
        print(f"{data / HUB_FILE} lets this hub in as {name}. In hub.toml, under [mqtt]:")
        print("tls = true")
        print(f'ca_file = "{Path("ca") / ROOT_FILE}"')
        print(f'certificate_file = "{HUB_FILE}"')

    return _done(work)


def controller(data: Path, name: str, request: Path | None, out: Path) -> int:
    """Write a controller's files; gives the exit code."""

    def work() -> None:
        authority = _authority(data)
        if request is None:
            certificate, key = authority.issue_client(name)
            made, text, mode = CONTROLLER_FILE, key + certificate, _OWNER_ONLY
        else:
            made, mode = CERTIFICATE_FILE, _PUBLIC
            text = authority.sign(name, _read(request)).pem
        _folder(out)
        _write(out / made, text, mode)
        _write(out / ROOT_FILE, authority.root_pem, _PUBLIC)
        _publish(data, authority)
        print(f"{out} has {made} and {ROOT_FILE} for {name}.")

    return _done(work)


def list_issued(data: Path, *, as_json: bool) -> int:
    """Print every certificate, oldest first; gives the exit code."""

    def work() -> None:
        now_ms = SystemClock().now().wall_ms
        rows = _authority(data).issued()
        if as_json:
            print_json(
                [
                    {
                        "name": row.name,
                        "kind": row.kind,
                        "serial": f"{row.serial:x}",
                        "ends_ms": row.ends_ms,
                        "revoked_ms": row.revoked_ms,
                    }
                    for row in rows
                ]
            )
            return
        for row in rows:
            state = "good"
            if row.revoked_ms is not None:
                state = f"revoked {moment(row.revoked_ms)}"
            elif now_ms >= row.ends_ms:
                state = "ended"
            elif row.ends_ms - now_ms < SOON_DAYS * DAY_MS:
                state = "ends soon"
            print(f"{row.name}  {row.kind}  until {moment(row.ends_ms)}  {state}  {row.serial:x}")
        if not rows:
            print("No certificate was made yet.")

    return _done(work)


def revoke(data: Path, name: str) -> int:
    """Have a name's certificates refused; gives the exit code."""

    def work() -> None:
        authority = _authority(data)
        count = authority.revoke(name)
        _publish(data, authority)
        print(f"{count} certificates of {name} are refused from now on.")
        print(f"A controller is shut out of the hub by POST /api/v1/controllers/{name}/revoke,")
        print("which revokes its certificates, too.")

    return _done(work)


def renew(data: Path, name: str, out: Path) -> int:
    """Write a new certificate for an old key; gives the exit code."""

    def work() -> None:
        made = _authority(data).renew(name)
        _write(out, made.pem, _PUBLIC)
        print(f"{out} is good until {moment(made.ends_ms)}.")

    return _done(work)


def _done(work: Callable[[], None]) -> int:
    try:
        work()
    except HubError as error:
        return say(error)
    except OSError as error:
        return say(ConfigError(f"{error.filename}: {error.strerror}"))
    return 0


def _authority(data: Path) -> Authority:
    return Authority(data, SystemClock(), system_entropy)


def _publish(data: Path, authority: Authority) -> None:
    """Give the broker the list, where `hub.toml` says that the hub keeps its files."""
    BrokerFiles(load_config(data).broker, system_entropy).publish_list(authority.list_pem)


def _folder(path: Path) -> None:
    path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)


def _write(path: Path, text: str, mode: int) -> None:
    replace_file(path, text, mode)


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(REQUEST_BYTES_MAX + 1)
