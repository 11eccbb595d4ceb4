"""Cards: a card names an account and is never a purse.

A UID becomes a reference at once (`wire.ids.card_ref`) and is neither kept nor
logged. Each change gives the card the next place in the card list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, tuple_, update

from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.people.accounts import require_open
from hub.store.tables.lots import card_purses
from hub.store.tables.people import card_taps, cards
from wire.errors import Code
from wire.ids import CARD_REF_BYTES, card_ref, is_random_uid

UID_LENGTHS = (4, 7, 10)
"""ISO/IEC 14443-3 section 6.5.4: single, double and triple size."""
LABEL_LENGTH_MAX = 64
LEVEL_MAX = 2
CARDS_PER_ACCOUNT_MAX = 200
"""All cards of an account share a list revision, and a page never cuts one in two."""


class CardState(StrEnum):
    """Whether a card names its account."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        id: `crd_…`.
        card_ref: Its reference; says nothing of the UID.
        account: Whose.
        label: What people call it.
        level: How it proves itself, 0 to 2.
        state: Whether it names its account.
        replaced_by: Id of the card that took its place; empty: none did.
        list_revision: Its place in the card list.
        created_ms: When it was linked.
        member: Whose of an organisation's members; None: the account's own.
        key_version: Version of the site's key that its own is made from; 0: it has none,
            or none was reported yet.
    """

    id: str
    card_ref: str
    account: str
    label: str
    level: int
    state: CardState
    replaced_by: str
    list_revision: int
    created_ms: int
    member: str | None = None
    key_version: int = 0


def ref_of_uid(salt: bytes, uid_hex: str) -> str:
    """The reference of a card whose UID was read or typed; colons and spaces don't matter.

    Raises:
        InputError: No UID, or one that the card makes up anew at each tap.
    """
    try:
        uid = bytes.fromhex(uid_hex.replace(":", "").replace("-", ""))
    except ValueError:
        raise InputError("a UID is 4, 7 or 10 bytes in hex, such as 04A1B2C3D4E5F6") from None
    if len(uid) not in UID_LENGTHS:
        raise InputError("a UID is 4, 7 or 10 bytes in hex, such as 04A1B2C3D4E5F6")
    if is_random_uid(uid):
        raise InputError(
            "this card makes up a new UID at each tap (08…) and names nobody: use another card",
            Code.CARD_RANDOM_UID,
        )
    return card_ref(salt, uid)


def link_card(
    tx: Tx, card_id: str, account: str, ref: str, *, level: int = 0, label: str = ""
) -> Card:
    """Let a card name an account. Linked to it already: the card as it is.

    Raises:
        InputError: The reference, level or label is out of range.
        NotFoundError: No such account.
        ConflictError: The account is closed or has too many cards, or the card names
            another account or was replaced.
    """
    _check(ref, level, label)
    require_open(tx.connection, account)
    existing = find_by_ref(tx.connection, ref)
    if existing is not None:
        return _linked_before(existing, account)
    if len(cards_of(tx.connection, account)) >= CARDS_PER_ACCOUNT_MAX:
        raise ConflictError(
            f"{account} has {CARDS_PER_ACCOUNT_MAX} cards: that is the most", Code.LIMIT_EXCEEDED
        )
    tx.connection.execute(
        insert(cards).values(
            id=card_id,
            card_ref=ref,
            account=account,
            label=label,
            level=level,
            list_revision=0,
            created_ms=tx.now_ms,
        )
    )
    card_list.relist_card(tx, card_id)
    return get_card(tx.connection, card_id)


def get_card(connection: Connection, card_id: str) -> Card:
    """Read a card.

    Raises:
        NotFoundError: No such card.
    """
    row = connection.execute(select(cards).where(cards.c.id == card_id)).first()
    if row is None:
        raise NotFoundError(f"there is no card {card_id}")
    return _card(row)


def find_by_ref(connection: Connection, ref: str) -> Card | None:
    """The card with a reference, or None."""
    row = connection.execute(select(cards).where(cards.c.card_ref == ref)).first()
    return None if row is None else _card(row)


def cards_of(connection: Connection, account: str) -> list[Card]:
    """All cards of an account, at most `CARDS_PER_ACCOUNT_MAX`, oldest first."""
    query = select(cards).where(cards.c.account == account).order_by(cards.c.id)
    return [_card(row) for row in connection.execute(query)]


def list_cards(
    connection: Connection,
    *,
    after: tuple[int, str] | None,
    limit: int,
    key_version_below: int | None = None,
) -> list[Card]:
    """Cards, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        after: `created_ms` and id of the row that the page follows.
        limit: Page size.
        key_version_below: Only cards in use that prove themselves with an older key than
            this, 1 to 255: those that are still to be brought up. None: all cards.
    """
    query = select(cards).order_by(cards.c.created_ms.desc(), cards.c.id.desc())
    if key_version_below is not None:
        query = query.where(
            cards.c.level > 0,
            cards.c.key_version < key_version_below,
            cards.c.state != CardState.REPLACED.value,
        )
    if after is not None:
        query = query.where(tuple_(cards.c.created_ms, cards.c.id) < after)
    return [_card(row) for row in connection.execute(query.limit(limit + 1))]


def block_card(tx: Tx, card_id: str) -> Card:
    """Stop a card everywhere: lost, or stolen. Its account keeps its money.

    Raises:
        NotFoundError: No such card.
        ConflictError: It was replaced.
    """
    return _set_state(tx, card_id, CardState.BLOCKED)


def unblock_card(tx: Tx, card_id: str) -> Card:
    """Let a blocked card name its account again: it was found.

    Raises:
        NotFoundError: No such card.
        ConflictError: It was replaced.
    """
    return _set_state(tx, card_id, CardState.ACTIVE)


def keep_keyed(tx: Tx, card_id: str, level: int, key_version: int) -> Card:
    """Note that a card was given keys, new keys, or none any more: level and version.

    Its count begins anew. The same again: the card as it is.

    Raises:
        NotFoundError: No such card.
        InputError: Level and version don't fit each other.
        ConflictError: It was replaced.
    """
    before = get_card(tx.connection, card_id)
    if before.state is CardState.REPLACED:
        raise ConflictError(f"{card_id} was replaced by {before.replaced_by}: it stays out of use")
    if not 0 <= level <= LEVEL_MAX:
        raise InputError(f"a card's level is 0 to {LEVEL_MAX}")
    if (level == 0) != (key_version == 0):
        raise InputError("a card of level 0 has key version 0, any other has 1 or more")
    if (before.level, before.key_version) == (level, key_version):
        return before
    tx.connection.execute(
        update(cards)
        .where(cards.c.id == card_id)
        .values(level=level, key_version=key_version, keyed_ms=tx.now_ms)
    )
    tx.connection.execute(delete(card_taps).where(card_taps.c.card == card_id))
    card_list.relist_card(tx, card_id)
    return get_card(tx.connection, card_id)


def replace_card(tx: Tx, card_id: str, new_id: str, ref: str, level: int) -> Card:
    """Put a new card in the place of one that is lost or broken. Returns the new one.

    The account, its money and its terms stay; only the old card names nobody any more.
    The same replacement again: the new card as it is.

    Raises:
        NotFoundError: No such card.
        InputError: The reference or level is out of range.
        ConflictError: It was replaced by another, or the new card names someone.
    """
    old = get_card(tx.connection, card_id)
    if old.card_ref == ref:
        raise ConflictError("a card can't take its own place: tap the new one")
    if old.state is CardState.REPLACED:
        new = get_card(tx.connection, old.replaced_by)
        if new.card_ref == ref:
            return new
        raise ConflictError(f"{card_id} was replaced by {old.replaced_by} already")
    if find_by_ref(tx.connection, ref) is not None:
        raise ConflictError("the new card names an account already: use a fresh one")
    new = link_card(tx, new_id, old.account, ref, level=level, label=old.label)
    tx.connection.execute(
        update(cards)
        .where(cards.c.id == card_id)
        .values(state=CardState.REPLACED.value, replaced_by=new.id)
    )
    tx.connection.execute(
        update(card_purses).where(card_purses.c.card == card_id).values(card=new.id)
    )
    if old.member is not None:
        # It is listed already, but nothing is sent before this transaction ends.
        tx.connection.execute(update(cards).where(cards.c.id == new.id).values(member=old.member))
    card_list.relist_card(tx, card_id)
    return get_card(tx.connection, new.id)


def _linked_before(existing: Card, account: str) -> Card:
    if existing.state is CardState.REPLACED:
        raise ConflictError("this card was replaced and names nobody any more: use a fresh one")
    if existing.account != account:
        raise ConflictError("this card names another account: block or replace it there")
    return existing


def _set_state(tx: Tx, card_id: str, state: CardState) -> Card:
    before = get_card(tx.connection, card_id)
    if before.state is CardState.REPLACED:
        raise ConflictError(f"{card_id} was replaced by {before.replaced_by}: it stays out of use")
    if before.state is state:
        return before
    tx.connection.execute(update(cards).where(cards.c.id == card_id).values(state=state.value))
    card_list.relist_card(tx, card_id)
    return get_card(tx.connection, card_id)


def _check(ref: str, level: int, label: str) -> None:
    if len(ref) != 2 * CARD_REF_BYTES or set(ref) - set("0123456789abcdef"):
        raise InputError(f"a card reference is {2 * CARD_REF_BYTES} lower case hex digits")
    if not 0 <= level <= LEVEL_MAX:
        raise InputError(f"a card's level is 0 to {LEVEL_MAX}")
    if len(label) > LABEL_LENGTH_MAX or not label.isprintable():
        raise InputError(f"a label is at most {LABEL_LENGTH_MAX} printable characters")


def _card(row: Row[Any]) -> Card:
    return Card(
        id=row.id,
        card_ref=row.card_ref,
        account=row.account,
        label=row.label,
        level=row.level,
        state=CardState(row.state),
        replaced_by=row.replaced_by,
        list_revision=row.list_revision,
        created_ms=row.created_ms,
        member=row.member,
        key_version=row.key_version,
    )
