"""Answers to wants: how much of an account a controller may hold for a session."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select

from hub.charging import allowances, rights
from hub.charging.backing_sql import kinds_at
from hub.charging.means import Means, means_of
from hub.charging.member_limits import check_member
from hub.fleet.alarms import Matter, raise_alarm
from hub.fleet.controllers import ControllerState, find_controller
from hub.ledger.items import Booked, Refused
from hub.ledger.writer import Tx
from hub.people import purses
from hub.store.tables import charging, fleet, people
from wire.downlink import WantAnswer
from wire.errors import Code
from wire.machines import Machine
from wire.uplink import Want

_Row = Row[Any]
KEPT_MS = 7 * 86_400_000
"""No controller asks for so long. A want that came again later would move nothing either:
the book knows its id for ever."""
FORGOTTEN_AT_ONCE_MAX = 10
"""More than are added, so that the table shrinks."""
_OLD = (
    select(charging.wants.c.request)
    .where(charging.wants.c.answered_ms < bindparam("before"))
    .limit(FORGOTTEN_AT_ONCE_MAX)
)
_FORGET = delete(charging.wants).where(charging.wants.c.request.in_(_OLD))
_STORED = select(charging.wants).where(charging.wants.c.request == bindparam("request"))
_CARD = select(people.cards).where(people.cards.c.card_ref == bindparam("card"))
_MACHINE = select(fleet.machines).where(
    (fleet.machines.c.id == bindparam("machine")) & fleet.machines.c.removed_ms.is_(None)
)
_KEEP = insert(charging.wants)


def answer(tx: Tx, want: Want) -> WantAnswer | None:
    """Grant what the wallet may give, at most what is wanted. The same request: the same.

    Returns:
        The answer; None: the controller gets none (quarantined, revoked, or of a journal
        that isn't its current one).
    """
    controller = find_controller(tx.connection, want.sender)
    if controller is None or controller.state is not ControllerState.ACTIVE:
        return None
    if controller.epoch != want.epoch:
        return None
    stored = tx.connection.execute(_STORED, {"request": want.request}).first()
    if stored is not None:
        if (stored.controller, stored.account) != (want.sender, want.account):
            _alarm(tx, want)
            return None
        return WantAnswer(
            request=want.request, granted_minor=stored.granted_minor, code=stored.code
        )
    card, machine = _asking(tx, want)
    granted, code = _decide(tx, want, card, machine)
    tx.connection.execute(_FORGET, {"before": tx.now_ms - KEPT_MS})
    kept = {
        "request": want.request,
        "controller": want.sender,
        "account": want.account,
        "session": want.session,
        "wanted_minor": want.amount_minor,
        "granted_minor": granted,
        "code": code,
        "answered_ms": tx.now_ms,
        "member": _member(want, card),
        "kind": _kind(machine),
    }
    tx.connection.execute(_KEEP, kept)
    if granted:
        rights.refresh(tx, (want.account,))
    return WantAnswer(request=want.request, granted_minor=granted, code=code)


def _asking(tx: Tx, want: Want) -> tuple[_Row | None, _Row | None]:
    """The card that was tapped and the machine, as far as they are known."""
    card = tx.connection.execute(_CARD, {"card": want.card}).first()
    machine = tx.connection.execute(_MACHINE, {"machine": want.machine}).first()
    return card, machine


def _member(want: Want, card: _Row | None) -> str | None:
    """Whose limits hold; None: no member's."""
    return card.member if card is not None and card.account == want.account else None


def _kind(machine: _Row | None) -> str:
    return "" if machine is None else msgspec.json.decode(machine.definition, type=Machine).kind


def _decide(tx: Tx, want: Want, card: _Row | None, machine: _Row | None) -> tuple[int, int]:
    tx.book.flush()
    means = means_of(tx.connection, (want.account,)).get(want.account)
    refusal = _refusal(tx, want, means, (card, machine))
    member = _member(want, card)
    limit: int | None = None
    if member and not refusal:
        limit, refusal = check_member(tx, member, _kind(machine))
    if refusal or means is None:
        return 0, refusal or int(Code.ACCOUNT_UNKNOWN)
    available = means.available_minor
    if means.restricted:
        kinds = kinds_at(tx.connection, (want.sender,)).get(want.sender, frozenset())
        available = means.available_for(kinds)
    minor, short = min(want.amount_minor, available), Code.BALANCE_TOO_LOW
    if minor <= 0:
        return 0, int(Code.OVERRUN_OPEN if means.overrun_minor else Code.BALANCE_TOO_LOW)
    if limit is not None and limit < minor:
        minor, short = limit, Code.SPENDING_LIMIT
    place = (want.account, want.sender, want.epoch)
    outcome = allowances.grant(tx, want.request, place, means.unit, minor)
    if isinstance(outcome, Refused):  # a lot's time ended a moment ago
        return 0, int(outcome.code)
    if not isinstance(outcome, Booked):
        _alarm(tx, want)
        return 0, int(Code.ID_CONFLICT)
    return minor, 0 if minor == want.amount_minor else int(short)


def _refusal(
    tx: Tx, want: Want, means: Means | None, asking: tuple[_Row | None, _Row | None]
) -> int:
    """Why nothing may be granted; 0: nothing forbids it.

    A stolen controller must not draw on wallets whose cards it never saw.
    """
    card, machine = asking
    if means is None:
        return int(Code.ACCOUNT_UNKNOWN)
    if means.state != "open":
        return int(Code.ACCOUNT_CLOSED if means.state == "closed" else Code.CARD_BLOCKED)
    if card is None or not purses.pays_from(tx.connection, card, want.account):
        return int(Code.CARD_UNKNOWN)
    if card.state != "active":
        return int(Code.CARD_BLOCKED)
    known = machine is not None and machine.controller == want.sender
    return 0 if known else int(Code.MACHINE_NOT_CONFIGURED)


def _alarm(tx: Tx, want: Want) -> None:
    raise_alarm(
        tx,
        Matter(
            code=Code.ID_CONFLICT,
            controller=want.sender,
            machine=want.machine,
            subject=want.account,
            detail=f"request {want.request} was used for something else",
        ),
    )
