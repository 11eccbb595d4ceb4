"""How a controller becomes known: the bodies of the one HTTP exchange.

The controller makes its key pair and proves that it has the secret half by signing
the code. The hub answers once with everything that the controller needs.
"""

from __future__ import annotations

import msgspec

from wire.bounds import Millis, Small
from wire.keys import HUB, Signer, Verifier

ENROLMENT_PATH = "/api/v1/enrolments"
CODE_LENGTH_MAX = 64
ROTATION_PATH = "/api/v1/enrolments/rotations"
KIND = "enrolment"
ROTATION_KIND = "rotation"


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the controller sends.

    Attributes:
        controller: The name that the code was made for.
        code: The one-time code.
        public_key: Its Ed25519 public key, base64.
        proof: Its signature over the code, base64.
        version: Version of its agent.
        certificate_request: Signing request (PKCS #10, PEM) for its TLS key, which stays
            where it is; empty: it has none.
    """

    controller: str
    code: str
    public_key: str
    proof: str
    version: str = ""
    certificate_request: str = ""


class BrokerAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the broker.

    Attributes:
        host: Name or address.
        port: TCP port.
        username: The controller's name.
        password: Its own.
        tls: Whether to use TLS.
        ca_pem: Certificate that signed the broker's; empty: the system's.
        certificate_pem: Certificate of the controller's TLS key; empty: the broker asks
            for none.
    """

    host: str
    port: Small
    username: str
    password: str
    tls: bool = False
    ca_pem: str = ""
    certificate_pem: str = ""


class EnrolmentReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub answers, once.

    Attributes:
        controller: The controller's name.
        partition: Its partition, for ever.
        site: Where it stands.
        hub_public_key: What signs everything that comes down.
        card_salt: Operator's secret for `wire.ids.card_ref`, base64.
        broker: How to reach the broker.
        hub_time_ms: The hub's clock.
        code_key: Secret key of the offline codes bound to this controller (`wire.codes`),
            base64; empty: the hub is of a version without them.
    """

    controller: str
    partition: str
    site: str
    hub_public_key: str
    card_salt: str
    broker: BrokerAccess
    hub_time_ms: Millis = 0
    code_key: str = ""


def prove(signer: Signer, code: str) -> str:
    """Sign a code with the new key."""
    return signer.sign(KIND, HUB, code.encode())


def check_proof(request: EnrolmentRequest) -> None:
    """Check that the sender has the secret half of the key that it shows.

    Raises:
        DecodeError: The key is no key.
        SignatureError: The proof isn't made with it.
    """
    verifier = Verifier(request.public_key, request.controller)
    verifier.check(KIND, HUB, request.code.encode(), request.proof)


class RotationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a controller sends that changes its key; answered by an `EnrolmentReply`.

    Attributes:
        controller: Its name.
        public_key: Its new key, base64.
        signature: Of the key that it has, over what is asked, base64.
        proof: Of the new key, over the same.
        version: Version of its agent.
        certificate_request: As in `EnrolmentRequest`.
    """

    controller: str
    public_key: str
    signature: str = ""
    proof: str = ""
    version: str = ""
    certificate_request: str = ""


def sign_rotation(request: RotationRequest, old: Signer, new: Signer) -> RotationRequest:
    """Sign with the key that is given up and with the one that follows."""
    asked = _asked(request)
    return msgspec.structs.replace(
        request,
        signature=old.sign(ROTATION_KIND, HUB, asked),
        proof=new.sign(ROTATION_KIND, HUB, asked),
    )


def check_rotation(request: RotationRequest, known: Verifier, new: Verifier) -> None:
    """Check that both keys want this, where the known one isn't the new one already.

    Raises:
        SignatureError: One of them doesn't.
    """
    asked = _asked(request)
    new.check(ROTATION_KIND, HUB, asked, request.proof)
    if known.public != new.public:
        known.check(ROTATION_KIND, HUB, asked, request.signature)


def _asked(request: RotationRequest) -> bytes:
    return f"{request.public_key}\n{request.certificate_request}".encode()
