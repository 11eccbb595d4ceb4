"""Rows of payouts and of their steps, and which step may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from hub.errors import ConflictError, NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.money_out import payout_steps, payouts


class PayoutState(StrEnum):
    """How far a payout is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What happens to a payout."""

    REQUEST = "request"
    APPROVE = "approve"
    SEND = "send"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


STEPS: dict[tuple[PayoutState, Step], PayoutState] = {
    (PayoutState.REQUESTED, Step.APPROVE): PayoutState.APPROVED,
    (PayoutState.REQUESTED, Step.CANCEL): PayoutState.CANCELLED,
    (PayoutState.APPROVED, Step.SEND): PayoutState.SENT,
    (PayoutState.APPROVED, Step.CANCEL): PayoutState.CANCELLED,
    (PayoutState.SENT, Step.FINISH): PayoutState.DONE,
    (PayoutState.SENT, Step.FAIL): PayoutState.FAILED,
}
"""All steps there are after the request; no other changes a payout."""
ENDED = frozenset({PayoutState.DONE, PayoutState.FAILED, PayoutState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """Money on its way to a person.

    Attributes:
        id: Made by who asked; the first movement's id too.
        account: Whose.
        unit: Unit of the money.
        amount_minor: What leaves the account, the fee included.
        fee_minor: Of it, kept.
        provider: Through whom it goes; empty: a till hands it out.
        till: Which till hands it out; empty: a provider sends it.
        destination: Where to, in words that name no account number.
        state: How far it is.
        reason: Why it failed or was cancelled.
        by: Id of the API key that asked.
        requested_ms: When.
        expected_ms: When it has arrived at the latest.
        ended_ms: When it was done, failed or cancelled; None: it is under way.
    """

    id: str
    account: str
    unit: str
    amount_minor: int
    fee_minor: int
    provider: str
    till: str
    destination: str
    state: PayoutState
    reason: str = ""
    by: str
    requested_ms: int
    expected_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step of a payout as it was taken; it never changes.

    Attributes:
        id: Made by who took it; the id of its movement, too.
        payout: Of which payout.
        place: 1, 2, 3 …
        step: What happened.
        state: The payout after it.
        reason: Words of who took it.
        by: Id of the API key, or `rule`.
        second: Who else agreed; empty: nobody had to.
        at_ms: When.
    """

    id: str
    payout: str
    place: int
    step: Step
    state: PayoutState
    reason: str
    by: str
    second: str
    at_ms: int


def find_payout(connection: Connection, payout_id: str, *, lock: bool = False) -> Payout | None:
    """Read a payout, or None; locked, nobody else changes it meanwhile."""
    query = select(payouts).where(payouts.c.id == payout_id)
    if lock:
        query = query.with_for_update(key_share=True)
    row = connection.execute(query).first()
    return None if row is None else _payout(row)


def get_payout(connection: Connection, payout_id: str, *, lock: bool = False) -> Payout:
    """Read a payout.

    Raises:
        NotFoundError: No such payout.
    """
    found = find_payout(connection, payout_id, lock=lock)
    if found is None:
        raise NotFoundError(f"there is no payout {payout_id}")
    return found


def list_payouts(
    connection: Connection,
    *,
    match: Mapping[str, str],
    after: tuple[int, str] | None,
    limit: int,
) -> list[Payout]:
    """Payouts, newest first, one more than `limit` if there are more.

    Args:
        connection: To read from.
        match: Values that `state` and `account` must have.
        after: `requested_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(payouts).order_by(payouts.c.requested_ms.desc(), payouts.c.id.desc())
    for name, value in match.items():
        query = query.where(payouts.c[name] == value)
    if after is not None:
        query = query.where(tuple_(payouts.c.requested_ms, payouts.c.id) < after)
    return [_payout(row) for row in connection.execute(query.limit(limit + 1))]


def steps_of(connection: Connection, payout_id: str) -> list[Done]:
    """All steps of a payout in order: a handful."""
    query = select(payout_steps).where(payout_steps.c.payout == payout_id)
    rows = connection.execute(query.order_by(payout_steps.c.place))
    return [_done(row) for row in rows]


def find_step(connection: Connection, step_id: str) -> Done | None:
    """Read a step, or None."""
    row = connection.execute(select(payout_steps).where(payout_steps.c.id == step_id)).first()
    return None if row is None else _done(row)


def add(tx: Tx, payout: Payout) -> None:
    """Write a new payout."""
    tx.connection.execute(
        insert(payouts).values(
            id=payout.id,
            account=payout.account,
            unit=payout.unit,
            amount_minor=payout.amount_minor,
            fee_minor=payout.fee_minor,
            provider=payout.provider,
            till=payout.till,
            destination=payout.destination,
            state=payout.state.value,
            by=payout.by,
            requested_ms=payout.requested_ms,
            expected_ms=payout.expected_ms,
        )
    )


def state_after(payout: Payout, step: Step) -> PayoutState:
    """The state that a step leads to.

    Raises:
        ConflictError: In its state the step is none.
    """
    state = STEPS.get((payout.state, step))
    if state is None:
        raise ConflictError(f"{payout.id} is {payout.state}: it can't {step}. Nothing changed.")
    return state


def note_step(tx: Tx, done: Done) -> None:
    """Write a step that was taken, and the payout's new state; `place` is worked out here."""
    mine = payout_steps.c.payout == done.payout
    place = tx.connection.execute(select(func.max(payout_steps.c.place)).where(mine)).scalar() or 0
    tx.connection.execute(
        insert(payout_steps).values(
            id=done.id,
            payout=done.payout,
            place=place + 1,
            step=done.step.value,
            state=done.state.value,
            reason=done.reason,
            by=done.by,
            second=done.second,
            at_ms=done.at_ms,
        )
    )
    given_back = done.state in (PayoutState.FAILED, PayoutState.CANCELLED)
    tx.connection.execute(
        update(payouts)
        .where(payouts.c.id == done.payout)
        .values(
            state=done.state.value,
            reason=done.reason if given_back else "",
            ended_ms=done.at_ms if done.state in ENDED else None,
        )
    )


def _payout(row: Row[Any]) -> Payout:
    values = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    values["state"] = PayoutState(values["state"])
    return Payout(**values)


def _done(row: Row[Any]) -> Done:
    values = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    values["step"], values["state"] = Step(values["step"]), PayoutState(values["state"])
    return Done(**values)
