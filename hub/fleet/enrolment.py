"""How a controller becomes known: a one-time code, and its own key.

The code's hash is stored, never the code. The broker's password follows from the
code and a secret of the hub, so that a retry by the same key gets the same reply
and nothing secret waits in the database.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, insert, select, update

from hub.config import HubConfig
from hub.errors import ConfigError, InputError, RefusedError
from hub.fleet import controllers
from hub.fleet.authority import Authority
from hub.fleet.certificates import read_request
from hub.fleet.code_keys import code_key, code_mark
from hub.fleet.controllers import ControllerState
from hub.ids import Entropy
from hub.keystore import Keys
from hub.ledger.writer import Tx
from hub.store.tables import fleet
from wire.enrolment import (
    CODE_LENGTH_MAX,
    BrokerAccess,
    EnrolmentReply,
    EnrolmentRequest,
    check_proof,
)
from wire.errors import Code, DecodeError, SignatureError
from wire.keys import encode_bytes

CODE_BYTES = 10
"""80 random bits: beyond guessing, and short enough to type."""
CODE_LIFE_MS = 24 * 3_600_000
"""A day: from the desk where it is printed to the cellar where it is typed."""
CODES_PER_CONTROLLER_MAX = 8
PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolment that was booked: the reply, and what the broker must know."""

    reply: EnrolmentReply
    username: str
    password: str


def new_code(tx: Tx, controller: str, entropy: Entropy) -> str:
    """Make a one-time code for a controller. Codes made before stay good until they end.

    Raises:
        NotFoundError: No such controller.
        InputError: There are too many codes for it already.
    """
    controllers.get_controller(tx.connection, controller)
    codes = fleet.enrolment_codes
    good = (codes.c.controller == controller) & (codes.c.expires_ms > tx.now_ms)
    good &= codes.c.used_ms.is_(None)
    if len(tx.connection.execute(select(codes.c.code_hash).where(good)).all()) >= (
        CODES_PER_CONTROLLER_MAX
    ):
        raise InputError(f"{controller} has {CODES_PER_CONTROLLER_MAX} unused codes already")
    text = base64.b32encode(entropy(CODE_BYTES)).decode().lower()
    code = "-".join(text[start : start + 4] for start in range(0, len(text), 4))
    tx.connection.execute(
        insert(codes).values(
            code_hash=_hash(code), controller=controller, expires_ms=tx.now_ms + CODE_LIFE_MS
        )
    )
    return code


def enrol(tx: Tx, request: EnrolmentRequest, keys: Keys, config: HubConfig) -> Enrolled:
    """Take a controller in by its code. The same key with the same code again: the same.

    Raises:
        InputError: The key, or the request for a certificate, is none.
        RefusedError: The code isn't good, or the proof isn't the key's.
    """
    if request.certificate_request:
        read_request(request.certificate_request)
    if request.controller == config.mqtt.username:
        raise InputError(f"{request.controller} is the hub's own name at the broker")
    try:
        check_proof(request)
    except DecodeError as error:
        raise InputError(str(error)) from None
    except SignatureError:
        raise RefusedError(
            "the proof isn't made with the key that came with it", Code.KEY_INVALID
        ) from None
    code = request.code.strip().lower()
    _use_code(tx, request, code)
    _activate(tx, request)
    return admit(tx, request.controller, code, keys, config)


def admit(tx: Tx, name: str, secret: str, keys: Keys, config: HubConfig) -> Enrolled:
    """Tell a controller that is known by its key all that it needs.

    Args:
        tx: The writer's transaction.
        name: The controller's.
        secret: What its broker password is made from, with a secret of the hub.
        keys: Of the hub.
        config: Of the hub.
    """
    controller = controllers.get_controller(tx.connection, name)
    password = _password(keys, controller.id, secret)
    return Enrolled(
        reply=EnrolmentReply(
            controller=controller.id,
            partition=controller.partition,
            site=controller.site,
            hub_public_key=keys.signer.public,
            card_salt=encode_bytes(keys.card_salt),
            broker=broker_access(config, controller.id, password),
            hub_time_ms=tx.now_ms,
            code_key=encode_bytes(code_key(keys, controller.id, controller.code_public_key)),
        ),
        username=controller.id,
        password=password,
    )


