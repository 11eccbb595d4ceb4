"""Refund requests: a person asks, the rule decides at once or says who does, and by when.

"Charged but did not start" is decided by the machine's own record: its controller wrote
down how the session ended and what was used, and signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger.writer import Tx
from hub.payments import refund_request_rows as rows
from hub.payments.fees import fee_minor, span_words
from hub.payments.records import check_amount, check_id, check_reason, conflict, find_payment
from hub.payments.refund_request_rows import RefundRequest, RequestState, Step
from hub.payments.refund_rules import (
    DAY_MS,
    Approver,
    Record,
    RefundRule,
    evidence_of,
    read_refund_rules,
    rule_for,
)
from hub.payments.refunds import Refund, refund_session
from hub.payments.second_person import needs_second, read_second_person
from hub.store.tables.charging import sessions
from hub.store.tables.fleet import controllers
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX

WORDS_LENGTH_MAX = 500
BY_RULE = "rule"
"""Who decided, when no person did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asks.

    Attributes:
        id: Made and stored by who asks.
        session: Which session.
        amount_minor: How much; None: what is left of its charge.
        reason: One of the rule's.
        words: More, in the person's words; may be empty.
        by: Id of the API key, or `cli`.
    """

    id: str
    session: str
    amount_minor: int | None
    reason: str
    words: str
    by: str


def ask_refund(tx: Tx, asked: Ask) -> RefundRequest:
    """Ask for a refund. The same again: the request as it is.

    Raises:
        InputError: The amount, the reason, the words or the id can't be one.
        NotFoundError: No such session.
        ConflictError: The id was used otherwise, another request waits, the session runs,
            or it was refunded.
        RefusedError: The window is over, or more is asked than is left of its charge.
    """
    check_id(asked.id)
    _check_words(asked.words)
    before = rows.find_request(tx.connection, asked.id)
    if before is not None:
        if not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    if find_payment(tx.connection, asked.id) is not None:
        raise conflict(asked.id)
    session = _session(tx, asked.session)
    record = _record(tx, session)
    rule = rule_for(read_refund_rules(tx.connection, session.unit), record)
    _check_window(tx, session, rule)
    amount = _amount(session, asked)
    request = rows.add(tx, _request(tx, asked, session, (rule, record), amount))
    tx.touch("account", request.account)
    if not _is_at_once(tx, rule, request):
        return request
    words = request.evidence or "the rule grants it"
    return _book(tx, request, by=BY_RULE, decision=words)


def approve_request(
    tx: Tx, request_id: str, by: str, decision: str, *, second: str = ""
) -> RefundRequest:
    """Grant a request: the money goes back now. Granted by the same before: as it is.

    Args:
        tx: The writer's transaction.
        request_id: Which.
        by: Who grants it.
        decision: Words of who grants it; may be empty.
        second: Who else agreed; empty: nobody did.

    Raises:
        NotFoundError: No such request.
        ConflictError: It was decided, or the session was refunded meanwhile.
        RefusedError: It takes a second person.
    """
    _check_words(decision)
    request = rows.get_request(tx.connection, request_id, lock=True)
    if request.state is RequestState.BOOKED and request.decided_by == by:
        return request
    if request.approver is Approver.SECOND and not second:
        raise needs_second("this refund", "refund_request")
    return _book(tx, request, by=by, decision=decision, second=second)


def refuse_request(tx: Tx, request_id: str, by: str, decision: str) -> RefundRequest:
    """Refuse a request, with a reason. Refused by the same before: as it is.

    Raises:
        InputError: No reason is given.
        NotFoundError: No such request.
        ConflictError: It was decided otherwise.
    """
    check_reason(decision)
    request = rows.get_request(tx.connection, request_id, lock=True)
    if request.state is RequestState.REFUSED and request.decided_by == by:
        return request
    return rows.take_step(tx, request, Step.REFUSE, by, decision)


def hand_on(tx: Tx, request_id: str, by: str) -> RefundRequest:
    """Note that one person agreed and a second one is asked.

    Raises:
        NotFoundError: No such request.
        ConflictError: It was decided, or a second person is asked already.
    """
    request = rows.get_request(tx.connection, request_id, lock=True)
    return rows.take_step(tx, request, Step.APPROVE, by)


def take_back(tx: Tx, request_id: str) -> None:
    """Let a request wait for a first person again. Decided meanwhile: it stays so."""
    request = rows.get_request(tx.connection, request_id, lock=True)
    if request.state is RequestState.APPROVED:
        rows.take_step(tx, request, Step.REOPEN, "")


def _book(
    tx: Tx, request: RefundRequest, *, by: str, decision: str, second: str = ""
) -> RefundRequest:
    done = rows.take_step(tx, request, Step.BOOK, by, decision)
    refund_session(
        tx,
        Refund(
            id=request.id,
            session=request.session,
            amount_minor=request.amount_minor,
            fee_minor=request.fee_minor,
            reason=request.reason,
            by=request.by,
        ),
        second=second,
    )
    return done


def _is_at_once(tx: Tx, rule: RefundRule, request: RefundRequest) -> bool:
    limit = read_second_person(tx.connection, request.unit).refund_minor
    if limit is not None and request.amount_minor > limit:
        return False  # two people, whatever the record says
    if request.evidence and request.amount_minor <= rule.automatic_minor:
        return True
    return rule.approver is Approver.NONE


def _request(
    tx: Tx, asked: Ask, session: Row[Any], ruled: tuple[RefundRule, Record], amount: int
) -> RefundRequest:
    rule, record = ruled
    reason = next((one for one in rule.reasons if one.id == asked.reason), None)
    if reason is None:
        known = ", ".join(one.id for one in rule.reasons)
        raise InputError(f"{asked.reason} is no reason for a refund here: choose {known}")
    evidence = evidence_of(rule, record) if reason.by_record else ""
    fee = 0 if evidence else fee_minor(rule.fee, amount)
    if fee >= amount:
        raise InputError(
            f"the fee of {fee} minor units would take all of {amount}", Code.AMOUNT_INVALID
        )
    return RefundRequest(
        id=asked.id,
        session=asked.session,
        account=session.account,
        unit=session.unit,
        amount_minor=amount,
        fee_minor=fee,
        reason=asked.reason,
        words=asked.words,
        evidence=evidence,
        approver=rule.approver,
        by=asked.by,
        requested_ms=tx.now_ms,
        expected_ms=tx.now_ms + rule.processing_days * DAY_MS,
    )


def _session(tx: Tx, session: str) -> Row[Any]:
    query = select(sessions).where(sessions.c.id == session)
    row = tx.connection.execute(query.with_for_update(key_share=True)).first()
    if row is None:
        raise NotFoundError(f"there is no session {session}")
    if row.state == "running":
        raise ConflictError(f"{session} is running: ask again when it has ended")
    waiting = rows.waiting_for(tx.connection, session)
    if waiting is not None:
        raise ConflictError(f"{waiting.id} waits for a decision on {session} already")
    return row


def _record(tx: Tx, session: Row[Any]) -> Record:
    site = select(controllers.c.site).where(controllers.c.id == session.controller)
    return Record(
        site=tx.connection.execute(site).scalar() or "",
        kind=session.kind,
        reason=session.reason,
        time_ms=session.time_ms,
        quantity=session.quantity,
    )


def _check_window(tx: Tx, session: Row[Any], rule: RefundRule) -> None:
    # A controller that was offline reports late: nobody could ask before.
    known_ms = max(session.ended_ms or 0, session.booked_ms)
    ended_ms = min(known_ms, tx.now_ms)  # its clock may be ahead
    if tx.now_ms > ended_ms + rule.window_ms:
        raise RefusedError(
            f"{session.id} can be refunded within {span_words(rule.window_ms)} after its end: "
            "that is over. Nothing changed.",
            Code.WINDOW_OVER,
        )


def _amount(session: Row[Any], asked: Ask) -> int:
    left = int(session.charge_minor - session.refunded_minor)
    if left == 0:
        why = "was refunded already" if session.charge_minor else "cost nothing"
        raise ConflictError(f"{asked.session} {why}", Code.ALREADY_REFUNDED)
    amount = left if asked.amount_minor is None else asked.amount_minor
    check_amount(amount, 1, AMOUNT_MINOR_MAX)
    if amount > left:
        raise RefusedError(
            f"{left} minor units are left of the charge of {asked.session}, not {amount}",
            Code.REFUND_TOO_LARGE,
        )
    return amount


def _check_words(words: str) -> None:
    if len(words) > WORDS_LENGTH_MAX or not all(c.isprintable() or c == "\n" for c in words):
        raise InputError(f"words are at most {WORDS_LENGTH_MAX} printable characters")


def _is_same(before: RefundRequest, asked: Ask) -> bool:
    amount = before.amount_minor if asked.amount_minor is None else asked.amount_minor
    return (before.session, before.amount_minor, before.reason, before.words, before.by) == (
        asked.session,
        amount,
        asked.reason,
        asked.words,
        asked.by,
    )
