"""Who this controller is: its key, and what the hub told it at enrolment.

The key is made here and stored before anything is sent; it never leaves. Both files
are readable by the agent's user only.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from firmware_agent.errors import IdentityError
from wire.codes import KEY_BYTES
from wire.enrolment import EnrolmentReply
from wire.errors import DecodeError, WireError
from wire.keys import HUB, SEED_BYTES, Signer, Verifier, decode_bytes, encode_bytes

KEY_NAME = "controller.key"
NEXT_KEY_NAME = "controller.key.next"
"""The next key, until the hub has taken it."""
IDENTITY_NAME = "identity.json"
TLS_NAME = "tls.pem"
"""Key and certificate for the broker, if it asks for one."""
_PRIVATE_MODE = 0o600


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolled controller.

    Attributes:
        seed: Its private key.
        reply: What the hub answered.
    """

    seed: bytes
    reply: EnrolmentReply

    @property
    def controller(self) -> str:
        """Its name."""
        return self.reply.controller

    @property
    def signer(self) -> Signer:
        """Signs as this controller."""
        return Signer(self.seed, self.reply.controller)

    @property
    def hub(self) -> Verifier:
        """Checks what the hub sends."""
        return Verifier(self.reply.hub_public_key, HUB)

    @property
    def card_salt(self) -> bytes:
        """Operator's secret for card references."""
        return decode_bytes(self.reply.card_salt)

    @property
    def code_key(self) -> bytes | None:
        """Key of the offline codes bound to this controller; None: it enrolled before."""
        return decode_bytes(self.reply.code_key) or None


def load_identity(folder: Path) -> Identity:
    """Read who this controller is.

    Raises:
        IdentityError: It isn't enrolled, or the files are damaged.
    """
    try:
        seed = decode_bytes((folder / KEY_NAME).read_text().strip())
        reply = msgspec.json.decode((folder / IDENTITY_NAME).read_bytes(), type=EnrolmentReply)
    except FileNotFoundError:
        raise IdentityError(
            f"this controller isn't enrolled ({folder}): run standpipe-agent enrol"
        ) from None
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise IdentityError(f"the identity in {folder} can't be read: {error}") from None
    identity = Identity(seed=seed, reply=reply)
    try:
        _check(identity)
    except (WireError, ValueError) as error:
        raise IdentityError(f"the identity in {folder} is damaged: {error}") from None
    return identity


def save_identity(folder: Path, identity: Identity) -> None:
    """Store who this controller is, readable by this user only."""
    save_key(folder, identity.seed)
    write_private(folder / IDENTITY_NAME, msgspec.json.encode(identity.reply))


def save_reply(folder: Path, reply: EnrolmentReply) -> None:
    """Store what the hub answered."""
    write_private(folder / IDENTITY_NAME, msgspec.json.encode(reply))


def load_key(folder: Path, name: str = KEY_NAME) -> bytes | None:
    """The private key made earlier; None: there is none.

    Raises:
        IdentityError: The file is damaged.
    """
    try:
        seed = decode_bytes((folder / name).read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, DecodeError, UnicodeDecodeError) as error:
        raise IdentityError(f"{folder / name} can't be read: {error}") from None
    if len(seed) != SEED_BYTES:
        raise IdentityError(f"{folder / name} is damaged: move it away and enrol anew")
    return seed


def save_key(folder: Path, seed: bytes, name: str = KEY_NAME) -> None:
    """Store the private key."""
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / name, encode_bytes(seed).encode())


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only this user can read; whole on disk when it returns, or not there."""
    staged = path.with_suffix(path.suffix + ".new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have a power cut leave the names, too: a file without its name is lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(identity: Identity) -> None:
    """Build each key once: whatever is damaged raises."""
    Signer(identity.seed, identity.controller)
    Verifier(identity.reply.hub_public_key, HUB)
    decode_bytes(identity.reply.card_salt)
    if identity.code_key is not None and len(identity.code_key) != KEY_BYTES:
        raise ValueError(f"a key for codes is {KEY_BYTES} bytes")