def with_certificate(enrolled: Enrolled, request_pem: str, authority: Authority) -> Enrolled:
    """Add the certificate that a controller asked for, if there is an authority.

    Raises:
        ConfigError: The authority's files can't be read or written; asking again is safe.
    """
    if not request_pem or not authority.exists:
        return enrolled
    made = authority.sign(enrolled.username, request_pem)
    access = msgspec.structs.replace(enrolled.reply.broker, certificate_pem=made.pem)
    return replace(enrolled, reply=msgspec.structs.replace(enrolled.reply, broker=access))


def broker_access(config: HubConfig, username: str, password: str) -> BrokerAccess:
    """What a controller is told about the broker.

    Raises:
        ConfigError: The certificate to give can't be read.
    """
    broker = config.broker
    ca_pem = ""
    if broker.public_ca_file is not None:
        try:
            ca_pem = broker.public_ca_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{broker.public_ca_file} can't be read: {error}") from None
    return BrokerAccess(
        host=broker.public_host or config.mqtt.host,
        port=broker.public_port or config.mqtt.port,
        username=username,
        password=password,
        tls=broker.public_tls,
        ca_pem=ca_pem,
    )


def public_keys(connection: Connection) -> dict[str, str]:
    """Public key of each enrolled controller."""
    table = fleet.controllers
    query = select(table.c.id, table.c.public_key).where(table.c.public_key != "")
    return {row.id: row.public_key for row in connection.execute(query)}


def _use_code(tx: Tx, request: EnrolmentRequest, code: str) -> None:
    # Whatever is wrong with a code looks the same from outside.
    refused = RefusedError(
        "the code isn't good: it is mistyped, used or too old; make a new one", Code.CODE_INVALID
    )
    if len(code) > CODE_LENGTH_MAX:
        raise refused
    codes = fleet.enrolment_codes
    query = select(codes).where(codes.c.code_hash == _hash(code))
    # Two hubs that are told the same code at once: it is good for one key.
    row = tx.connection.execute(query.with_for_update()).first()
    if row is None or row.controller != request.controller or row.expires_ms <= tx.now_ms:
        raise refused
    if row.used_ms is not None and row.public_key != request.public_key:
        raise refused
    tx.connection.execute(
        update(codes)
        .where(codes.c.code_hash == row.code_hash)
        .values(used_ms=row.used_ms or tx.now_ms, public_key=request.public_key)
    )


def _activate(tx: Tx, request: EnrolmentRequest) -> None:
    """Take the key in; a controller shut out before is let in again by its new code."""
    before = controllers.get_controller(tx.connection, request.controller)
    if before.public_key != request.public_key or before.state is ControllerState.WAITING:
        tx.connection.execute(
            update(fleet.controllers)
            .where(fleet.controllers.c.id == request.controller)
            .values(
                state=ControllerState.ACTIVE.value,
                public_key=request.public_key,
                quarantine_reason="",
                enrolled_ms=tx.now_ms,
            )
        )
    tx.connection.execute(
        update(fleet.controllers)
        .where(fleet.controllers.c.id == request.controller)
        .values(code_mark=code_mark(request.public_key), code_public_key=request.public_key)
    )
    tx.touch("controller", request.controller)
    tx.touch("config", request.controller)


def _password(keys: Keys, controller: str, code: str) -> str:
    made = hashlib.blake2b(
        f"{controller} {code}".encode(), key=keys.broker_secret, digest_size=PASSWORD_BYTES
    )
    return base64.urlsafe_b64encode(made.digest()).decode()


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
