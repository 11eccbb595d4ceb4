"""The operator's certificate authority: a folder in the hub's data directory.

`ca.key` signs, `ca.pem` is given to everybody, `issued.pem` has every certificate that
was made, and `crl.pem` those that are refused from now on. All of it is public but the
key. Several programs may work on the folder at once: each holds its lock while it writes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from hub.errors import ConfigError, ConflictError, InputError, NotFoundError
from hub.fleet import certificates
from hub.fleet.certificates import (
    BROKER_DAYS,
    CLIENT_DAYS,
    DAY_MS,
    EARLY_DAYS,
    SOON_DAYS,
    Issuer,
    Kind,
    Order,
)
from hub.ids import Entropy
from hub.keystore import sync_folder, write_secret
from wire.clock import Clock
from wire.ids import is_name

FOLDER = "ca"
KEY_FILE = "ca.key"
ROOT_FILE = "ca.pem"
LIST_FILE = "crl.pem"
ISSUED_FILE = "issued.pem"
LOCK_FILE = "lock"
FILES = (KEY_FILE, ROOT_FILE, LIST_FILE, ISSUED_FILE)
BROKER = "broker"
"""Common name of the broker's certificate."""
NAME_LENGTH_MAX = 64
"""Longest common name (RFC 5280, appendix A: ub-common-name)."""
_MARK = "# certificate of "
_FOLDER_MODE = 0o700
_PUBLIC_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that was made.

    Attributes:
        name: Whose: a controller's name, the hub's user, or `broker`.
        kind: What for.
        serial: Its number.
        ends_ms: When it ends.
        revoked_ms: Since when it is refused; None: it isn't.
        certificate: Itself.
    """

    name: str
    kind: Kind
    serial: int
    ends_ms: int
    revoked_ms: int | None
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """As text."""
        return certificates.pem_of(self.certificate)

    def is_good(self, now_ms: int) -> bool:
        """Whether a broker takes it."""
        return self.revoked_ms is None and now_ms < self.ends_ms


class Authority:
    """Makes and revokes certificates.

    Args:
        data: The hub's data directory.
        clock: Says from when on.
        entropy: Makes keys and serial numbers.
    """

    def __init__(self, data: Path, clock: Clock, entropy: Entropy) -> None:
        self.folder = data / FOLDER
        self._clock = clock
        self._entropy = entropy

    @property
    def exists(self) -> bool:
        """Whether there is one that can sign."""
        return (self.folder / KEY_FILE).exists()

    @property
    def root_pem(self) -> str:
        """The root's certificate: what everybody checks by.

        Raises:
            ConfigError: There is none, or it can't be read.
        """
        return self._read(ROOT_FILE)

    @property
    def list_pem(self) -> str:
        """The list of what is refused. Raises as `root_pem`."""
        return self._read(LIST_FILE)

    def create(self, name: str) -> None:
        """Make the authority, once.

        Raises:
            InputError: The name can't be one.
            ConflictError: There is one already; nothing was changed.
            ConfigError: It can't be written.
        """
        if not 0 < len(name) <= NAME_LENGTH_MAX:
            raise InputError(f"a name is 1 to {NAME_LENGTH_MAX} characters")
        with self._locked(make=True):
            if self.exists:
                raise ConflictError(f"there is an authority in {self.folder} already")
            key, now_ms = certificates.new_key(self._entropy), self._now_ms()
            serial = certificates.new_serial(self._entropy)
            root = certificates.make_root(key, name, serial, now_ms)
            issuer = Issuer(root, key)
            replace_file(self.folder / ROOT_FILE, certificates.pem_of(root), _PUBLIC_MODE)
            self._write_list(issuer, {}, now_ms - EARLY_DAYS * DAY_MS)
            # Last: with the key it exists, and what came before is simply made again.
            write_secret(self.folder / KEY_FILE, certificates.key_pem(key).rstrip())

    def issue_broker(self, hosts: Sequence[str]) -> tuple[str, str]:
        """Make a key and a certificate for the broker; gives both as text, certificate first.

        Raises:
            InputError: The hosts can't be.
            ConfigError: There is no authority.
        """
        order = Order(kind=Kind.BROKER, name=BROKER, hosts=tuple(hosts), days=BROKER_DAYS)
        return self._issue_with_key(order)

    def issue_client(self, name: str) -> tuple[str, str]:
        """Make a key and a certificate for a client. As `issue_broker`."""
        return self._issue_with_key(_client(name))

    def sign(self, name: str, request_pem: str) -> Issued:
        """Make a certificate for a key that a controller keeps to itself.

        The same key again: the certificate that it has, unless that ends soon. Another
        key: a new one, and those for earlier keys are refused from now on.

        Raises:
            InputError: The request is none.
            ConfigError: There is no authority.
        """
        key, order = certificates.read_request(request_pem), _client(name)
        with self._locked():
            now_ms, earlier = self._now_ms(), self._good_of(name)
            mine = [one for one in earlier if one.certificate.public_key() == key]
            if mine and mine[-1].ends_ms - now_ms > SOON_DAYS * DAY_MS:
                made = mine[-1]
            else:
                made = self._issue(self._issuer(), order, key)
            self._refuse([one for one in earlier if one.certificate.public_key() != key])
        return made

    def renew(self, name: str) -> Issued:
        """Make another certificate like the newest good one, for the same key.

        Raises:
            NotFoundError: There is none that isn't revoked.
            ConfigError: There is no authority.
        """
        with self._locked():
            before = [one for one in self._of(name) if one.revoked_ms is None]
            if not before:
                raise NotFoundError(f"there is no certificate of {name} that could be renewed")
            last = before[-1]
            hosts = certificates.hosts_of(last.certificate)
            days = BROKER_DAYS if last.kind is Kind.BROKER else CLIENT_DAYS
            order = Order(kind=last.kind, name=name, hosts=hosts, days=days)
            return self._issue(self._issuer(), order, last.certificate.public_key())

    def revoke(self, name: str) -> int:
        """Have every certificate of a name refused from now on; gives how many.

        Raises:
            ConfigError: There is no authority.
        """
        with self._locked():
            # Those that have ended, too: whether they have is a matter of clocks.
            some = [one for one in self._of(name) if one.revoked_ms is None]
            self._refuse(some)
        return len(some)

    def issued(self) -> list[Issued]:
        """Every certificate that was made, oldest first.

        Raises:
            ConfigError: There is no authority, or a file is damaged.
        """
        return list(self._all())

    def ending(self) -> list[Issued]:
        """The newest good certificate of each name, where that ends soon or has ended."""
        newest: dict[str, Issued] = {}
        for one in self._all():
            newest[one.name] = one
        soon_ms = self._now_ms() + SOON_DAYS * DAY_MS
        return [one for one in newest.values() if one.revoked_ms is None and one.ends_ms < soon_ms]

    def _issue_with_key(self, order: Order) -> tuple[str, str]:
        with self._locked():
            issuer, key = self._issuer(), certificates.new_key(self._entropy)
            made = self._issue(issuer, order, key.public_key())
        return made.pem, certificates.key_pem(key)

    def _issue(self, issuer: Issuer, order: Order, key: object) -> Issued:
        serial = certificates.new_serial(self._entropy)
        made = certificates.issue(issuer, order, key, serial, self._now_ms())  # type: ignore[arg-type]
        text = f"{_MARK}{order.name} {serial:x}\n{certificates.pem_of(made)}"
        append_file(self.folder / ISSUED_FILE, text, _PUBLIC_MODE)
        return _issued(made, {})

    def _refuse(self, some: list[Issued]) -> None:
        if some:
            now_ms, last = self._now_ms(), self._list()
            revoked = _revoked(last) | {one.serial: now_ms for one in some}
            after_ms = certificates.wall_ms_of(last.last_update_utc) + 1_000
            begins_ms = max(now_ms - EARLY_DAYS * DAY_MS, after_ms)
            self._write_list(self._issuer(), revoked, begins_ms)

    def _write_list(self, issuer: Issuer, revoked: dict[int, int], begins_ms: int) -> None:
        number = 1 + len(revoked)
        text = certificates.make_list(issuer, sorted(revoked.items()), number, begins_ms)
        replace_file(self.folder / LIST_FILE, text, _PUBLIC_MODE)

    def _issuer(self) -> Issuer:
        try:
            root = x509.load_pem_x509_certificate(self.root_pem.encode())
            return Issuer(root, certificates.read_key(self._read(KEY_FILE).encode()))
        except ValueError as error:
            raise ConfigError(f"the authority in {self.folder} is damaged: {error}") from None

    def _good_of(self, name: str) -> list[Issued]:
        now_ms = self._now_ms()
        return [one for one in self._of(name) if one.is_good(now_ms)]

    def _of(self, name: str) -> list[Issued]:
        return list(self._all(name))

    def _all(self, only: str = "") -> Iterator[Issued]:
        """Certificates of a name, or all; those of others aren't even parsed."""
        revoked = _revoked(self._list())
        path = self.folder / ISSUED_FILE
        if not path.exists():
            return
        for entry in self._read(ISSUED_FILE).split(_MARK)[1:]:
            head, _, pem = entry.partition("\n")
            # One that was cut off by a power cut was never given to anybody.
            if (only and head.split(" ")[0] != only) or "-----END" not in pem:
                continue
            try:
                yield _issued(x509.load_pem_x509_certificate(pem.encode()), revoked)
            except ValueError as error:
                raise ConfigError(f"{path} is damaged at {head}: {error}") from None

    def _list(self) -> x509.CertificateRevocationList:
        try:
            return x509.load_pem_x509_crl(self.list_pem.encode())
        except ValueError as error:
            raise ConfigError(f"{self.folder / LIST_FILE} is damaged: {error}") from None

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="ascii")
        except FileNotFoundError:
            raise ConfigError(
                f"there is no authority in {self.folder}: run standpipe-hub ca init"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.folder / name} can't be read: {error}") from None

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms

    @contextmanager
    def _locked(self, *, make: bool = False) -> Iterator[None]:
        """Nobody else writes meanwhile, whichever program it is."""
        if make:
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        elif not self.exists:
            raise ConfigError(f"there is no authority in {self.folder}: run standpipe-hub ca init")
        try:
            with (self.folder / LOCK_FILE).open("a", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from None


def replace_file(path: Path, text: str, mode: int) -> None:
    """Write a file that is old or new for whoever reads it, never half; on disk when it returns.

    Raises:
        OSError: It can't be written.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def append_file(path: Path, text: str, mode: int) -> None:
    """Add to the end of a file; on disk when it returns.

    Raises:
        OSError: It can't be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _revoked(listed: x509.CertificateRevocationList) -> dict[int, int]:
    """Serial and wall time of what is refused."""
    return {one.serial_number: certificates.wall_ms_of(one.revocation_date_utc) for one in listed}


def _client(name: str) -> Order:
    if not is_name(name) or name == BROKER:
        raise InputError(f"{name!r} can't be the name of a client")
    return Order(kind=Kind.CLIENT, name=name, days=CLIENT_DAYS)


def _issued(certificate: x509.Certificate, revoked: dict[int, int]) -> Issued:
    return Issued(
        name=certificates.name_of(certificate),
        kind=certificates.kind_of(certificate),
        serial=certificate.serial_number,
        ends_ms=certificates.ends_ms(certificate),
        revoked_ms=revoked.get(certificate.serial_number),
        certificate=certificate,
    )
