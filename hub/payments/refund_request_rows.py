"""Rows of refund requests, and which step may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_, update

from hub.errors import ConflictError, NotFoundError
from hub.ledger.writer import Tx
from hub.payments.refund_rules import Approver
from hub.store.tables.money_out import refund_requests as table


class RequestState(StrEnum):
    """How far a request is."""

    REQUESTED = "requested"  # waits for a person
    APPROVED = "approved"  # one person agreed, a second must
    BOOKED = "booked"  # the money went back
    REFUSED = "refused"


class Step(StrEnum):
    """What happens to a request."""

    APPROVE = "approve"  # by the first of two people
    REOPEN = "reopen"  # the second one wasn't found
    BOOK = "book"
    REFUSE = "refuse"


STEPS: dict[tuple[RequestState, Step], RequestState] = {
    (RequestState.REQUESTED, Step.APPROVE): RequestState.APPROVED,
    (RequestState.REQUESTED, Step.BOOK): RequestState.BOOKED,
    (RequestState.REQUESTED, Step.REFUSE): RequestState.REFUSED,
    (RequestState.APPROVED, Step.BOOK): RequestState.BOOKED,
    (RequestState.APPROVED, Step.REFUSE): RequestState.REFUSED,
    (RequestState.APPROVED, Step.REOPEN): RequestState.REQUESTED,
}
"""All steps there are; no other changes a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A person's request to get a session's charge back.

    Attributes:
        id: Made by who asked; the refund's id too.
        session: Which session.
        account: Whose.
        unit: Unit of the money.
        amount_minor: How much is asked.
        fee_minor: Of it, kept as a fee when it is granted.
        reason: The rule's reason that was chosen.
        words: What the person wrote.
        evidence: What the machine's record says for it; empty: nothing.
        approver: Who decides.
        state: How far it is.
        by: Id of the API key that asked.
        requested_ms: When.
        expected_ms: Until when it is decided at the latest.
        decided_by: Who decided, or `rule`; empty: nobody yet.
        decided_ms: When; None: not yet.
        decision: Words of who decided.
    """

    id: str
    session: str
    account: str
    unit: str
    amount_minor: int
    fee_minor: int = 0
    reason: str
    words: str = ""
    evidence: str = ""
    approver: Approver
    state: RequestState = RequestState.REQUESTED
    by: str
    requested_ms: int
    expected_ms: int
    decided_by: str = ""
    decided_ms: int | None = None
    decision: str = ""


def find_request(
    connection: Connection, request_id: str, *, lock: bool = False
) -> RefundRequest | None:
    """Read a request, or None; locked, nobody else changes it meanwhile."""
    query = select(table).where(table.c.id == request_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _request(row)


def get_request(connection: Connection, request_id: str, *, lock: bool = False) -> RefundRequest:
    """Read a request.

    Raises:
        NotFoundError: No such request.
    """
    found = find_request(connection, request_id, lock=lock)
    if found is None:
        raise NotFoundError(f"there is no refund request {request_id}")
    return found


def waiting_for(connection: Connection, session: str) -> RefundRequest | None:
    """The request for a session that isn't decided yet, or None."""
    waits = (RequestState.REQUESTED.value, RequestState.APPROVED.value)
    query = select(table).where(table.c.session == session, table.c.state.in_(waits))
    row = connection.execute(query).first()
    return None if row is None else _request(row)


def list_requests(
    connection: Connection,
    *,
    match: Mapping[str, str],
    after: tuple[int, str] | None,
    limit: int,
) -> list[RefundRequest]:
    """Requests, newest first, one more than `limit` if there are more.

    Args:
        connection: To read from.
        match: Values that `state` and `account` must have.
        after: `requested_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(table).order_by(table.c.requested_ms.desc(), table.c.id.desc())
    for name, value in match.items():
        query = query.where(table.c[name] == value)
    if after is not None:
        query = query.where(tuple_(table.c.requested_ms, table.c.id) < after)
    return [_request(row) for row in connection.execute(query.limit(limit + 1))]


def add(tx: Tx, request: RefundRequest) -> RefundRequest:
    """Write a new request."""
    tx.connection.execute(
        insert(table).values(
            id=request.id,
            session=request.session,
            account=request.account,
            unit=request.unit,
            amount_minor=request.amount_minor,
            fee_minor=request.fee_minor,
            reason=request.reason,
            words=request.words,
            evidence=request.evidence,
            approver=request.approver.value,
            state=request.state.value,
            by=request.by,
            requested_ms=request.requested_ms,
            expected_ms=request.expected_ms,
        )
    )
    return request


def take_step(
    tx: Tx, request: RefundRequest, step: Step, by: str, decision: str = ""
) -> RefundRequest:
    """Change a locked request.

    Raises:
        ConflictError: In its state the step is none.
    """
    state = STEPS.get((request.state, step))
    if state is None:
        raise ConflictError(f"{request.id} is {request.state}: it can't {step}. Nothing changed.")
    tx.connection.execute(
        update(table)
        .where(table.c.id == request.id)
        .values(
            state=state.value,
            decided_by="" if step is Step.REOPEN else by,
            decided_ms=None if step is Step.REOPEN else tx.now_ms,
            decision=decision,
        )
    )
    return get_request(tx.connection, request.id)


def _request(row: Row[Any]) -> RefundRequest:
    values = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    values["approver"] = Approver(values["approver"])
    values["state"] = RequestState(values["state"])
    return RefundRequest(**values)
