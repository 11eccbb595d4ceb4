"""The broker's own files: who may connect, and who may read and write what.

Mosquitto reads both at start and again on SIGHUP (mosquitto(8), "Signals"). A line
of the password file is `user:$7$iterations$salt$hash`, PBKDF2 with HMAC-SHA512,
salt and hash in base64 (mosquitto_passwd(1); the format of mosquitto 2).
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from hub.config import BrokerConfig, MqttConfig
from hub.errors import ConfigError
from hub.ids import Entropy
from hub.keystore import write_secret
from wire.keys import decode_bytes, encode_bytes
from wire.topics import ROOT

ITERATIONS = 101
"""What mosquitto_passwd itself uses. Passwords here are random, so more would only
slow the broker down, which checks them in its one thread."""
SALT_BYTES = 12
HASH_BYTES = 64
PASSWORD_BYTES = 24
_HASH_FORMAT = "7"
_READABLE_BY_GROUP = 0o640
_WRITING = threading.Lock()
"""Two enrolments at once must not lose one's line."""


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Keeps the broker's files.

    Attributes:
        config: Where they are.
        entropy: Makes salts.
    """

    config: BrokerConfig
    entropy: Entropy

    def set_password(self, username: str, password: str) -> None:
        """Let a user in with this password only, and tell the broker."""
        path = self.config.password_file
        if path is None:
            return
        with _WRITING:
            lines = _lines(path)
            mine = [line for line in lines if line.partition(":")[0] == username]
            if any(password_matches(line, password) for line in mine):
                return
            others = [line for line in lines if line not in mine]
            line = password_line(username, password, self.entropy(SALT_BYTES))
            _replace(path, [*others, line])
        self.reload()

    def remove_user(self, username: str) -> None:
        """Keep a user out, and tell the broker."""
        path = self.config.password_file
        if path is None:
            return
        with _WRITING:
            _replace(path, [line for line in _lines(path) if line.partition(":")[0] != username])
        self.reload()

    def prepare(self, mqtt: MqttConfig) -> None:
        """Let the hub itself in, with a password made at the first time, and write the ACL.

        Raises:
            ConfigError: A file can't be read or written.
        """
        if not mqtt.username:
            return
        try:
            if mqtt.password_file is not None:
                self.set_password(mqtt.username, self._own_password(mqtt.password_file))
            if self.config.acl_file is not None:
                self._write_acl(self.config.acl_file, mqtt.username)
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from None

    def _own_password(self, path: Path) -> str:
        if not path.exists():
            write_secret(path, self.entropy(PASSWORD_BYTES).hex())
        return path.read_text(encoding="utf-8").strip()

    def _write_acl(self, path: Path, hub_username: str) -> None:
        """Controllers get their own topics, the hub all of ours."""
        wanted = acl_lines(hub_username)
        if _lines(path) != wanted:
            _replace(path, wanted)
            self.reload()

    def publish_list(self, crl_pem: str) -> None:
        """Give the broker the list of revoked certificates, unless it has that very list.

        Raises:
            ConfigError: It can't be written.
        """
        path = self.config.crl_file
        if path is None:
            return
        lines = crl_pem.splitlines()
        try:
            with _WRITING:
                if _lines(path) == lines:
                    return
                _replace(path, lines)
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from None
        self.reload()

    def reload(self) -> None:
        """Tell the broker to read its files again; a broker that isn't running needn't."""
        if self.config.pid_file is None:
            return
        try:
            os.kill(int(self.config.pid_file.read_text(encoding="ascii")), signal.SIGHUP)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return


def password_line(username: str, password: str, salt: bytes) -> str:
    """One line of mosquitto's password file."""
    digest = _digest(password, salt, ITERATIONS)
    return f"{username}:${_HASH_FORMAT}${ITERATIONS}${encode_bytes(salt)}${encode_bytes(digest)}"


def password_matches(line: str, password: str) -> bool:
    """Tell whether a line of the password file is for this password."""
    try:
        _, format_, iterations, salt, digest = line.split("$")
        found = _digest(password, decode_bytes(salt), int(iterations))
    except ValueError:
        return False
    return format_ == _HASH_FORMAT and encode_bytes(found) == digest


def acl_lines(hub_username: str) -> list[str]:
    """Lines of mosquitto's ACL file."""
    return [
        f"pattern write {ROOT}/+/%u/up/#",
        f"pattern read {ROOT}/+/%u/down/#",
        f"user {hub_username}",
        f"topic readwrite {ROOT}/#",
    ]


def _digest(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, HASH_BYTES)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    except FileNotFoundError:
        return []


def _replace(path: Path, lines: list[str]) -> None:
    # A broker that reads at this moment sees the old file or the new one, never half.
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _READABLE_BY_GROUP)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
