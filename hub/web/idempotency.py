"""Requests that move money are answered once: a repeat gets the stored answer.

The key is claimed in the transaction that does the work, so there is no moment when
one is on disk without the other. A refused request leaves nothing behind: the same
key may be tried again when the reason is gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import HeaderParameter
from sqlalchemy import Connection, delete, insert, select

from hub.errors import ConflictError, InputError
from hub.fleet.alarms import Matter, raise_alarm
from hub.ledger.writer import Tx
from hub.store.tables.web import idempotency
from hub.web.ports import Hub
from hub.web.problems import IDEMPOTENCY_HEADER
from wire.errors import Code

KEY_LENGTH_MAX = 64
KEPT_MS = 30 * 86_400_000
"""Nobody repeats a request after a month; until then the answer is the same to the byte."""
FORGOTTEN_AT_ONCE_MAX = 10
"""More than come in with one request, so old answers never pile up."""
REPLAYED_HEADER = "Idempotency-Replayed"
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name=IDEMPOTENCY_HEADER,
        min_length=1,
        max_length=KEY_LENGTH_MAX,
        pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
        description="Id of this movement, made and stored by the caller before sending. "
        "The same id again gives the same answer and moves nothing.",
    ),
]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request claims.

    Attributes:
        caller: Id of the API key.
        key: Value of the header; also the id of the movement.
        digest: Of method, path and content.
    """

    caller: str
    key: str
    digest: str


def claim_of(caller: str, key: str, path: str, body: msgspec.Struct) -> Claim:
    """Make the claim of a POST.

    Args:
        caller: Id of the API key.
        key: Value of the header.
        path: Path of the request.
        body: Its decoded body: white space and order of members don't matter.

    Raises:
        InputError: The key has other characters than an id.
    """
    if _KEY.fullmatch(key) is None:
        raise InputError(
            "Idempotency-Key is 1 to 64 letters, digits and _ . : -",
            Code.IDEMPOTENCY_KEY_MISSING,
        )
    content = f"POST {path}\n".encode() + msgspec.json.encode(body, order="deterministic")
    return Claim(caller, key, hashlib.sha256(content).hexdigest())


def answer_once(
    hub: Hub, claim: Claim, work: Callable[[Tx], Any], status: int = 201
) -> Response[Any]:
    """Do the work and store the answer in one transaction, or repeat the stored answer.

    Args:
        hub: The hub.
        claim: What the request claims.
        work: Does it; returns the body of the answer.
        status: Status of the answer.

    Raises:
        ConflictError: The key was used for something else; nothing changed, and an
            alarm tells a person.
    """

    def job(tx: Tx) -> tuple[bytes, int, bool]:
        stored = _stored(tx.connection, claim)
        if stored is not None:
            return (*stored, True)
        _forget_old(tx)
        body = msgspec.json.encode(work(tx))
        tx.connection.execute(
            insert(idempotency).values(
                key=_row_key(claim),
                digest=claim.digest,
                status=status,
                body=body,
                created_ms=tx.now_ms,
            )
        )
        return body, status, False

    try:
        body, answered, repeated = hub.writer.run(job)
    except ConflictError as error:
        if error.code is Code.ID_CONFLICT:
            _alarm(hub, claim, str(error))
        raise
    headers = {REPLAYED_HEADER: "true"} if repeated else {}
    return Response(body, status_code=answered, headers=headers, media_type="application/json")


def _stored(connection: Connection, claim: Claim) -> tuple[bytes, int] | None:
    row = connection.execute(
        select(idempotency).where(idempotency.c.key == _row_key(claim))
    ).first()
    if row is None:
        return None
    if row.digest != claim.digest:
        raise ConflictError(
            f"{claim.key} was used for another request already: nothing changed. "
            "Make a new id for a new movement.",
            Code.ID_CONFLICT,
        )
    return bytes(row.body), int(row.status)


def _forget_old(tx: Tx) -> None:
    # What moved is kept for ever with its payment; only the stored answer goes.
    old = (
        select(idempotency.c.key)
        .where(idempotency.c.created_ms < tx.now_ms - KEPT_MS)
        .limit(FORGOTTEN_AT_ONCE_MAX)
    )
    tx.connection.execute(delete(idempotency).where(idempotency.c.key.in_(old)))


def _alarm(hub: Hub, claim: Claim, detail: str) -> None:
    matter = Matter(code=Code.ID_CONFLICT, subject=f"{claim.caller} {claim.key}", detail=detail)
    hub.writer.run(lambda tx: raise_alarm(tx, matter))


def _row_key(claim: Claim) -> str:
    return f"{claim.caller} {claim.key}"
