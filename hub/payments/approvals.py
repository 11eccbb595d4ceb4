"""Second persons: what one person asked for is done when another one agrees, once.

What is asked is kept whole, with a digest over it; who agrees sends the digest of what
was seen. It is done in the transaction that notes the agreement, under the id of the
request, so it can't be done twice or done otherwise. What nobody agrees to in time ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, tuple_, update

from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger.writer import Tx
from hub.payments.records import check_id, check_reason, conflict, find_payment
from hub.payments.second_person import read_second_person
from hub.store.tables.money_out import approvals as table
from wire.errors import Code

DAY_MS = 86_400_000
DIGEST_BYTES = 16
"""Two contents that differ and have one digest take 2**64 tries to find."""


class ApprovalState(StrEnum):
    """How far a request for a second person is."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"  # the second person disagreed
    WITHDRAWN = "withdrawn"  # the first one did
    EXPIRED = "expired"


class Step(StrEnum):
    """What happens to it."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


STEPS: dict[tuple[ApprovalState, Step], ApprovalState] = {
    (ApprovalState.PENDING, Step.APPROVE): ApprovalState.DONE,
    (ApprovalState.PENDING, Step.REFUSE): ApprovalState.REFUSED,
    (ApprovalState.PENDING, Step.WITHDRAW): ApprovalState.WITHDRAWN,
    (ApprovalState.PENDING, Step.EXPIRE): ApprovalState.EXPIRED,
}
"""All steps there are; no other changes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an action is about, for people to see.

    Attributes:
        subject: An account, an item, a payout, a unit.
        unit: Unit of the money; empty: no money moves.
        amount_minor: How much; 0: no money moves.
    """

    subject: str
    unit: str = ""
    amount_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An action that two people agreed to.

    Attributes:
        id: Made by who asked; the id of what is done.
        content: What is to be done.
        by: Who asked.
        second: Who agreed.
    """

    id: str
    content: Any
    by: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """How one kind of action is checked, done and given up.

    Attributes:
        type: Struct of its content.
        look: Checks a content when it is asked for, and says what it is about; the id
            and who asks are given, too.
        run: Does it.
        drop: Told that it won't be done, with the step that ended it.
    """

    type: type[msgspec.Struct]
    look: Callable[[Tx, Order], About]
    run: Callable[[Tx, Order], None]
    drop: Callable[[Tx, Order, Step], None] = lambda _tx, _order, _step: None


