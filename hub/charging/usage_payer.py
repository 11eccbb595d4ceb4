"""Who pays for a usage, at which price, and whether it may."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from hub.charging import services
from hub.charging.member_limits import check_member
from hub.charging.usage_asked import Authorise
from hub.charging.usage_rows import UsageRow
from hub.charging.usage_state import UsageState
from hub.errors import InputError, NotFoundError, RefusedError
from hub.ledger.writer import Tx
from hub.people.accounts import require_spending
from hub.people.members import get_member
from hub.people.purses import list_purses
from hub.store.tables.people import accounts, cards
from wire.errors import Code
from wire.tariff import Tariff


def open_usage(tx: Tx, asked: Authorise, state: UsageState) -> tuple[UsageRow, Tariff]:
    """A usage as it begins, and the tariff that is frozen for it. Nothing is written.

    A card that has a purse in the tariff's unit pays from it, as at a machine.

    Raises:
        InputError: Neither account nor card was named, or they don't belong together.
        NotFoundError: No such account, card, member, service or tariff.
        RefusedError: The card is blocked, or the tariff is in another unit.
    """
    service = services.get_service(tx.connection, asked.service)
    card = _card(tx, asked)
    owner = _account(tx, card.account if card is not None else asked.account)
    if asked.account and asked.account != owner.id:
        raise InputError(f"this card is of {owner.id}: name its account, or none")
    tariff = services.price_of(tx.connection, service, owner, asked.tariff)
    payer = _payer(tx, owner, card, tariff)
    member = _member(tx, asked, owner, card) if payer.id == owner.id else None
    usage = UsageRow(
        id=asked.id,
        account=payer.id,
        member=member,
        card_ref=asked.card_ref,
        service=service.id,
        kind=service.kind,
        unit=payer.unit,
        tariff=tariff.id,
        tariff_version=tariff.version,
        state=state,
        by=asked.by,
        started_ms=tx.now_ms,
    )
    return usage, tariff


def require_spendable(tx: Tx, usage: UsageRow, minor: int, *, limits: bool = True) -> None:
    """Check that an account and its member may spend more now; the money itself is the book's.

    Args:
        tx: The writer's transaction.
        usage: For what.
        minor: How much more.
        limits: Whether the member's limits hold.

    Raises:
        ConflictError: The account is closed, blocked or discontinued.
        RefusedError: The member is suspended, or beyond a limit.
    """
    require_spending(tx.connection, usage.account)
    if usage.member is None or not limits:
        return
    left, code = check_member(tx, usage.member, usage.kind)
    if code == Code.CARD_BLOCKED:
        raise RefusedError(f"{usage.member} is suspended or has left", Code.CARD_BLOCKED)
    if left is not None and left < minor:
        raise RefusedError(
            f"{usage.member} may spend {left} more for {usage.kind}, not {minor}: change its "
            "limit, or wait for its next period",
            Code.SPENDING_LIMIT,
        )


def _card(tx: Tx, asked: Authorise) -> Row[Any] | None:
    if not asked.card_ref:
        if not asked.account:
            raise InputError("say who pays: an account or a card")
        return None
    row = tx.connection.execute(select(cards).where(cards.c.card_ref == asked.card_ref)).first()
    if row is None:
        raise NotFoundError("this card names no account: link it to one", Code.CARD_UNKNOWN)
    if row.state != "active":
        raise RefusedError("this card is blocked or was replaced", Code.CARD_BLOCKED)
    return row


def _account(tx: Tx, account_id: str) -> Row[Any]:
    row = tx.connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
    if row is None:
        raise NotFoundError(f"there is no account {account_id}", Code.ACCOUNT_UNKNOWN)
    return row


def _payer(tx: Tx, owner: Row[Any], card: Row[Any] | None, tariff: Tariff) -> Row[Any]:
    unit = tariff.unit.code
    if owner.unit == unit:
        return owner
    purses = {} if card is None else list_purses(tx.connection, card.id)
    if unit in purses:
        return _account(tx, purses[unit])
    raise RefusedError(
        f"{tariff.id} is in {unit}, {owner.id} has {owner.unit}: money never crosses units",
        Code.UNIT_MISMATCH,
    )


def _member(tx: Tx, asked: Authorise, owner: Row[Any], card: Row[Any] | None) -> str | None:
    """Whose limits hold: the card's member's, or the one that the caller names."""
    of_card: str | None = None if card is None else card.member
    if not asked.member or asked.member == of_card:
        return of_card
    if of_card is not None:
        raise InputError(f"this card is {of_card}'s: name that member, or none")
    if get_member(tx.connection, asked.member).account != owner.id:
        raise InputError(f"{asked.member} is a member of another account")
    return asked.member
