"""Purses of a card: accounts in other units that it pays from, beside its own account.

Money never crosses units, so a person with euros and washes has two accounts. One card
then names both: a machine takes the one whose unit its price has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from hub.errors import ConflictError, RefusedError
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.people.accounts import require_open
from hub.people.cards import CARDS_PER_ACCOUNT_MAX, CardState, cards_of, get_card
from hub.store.tables.lots import card_purses
from wire.errors import Code

PURSES_PER_CARD_MAX = 8
"""A card's entry in the list stays short, and nobody has more units on one card."""


def link_purse(tx: Tx, card_id: str, account: str) -> dict[str, str]:
    """Let a card pay from another account, too. Linked before: as it is.

    Args:
        tx: The writer's transaction.
        card_id: Which card.
        account: An open account in a unit that the card doesn't pay in yet.

    Returns:
        The card's purses: account by unit.

    Raises:
        NotFoundError: No such card, or no such account.
        ConflictError: The account is closed, the card was replaced, or it pays in this
            unit from another account.
        RefusedError: The card has too many purses, or the account too many cards.
    """
    card = get_card(tx.connection, card_id)
    if card.state is CardState.REPLACED:
        raise ConflictError(f"{card_id} was replaced by {card.replaced_by}: link that one")
    unit = require_open(tx.connection, account).unit
    before = purses_of(tx.connection, (card_id,)).get(card_id, {})
    if before.get(unit) == account:
        return before
    own = require_open(tx.connection, card.account)
    if own.unit == unit or unit in before:
        raise ConflictError(
            f"{card_id} pays in {unit} from {before.get(unit, own.id)}: a card has one account "
            "for each unit. Unlink that first.",
            Code.STATE_CONFLICT,
        )
    if len(before) >= PURSES_PER_CARD_MAX:
        raise RefusedError(f"{card_id} has {PURSES_PER_CARD_MAX} purses: that is the most")
    if _cards_at(tx.connection, account) >= CARDS_PER_ACCOUNT_MAX:
        raise RefusedError(f"{account} has {CARDS_PER_ACCOUNT_MAX} cards: that is the most")
    tx.connection.execute(insert(card_purses).values(card=card_id, unit=unit, account=account))
    card_list.relist_card(tx, card_id)
    tx.touch("account", account)
    return before | {unit: account}


def unlink_purse(tx: Tx, card_id: str, unit: str) -> dict[str, str]:
    """Have a card pay no more in a unit. Its account keeps its money. Twice: once.

    Returns:
        The card's purses that are left: account by unit.

    Raises:
        NotFoundError: No such card.
    """
    get_card(tx.connection, card_id)
    before = purses_of(tx.connection, (card_id,)).get(card_id, {})
    account = before.pop(unit, None)
    if account is not None:
        tx.connection.execute(
            delete(card_purses).where(
                (card_purses.c.card == card_id) & (card_purses.c.unit == unit)
            )
        )
        card_list.relist_card(tx, card_id)
        tx.touch("account", account)
    return before


def purses_of(connection: Connection, cards: Iterable[str]) -> dict[str, dict[str, str]]:
    """Purses by card: account by unit; cards without any are left out."""
    query = select(card_purses).where(card_purses.c.card.in_(sorted(cards)))
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(query.order_by(card_purses.c.card, card_purses.c.unit)):
        found.setdefault(row.card, {})[row.unit] = row.account
    return found


def list_purses(connection: Connection, card_id: str) -> dict[str, str]:
    """Purses of a card: account by unit.

    Raises:
        NotFoundError: No such card.
    """
    get_card(connection, card_id)
    return purses_of(connection, (card_id,)).get(card_id, {})


def pays_from(connection: Connection, card: Row[Any], account: str) -> bool:
    """Tell whether a card, a row of `cards`, pays from an account: its own, or a purse."""
    if card.account == account:
        return True
    query = select(card_purses.c.account).where(
        (card_purses.c.card == card.id) & (card_purses.c.account == account)
    )
    return connection.execute(query).first() is not None


def _cards_at(connection: Connection, account: str) -> int:
    """How many cards pay from an account: they share a revision of the card list."""
    query = select(func.count()).select_from(card_purses).where(card_purses.c.account == account)
    return len(cards_of(connection, account)) + int(connection.execute(query).scalar_one())
