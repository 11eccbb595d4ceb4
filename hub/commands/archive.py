"""A backup: one tar file with the database, the hub's secrets and its settings.

Its first member says what is inside. The secrets sign everything that goes to
controllers, so a backup is kept as carefully as the hub itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from hub.config import FILE_NAME
from hub.errors import ConfigError
from hub.fleet.authority import FILES, FOLDER
from hub.keystore import SALT_FILE, SEED_FILE, SIGNING_FILE

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 64 * 1024
"""It has a handful of lines."""
COPY_OF_SQLITE = "hub.db"
COPY_OF_SERVER = "hub.dump"
SECRETS = (SEED_FILE, SALT_FILE, SIGNING_FILE)
CERTIFICATES = tuple(f"{FOLDER}/{name}" for name in FILES)
"""The authority's folder, where there is one."""
OWNER_ONLY = 0o600
OWNER_ONLY_FOLDER = 0o700
_CHUNK_BYTES = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    Attributes:
        format: Of the archive; a later one is refused.
        version: Of the hub that made it.
        made_ms: Hub's wall time.
        database: Name of the member with the database.
        schema: Its schema.
        batches: Number of the book's last batch; 0: nothing was booked.
        head_hash: Hash of that batch: all bookings up to there.
        sha256: Digest of each other member, by name.
    """

    format: int = 1
    version: str
    made_ms: int
    database: str
    schema: str
    batches: int
    head_hash: str
    sha256: dict[str, str]


def head_of(connection: Connection) -> tuple[int, str]:
    """Number and hash of the book's last batch; 0 and nothing: the book is empty."""
    last = connection.execute(text("SELECT id, hash FROM batches ORDER BY id DESC LIMIT 1")).first()
    return (0, "") if last is None else (int(last.id), str(last.hash))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(target: Path, manifest: Manifest, members: dict[str, Path]) -> None:
    """Write a backup that only its owner reads; it has its name only when it is whole.

    Raises:
        ConfigError: It exists, or can't be written.
    """
    part = target.with_name(target.name + ".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                data = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
                info = tarfile.TarInfo(MANIFEST)
                info.size, info.mode = len(data), OWNER_ONLY
                tar.addfile(info, io.BytesIO(data))
                for name, path in members.items():
                    tar.add(path, name, filter=_plain)
            file.flush()
            os.fsync(file.fileno())
        # Not `replace`: an earlier backup is never written over.
        os.link(part, target)
    except FileExistsError:
        raise ConfigError(f"{target} exists already: give the backup a new name") from None
    except OSError as error:
        raise ConfigError(f"{target} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_archive(source: Path) -> Iterator[tuple[Manifest, tarfile.TarFile]]:
    """Open a backup and read its manifest.

    Raises:
        ConfigError: It is no backup, damaged, or of a later version.
    """
    try:
        with tarfile.open(source, "r:") as tar:
            first = tar.next()
            file = None if first is None or first.name != MANIFEST else tar.extractfile(first)
            if file is None:
                raise ConfigError(f"{source} is no backup of a hub")
            manifest = msgspec.json.decode(file.read(MANIFEST_BYTES_MAX), type=Manifest)
            if manifest.format != 1:
                raise ConfigError(f"{source} was made by a later version of the hub")
            yield manifest, tar
    except (OSError, tarfile.TarError, msgspec.DecodeError) as error:
        raise ConfigError(f"{source} can't be read as a backup: {error}") from None


def unpack(manifest: Manifest, tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack what the manifest names, and nothing else, and check each digest.

    Raises:
        ConfigError: A member is missing or damaged; says which.
    """
    known = {COPY_OF_SQLITE, COPY_OF_SERVER, FILE_NAME, *SECRETS, *CERTIFICATES}
    for name, digest in manifest.sha256.items():
        if name not in known:
            raise ConfigError(f"the backup names {name!r}, which no hub has")
        try:
            source = tar.extractfile(name)
        except KeyError:
            source = None
        if source is None:
            raise ConfigError(f"{name} is missing in the backup")
        target = folder / name
        target.parent.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(handle, "wb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest_of(target) != digest:
            raise ConfigError(f"{name} is damaged in the backup")


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = OWNER_ONLY
    return info