Actions = Mapping[str, Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request for a second person.

    Attributes:
        id: Made by who asked; the id of what is done, too.
        kind: Which action.
        content: JSON of all that is to be done.
        digest: Over id, kind and content.
        subject: What it is about.
        unit: Unit of the money; empty: none moves.
        amount_minor: How much.
        state: How far it is.
        by: Who asked.
        asked_ms: When.
        expires_ms: Until when someone may agree.
        decided_by: Who agreed, disagreed or withdrew; empty: nobody.
        decided_ms: When it ended; None: it is pending.
        decision: Words of who decided.
    """

    id: str
    kind: str
    content: str
    digest: str
    subject: str
    unit: str
    amount_minor: int
    state: ApprovalState
    by: str
    asked_ms: int
    expires_ms: int
    decided_by: str = ""
    decided_ms: int | None = None
    decision: str = ""


def ask_second(
    tx: Tx, actions: Actions, asked: tuple[str, str, msgspec.Struct], by: str
) -> Approval:
    """Ask for a second person. The same again: the request as it is.

    Args:
        tx: The writer's transaction.
        actions: All kinds there are.
        asked: Id, made and stored by who asks; kind; content.
        by: Id of the API key, or `cli`.

    Raises:
        InputError: The id, or the content, can't be one.
        NotFoundError: What it is about doesn't exist.
        ConflictError: The id was used otherwise, or its state forbids it.
        RefusedError: It can't be done at all.
    """
    approval_id, kind, content = asked
    check_id(approval_id)
    text = msgspec.json.encode(content, order="deterministic").decode()
    digest = digest_of(approval_id, kind, text)
    before = _find(tx.connection, approval_id)
    if before is not None:
        if (before.digest, before.by) != (digest, by):
            raise conflict(approval_id)
        return before
    if find_payment(tx.connection, approval_id) is not None:
        raise conflict(approval_id)
    about = actions[kind].look(tx, Order(id=approval_id, content=content, by=by, second=""))
    days = read_second_person(tx.connection, about.unit).days
    approval = Approval(
        id=approval_id,
        kind=kind,
        content=text,
        digest=digest,
        subject=about.subject,
        unit=about.unit,
        amount_minor=about.amount_minor,
        state=ApprovalState.PENDING,
        by=by,
        asked_ms=tx.now_ms,
        expires_ms=tx.now_ms + days * DAY_MS,
    )
    _add(tx, approval)
    tx.touch("approval", approval_id)
    return approval


def approve(tx: Tx, actions: Actions, approval_id: str, by: str, digest: str) -> Approval:
    """Agree to what another person asked for: it is done now, once.

    Args:
        tx: The writer's transaction.
        actions: All kinds there are.
        approval_id: Which.
        by: Who agrees; somebody else than who asked.
        digest: Of what was seen.

    Raises:
        NotFoundError: No such request.
        ConflictError: It isn't pending, its time is over, or something else was seen.
        RefusedError: Who asked can't agree; or a rule or limit forbids what was asked.
        HubError: Whatever doing it raises; the request stays pending.
    """
    found = _pending(tx, approval_id)
    if found.state is ApprovalState.DONE and (found.decided_by, found.digest) == (by, digest):
        return found
    _check_open(tx, found, Step.APPROVE)
    if by == found.by:
        raise RefusedError(
            f"{found.id} was asked by the same person: another one must agree. Nothing changed.",
            Code.SECOND_PERSON,
        )
    if digest != found.digest or digest_of(found.id, found.kind, found.content) != found.digest:
        raise ConflictError(
            f"{found.id} isn't what was seen: read it again. Nothing changed.",
            Code.VERSION_STALE,
        )
    done = _take_step(tx, found, Step.APPROVE, by)
    actions[found.kind].run(tx, _order(actions, found, second=by))
    return done


def refuse(tx: Tx, actions: Actions, approval_id: str, by: str, decision: str) -> Approval:
    """Disagree with what another person asked for; who asked withdraws it so.

    Raises:
        InputError: No reason is given.
        NotFoundError: No such request.
        ConflictError: It isn't pending.
    """
    check_reason(decision)
    found = _pending(tx, approval_id)
    step = Step.WITHDRAW if by == found.by else Step.REFUSE
    if found.state is STEPS[ApprovalState.PENDING, step] and found.decided_by == by:
        return found
    ended = _take_step(tx, found, step, by, decision)
    actions[found.kind].drop(tx, _order(actions, found, second=by), step)
    return ended


def expire_approvals(tx: Tx, actions: Actions, now_ms: int, limit: int) -> int:
    """End requests that nobody agreed to in time.

    Returns:
        How many; as many as `limit`: there may be more.
    """
    due = (
        select(table)
        .where(_is_over(now_ms))
        .order_by(table.c.expires_ms, table.c.id)
        .limit(limit)
        .with_for_update()
    )
    found = [_approval(row) for row in tx.connection.execute(due)]
    for approval in found:
        _take_step(tx, approval, Step.EXPIRE, "")
        actions[approval.kind].drop(tx, _order(actions, approval, second=""), Step.EXPIRE)
    return len(found)


def has_expired(connection: Connection, now_ms: int) -> bool:
    """Whether `expire_approvals` has something to do."""
    return (
        connection.execute(select(table.c.id).where(_is_over(now_ms)).limit(1)).first() is not None
    )


def get_approval(connection: Connection, approval_id: str) -> Approval:
    """Read a request for a second person.

    Raises:
        NotFoundError: No such request.
    """
    found = _find(connection, approval_id)
    if found is None:
        raise NotFoundError(f"there is no request {approval_id} for a second person")
    return found


def list_approvals(
    connection: Connection, *, state: str | None, after: tuple[int, str] | None, limit: int
) -> list[Approval]:
    """Requests, newest first, one more than `limit` if there are more."""
    query = select(table).order_by(table.c.asked_ms.desc(), table.c.id.desc())
    if state is not None:
        query = query.where(table.c.state == state)
    if after is not None:
        query = query.where(tuple_(table.c.asked_ms, table.c.id) < after)
    return [_approval(row) for row in connection.execute(query.limit(limit + 1))]


def digest_of(approval_id: str, kind: str, content: str) -> str:
    """Digest of all that a second person agrees to: 32 hex digits."""
    data = msgspec.json.encode((approval_id, kind, content))
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def _pending(tx: Tx, approval_id: str) -> Approval:
    query = select(table).where(table.c.id == approval_id).with_for_update()
    row = tx.connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"there is no request {approval_id} for a second person")
    return _approval(row)


def _check_open(tx: Tx, found: Approval, step: Step) -> None:
    if (found.state, step) not in STEPS:
        raise ConflictError(f"{found.id} is {found.state}: it can't {step}. Nothing changed.")
    if tx.now_ms >= found.expires_ms:
        raise ConflictError(
            f"{found.id} has waited too long: ask again under a new id. Nothing changed."
        )


def _take_step(tx: Tx, found: Approval, step: Step, by: str, decision: str = "") -> Approval:
    state = STEPS.get((found.state, step))
    if state is None:
        raise ConflictError(f"{found.id} is {found.state}: it can't {step}. Nothing changed.")
    tx.connection.execute(
        update(table)
        .where(table.c.id == found.id)
        .values(state=state.value, decided_by=by, decided_ms=tx.now_ms, decision=decision)
    )
    tx.touch("approval", found.id)
    return get_approval(tx.connection, found.id)


def _order(actions: Actions, found: Approval, *, second: str) -> Order:
    try:
        content = msgspec.json.decode(found.content, type=actions[found.kind].type)
    except msgspec.MsgspecError as error:
        raise InputError(f"{found.id} can't be read by this version: {error}") from None
    return Order(id=found.id, content=content, by=found.by, second=second)


def _add(tx: Tx, approval: Approval) -> None:
    tx.connection.execute(
        insert(table).values(
            id=approval.id,
            kind=approval.kind,
            content=approval.content,
            digest=approval.digest,
            subject=approval.subject,
            unit=approval.unit,
            amount_minor=approval.amount_minor,
            state=approval.state.value,
            by=approval.by,
            asked_ms=approval.asked_ms,
            expires_ms=approval.expires_ms,
        )
    )


def _is_over(now_ms: int) -> ColumnElement[bool]:
    return and_(table.c.state == ApprovalState.PENDING.value, table.c.expires_ms <= now_ms)


def _find(connection: Connection, approval_id: str) -> Approval | None:
    row = connection.execute(select(table).where(table.c.id == approval_id)).first()
    return None if row is None else _approval(row)


def _approval(row: Row[Any]) -> Approval:
    values = dict(row._mapping)  # noqa: SLF001 SQLAlchemy's public name for a row as a mapping
    values["state"] = ApprovalState(values["state"])
    return Approval(**values)
