"""This controller's certificate for the broker: a key made here, and asking for one.

The key never leaves: only a signing request does. Key and certificate lie in one file, so
that both are replaced at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from firmware_agent.errors import IdentityError
from firmware_agent.identity import TLS_NAME, write_private
from firmware_agent.ids import new_tls_key

TLS_KEY_NAME = "tls.key"
"""The key while its certificate is on the way: a lost answer is asked for again."""
SOON_DAYS = 60
"""So long before its end a certificate is spoken of: there is time for a visit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prepare_key(folder: Path, *, fresh: bool = False) -> str:
    """The key that a certificate is asked for, made and stored at the first time.

    Args:
        folder: The data folder.
        fresh: Begin with another key than that of an earlier answer.

    Raises:
        OSError: It can't be stored.
        IdentityError: What is stored is damaged.
    """
    path = folder / TLS_KEY_NAME
    if fresh or not path.exists():
        write_private(path, new_tls_key().encode())
    return _key_text(path)


def request_for(name: str, key_pem: str) -> str:
    """A signing request (PKCS #10) for a key, PEM."""
    key = load_pem_private_key(key_pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IdentityError(f"{TLS_KEY_NAME} is no key on a curve: remove it and enrol anew")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def keep_certificate(folder: Path, key_pem: str, certificate_pem: str) -> None:
    """Store key and certificate in one file, readable by this user only.

    Raises:
        IdentityError: The certificate is none, or of another key.
        OSError: It can't be stored.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        raise IdentityError("the hub sent a certificate that is none") from None
    key = load_pem_private_key(key_pem.encode(), password=None)
    if certificate.public_key() != key.public_key():
        raise IdentityError("the hub sent a certificate of another key")
    write_private(folder / TLS_NAME, (key_pem + certificate_pem).encode())


def certificate_ends_ms(folder: Path) -> int | None:
    """Wall time when the certificate ends; None: there is none.

    Raises:
        IdentityError: It can't be read.
    """
    path = folder / TLS_NAME
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise IdentityError(f"{path} can't be read: {error}") from None
    return (certificate.not_valid_after_utc - _EPOCH) // timedelta(milliseconds=1)


def _key_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
        load_pem_private_key(text.encode(), password=None)
    except ValueError:
        raise IdentityError(f"{path} is damaged: remove it and enrol anew") from None
    return text
