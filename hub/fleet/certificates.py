"""X.509 certificates of a private authority: what stands in each (RFC 5280). No files here.

One root signs everything directly: the broker's certificate, by which clients know the
broker, and one for each client, by which the broker knows the hub and every controller.
Clocks are as wrong as they are on small machines, so each certificate begins a day early.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.errors import InputError
from hub.ids import Entropy

ROOT_DAYS = 3_650
"""A new root means a visit to every controller: ten years, the life of such a machine."""
BROKER_DAYS = 825
"""What clients elsewhere accept at most; it is renewed without touching a controller."""
CLIENT_DAYS = 1_095
"""Three years: a controller that stood in a closed house for two comes back by itself."""
SOON_DAYS = 60
"""So long before its end a certificate is spoken of: there is time for a visit."""
EARLY_DAYS = 1
"""Certificates begin this much before now: clocks differ."""
REQUEST_BYTES_MAX = 4_096
"""A signing request of one key is a third of this."""
HOSTS_MAX = 20
"""Names and addresses of one broker."""
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
SERIAL_BYTES = 16
"""RFC 5280 section 4.1.2.2 allows 20; 127 random bits never meet."""
SECRET_BYTES = 48
"""A scalar of P-256 from 128 bits more than it needs is evenly spread (FIPS 186-5, A.2.1)."""
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3)."""
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PrivateKey = ec.EllipticCurvePrivateKey


class Kind(StrEnum):
    """What a certificate is for."""

    ROOT = "root"
    BROKER = "broker"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Issuer:
    """The root: its certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A certificate to be made.

    Attributes:
        kind: What for.
        name: Its common name.
        hosts: A broker's names and addresses.
        days: How long it is good.
    """

    kind: Kind
    name: str
    hosts: tuple[str, ...] = ()
    days: int


def new_key(entropy: Entropy) -> PrivateKey:
    """Make a key on P-256, which every TLS library knows."""
    secret = int.from_bytes(entropy(SECRET_BYTES), "big") % (ORDER - 1) + 1
    return ec.derive_private_key(secret, ec.SECP256R1())


def new_serial(entropy: Entropy) -> int:
    """Make a serial number that was never used."""
    return (int.from_bytes(entropy(SERIAL_BYTES), "big") >> 1) or 1


def make_root(key: PrivateKey, name: str, serial: int, now_ms: int) -> x509.Certificate:
    """Make the root's own certificate. It signs certificates and lists, and nothing below it may.

    Args:
        key: The root's.
        name: The operator's word for it.
        serial: See `new_serial`.
        now_ms: Wall time.
    """
    subject = _subject(name)
    order = Order(kind=Kind.ROOT, name=name, days=ROOT_DAYS)
    builder = _dated(order, now_ms).subject_name(subject).issuer_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, SHA256())


def issue(
    issuer: Issuer, order: Order, key: ec.EllipticCurvePublicKey, serial: int, now_ms: int
) -> x509.Certificate:
    """Make a certificate for somebody's key.

    Raises:
        InputError: A broker without a host, or with one that can't be.
    """
    builder = _dated(order, now_ms, issuer.certificate.not_valid_after_utc)
    builder = builder.subject_name(_subject(order.name)).issuer_name(issuer.certificate.subject)
    builder = builder.public_key(key).serial_number(serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([_PURPOSES[order.kind]]), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    builder = builder.add_extension(_issuer_key(issuer), critical=False)
    if order.kind is Kind.BROKER:
        names = x509.SubjectAlternativeName(_hosts(order.hosts))
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer.key, SHA256())


def make_list(
    issuer: Issuer, revoked: Iterable[tuple[int, int]], number: int, begins_ms: int
) -> str:
    """Make the list of revoked certificates, PEM.

    It is good until the root ends: a list that ends earlier would lock everybody out on
    the day when nobody thought of it, and it reaches the broker as a file anyway.

    Args:
        issuer: Who revokes.
        revoked: Serial and wall time of each.
        number: Larger than that of any list before.
        begins_ms: Wall time from which on it is good. A whole second after that of the list
            before: a broker that has both takes the later one (OpenSSL, X509_STORE).
    """
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(_at(begins_ms))
    builder = builder.next_update(issuer.certificate.not_valid_after_utc)
    for serial, at_ms in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_at(at_ms))
        builder = builder.add_revoked_certificate(one.build())
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    builder = builder.add_extension(_issuer_key(issuer), critical=False)
    return builder.sign(issuer.key, SHA256()).public_bytes(Encoding.PEM).decode()


def read_request(pem: str) -> ec.EllipticCurvePublicKey:
    """The key of a signing request; who asks is for others to know, whatever it says.

    Raises:
        InputError: It is none, not signed with its own key, or of another kind of key.
    """
    if len(pem) > REQUEST_BYTES_MAX:
        raise InputError(f"a signing request is at most {REQUEST_BYTES_MAX} bytes")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key, is_own = request.public_key(), request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise InputError("this is no signing request in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError("a signing request is for a key on P-256")
    if not is_own:
        raise InputError("the signing request isn't signed with its own key")
    return key


def kind_of(certificate: x509.Certificate) -> Kind:
    """What a certificate of ours is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return Kind.ROOT
    return Kind.BROKER if ExtendedKeyUsageOID.SERVER_AUTH in found else Kind.CLIENT


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """A broker's names and addresses; of others none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(one.value) for one in found)


def name_of(certificate: x509.Certificate) -> str:
    """Its common name."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def ends_ms(certificate: x509.Certificate) -> int:
    """Wall time of its last second."""
    return wall_ms_of(certificate.not_valid_after_utc)


def wall_ms_of(at: datetime) -> int:
    """A moment as wall time."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> str:
    """A private key as text (PKCS #8)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def read_key(pem: bytes) -> PrivateKey:
    """A private key from text.

    Raises:
        ValueError: It is none, or not on a curve.
    """
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key on a curve")  # noqa: TRY004 one kind of error
    return key


_PURPOSES = {
    Kind.BROKER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}


def _dated(order: Order, now_ms: int, latest: datetime | None = None) -> x509.CertificateBuilder:
    ends = _at(now_ms) + timedelta(days=order.days)
    builder = x509.CertificateBuilder().not_valid_before(_at(now_ms - EARLY_DAYS * DAY_MS))
    return builder.not_valid_after(ends if latest is None else min(ends, latest))


def _at(wall_ms: int) -> datetime:
    return _EPOCH + timedelta(seconds=wall_ms // 1_000)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _issuer_key(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _hosts(hosts: Sequence[str]) -> list[x509.GeneralName]:
    if not 0 < len(hosts) <= HOSTS_MAX:
        raise InputError(f"a broker has 1 to {HOSTS_MAX} names and addresses")
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            if HOST.fullmatch(host) is None:
                raise InputError(f"{host!r} is neither a host's name nor an address") from None
            found.append(x509.DNSName(host.lower()))
    return found


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
