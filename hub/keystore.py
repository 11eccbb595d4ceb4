"""The hub's secrets: its signing key and the card salt, in files of their own.

Not in the database, so that a copy of it signs nothing and names no card.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from hub.errors import ConfigError
from hub.ids import Entropy
from wire.keys import HUB, SEED_BYTES, Signer

SEED_FILE = "hub.seed"
SALT_FILE = "card.salt"
SIGNING_FILE = "hub.signing"
"""The key that signs once it isn't `hub.seed` itself any more."""
SIGNING_NEXT_FILE = "hub.signing.next"
"""The next one, until its file has its name."""
SALT_BYTES = 32
_OWNER_ONLY = 0o600


class HubSigner(Signer):
    """Signs as the hub; its key can be replaced while it is in use.

    Args:
        seed: Of the key that it begins with.
        spares: Of further keys that may be meant.
    """

    def __init__(self, seed: bytes, spares: tuple[bytes, ...] = ()) -> None:
        super().__init__(seed, HUB)
        self._spares = {Signer(one, HUB).public: one for one in (seed, *spares)}

    def become(self, seed: bytes) -> None:
        """Sign with another key from now on, in every thread."""
        self._key = Signer(seed, HUB)._key  # noqa: SLF001 of our own kind

    def use(self, public_key: str) -> bool:
        """Sign with the key of that public half; False: it isn't among ours."""
        seed = self._spares.get(public_key)
        if seed is not None:
            self.become(seed)
        return seed is not None


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The hub's secrets.

    Attributes:
        signer: Signs everything that goes down.
        card_salt: Operator's secret for `wire.ids.card_ref`.
        broker_secret: Controllers' broker passwords are made from it.
        voucher_secret: Key of the hashes by which voucher codes are kept.
        code_secret: Controllers' keys for offline codes are made from it.
    """

    signer: HubSigner
    card_salt: bytes
    broker_secret: bytes
    voucher_secret: bytes
    code_secret: bytes


def make_keys(data: Path, entropy: Entropy) -> Keys:
    """Make the secrets of a new hub. Those that exist stay: a new key cuts every controller off.

    Raises:
        ConfigError: They can't be written, or are damaged.
    """
    for name, count in ((SEED_FILE, SEED_BYTES), (SALT_FILE, SALT_BYTES)):
        if not (data / name).exists():
            write_secret(data / name, entropy(count).hex())
    return load_keys(data)


def load_keys(data: Path) -> Keys:
    """Read the secrets.

    Raises:
        ConfigError: They are missing or damaged; says what to do.
    """
    seed = _read_hex(data / SEED_FILE, SEED_BYTES)
    salt = _read_hex(data / SALT_FILE, SALT_BYTES)
    spares = tuple(
        _read_hex(data / name, SEED_BYTES)
        for name in (SIGNING_FILE, SIGNING_NEXT_FILE)
        if (data / name).exists()
    )
    return keys_of(seed, salt, spares)


def write_next_signing_key(data: Path, seed: bytes) -> None:
    """Store a key that is about to be used.

    Raises:
        ConfigError: It can't be written.
    """
    (data / SIGNING_NEXT_FILE).unlink(missing_ok=True)  # of a rotation that never counted
    write_secret(data / SIGNING_NEXT_FILE, seed.hex())


def keep_signing_key(data: Path) -> None:
    """Give the next key's file its name: the one before is gone."""
    (data / SIGNING_NEXT_FILE).replace(data / SIGNING_FILE)
    sync_folder(data)


def settle_signing_key(data: Path, keys: Keys) -> None:
    """After a start: finish a rotation that was cut off, if the key in use is the next one."""
    path = data / SIGNING_NEXT_FILE
    if path.exists() and Signer(_read_hex(path, SEED_BYTES), HUB).public == keys.signer.public:
        keep_signing_key(data)


def keys_of(seed: bytes, card_salt: bytes, spares: tuple[bytes, ...] = ()) -> Keys:
    """The secrets that follow from a seed and a salt; only the signing key is ever replaced."""
    broker_secret = hashlib.blake2b(seed, person=b"standpipe-broker").digest()
    voucher_secret = hashlib.blake2b(seed, person=b"standpipe-vouch").digest()
    return Keys(
        signer=HubSigner(seed, spares),
        card_salt=card_salt,
        broker_secret=broker_secret,
        voucher_secret=voucher_secret,
        code_secret=hashlib.blake2b(seed, person=b"standpipe-codes").digest(),
    )


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner reads.

    Raises:
        ConfigError: It exists, or can't be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except FileExistsError:
        raise ConfigError(f"{path} exists already: a secret is never made twice") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror}") from None


def sync_folder(folder: Path) -> None:
    """Have a power cut leave the names, too: a file without its name is lost."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_hex(path: Path, count: int) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing: run standpipe-hub init, or restore it") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None
    if len(secret) != count:
        raise ConfigError(f"{path} holds {len(secret)} bytes, not {count}: restore it")
    return secret
