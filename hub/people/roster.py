"""Changes of who belongs to an organisation: members, their limits, their cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from hub.errors import ConflictError, InputError
from hub.fleet.alarms import clear_alarm
from hub.ledger.writer import Tx
from hub.people import card_list, spending
from hub.people.accounts import require_open
from hub.people.cards import get_card
from hub.people.limits import Limit, check_limits
from hub.people.members import Member, MemberState, find_members, get_member
from hub.store.tables.fleet import sites
from hub.store.tables.members import members
from hub.store.tables.people import cards
from wire.errors import Code, TariffError
from wire.ids import is_name
from wire.usage import zone

NAME_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """A member that staff add.

    Attributes:
        id: Made by who asks.
        account: The organisation's account.
        name: What staff call it.
        timezone: By which its days are read; empty: the zone of the first site.
        limits: What it may spend; none: whatever the account can.
    """

    id: str
    account: str
    name: str
    timezone: str = ""
    limits: tuple[Limit, ...] = ()


def add_member(tx: Tx, asked: NewMember) -> Member:
    """Add a member to an account. The same again: the member as it is.

    Raises:
        InputError: The name, the zone or a limit can't be one.
        NotFoundError: No such account.
        ConflictError: The account is closed, or the id names another member.
    """
    if not is_name(asked.id):
        raise InputError("a member's id is lower case letters, digits and _ . -, at most 64")
    _check_name(asked.name)
    check_limits(asked.limits)
    timezone = asked.timezone or _usual_zone(tx)
    try:
        zone(timezone)
    except TariffError as error:
        raise InputError(str(error)) from None
    before = find_members(tx.connection, (asked.id,)).get(asked.id)
    if before is not None:
        if (before.account, before.name) != (asked.account, asked.name):
            raise ConflictError(f"{asked.id} is another member already", Code.ID_CONFLICT)
        return before
    require_open(tx.connection, asked.account)
    tx.connection.execute(
        insert(members).values(
            id=asked.id,
            account=asked.account,
            name=asked.name,
            timezone=timezone,
            limits=msgspec.json.encode(asked.limits).decode(),
            created_ms=tx.now_ms,
        )
    )
    spending.follow(tx, (get_member(tx.connection, asked.id),))
    tx.touch("account", asked.account)
    return get_member(tx.connection, asked.id)


def change_member(tx: Tx, member_id: str, given: Mapping[str, Any]) -> Member:
    """Change a member's name, state or limits; the card list follows at once.

    A limit may be set below what was spent: then nothing is left until the next period.

    Args:
        tx: The writer's transaction.
        member_id: Which.
        given: `name`, `state` or `limits` with new values; others stay.

    Raises:
        InputError: A value is out of range.
        NotFoundError: No such member.
        ConflictError: It has left the organisation.
    """
    find_members(tx.connection, (member_id,), lock=True)
    before = get_member(tx.connection, member_id)
    wanted = replace(before, **given)
    if wanted == before:
        return before
    if before.state is MemberState.LEFT:
        raise ConflictError(f"{member_id} has left: add another member")
    _check_name(wanted.name)
    check_limits(wanted.limits)
    tx.connection.execute(
        update(members)
        .where(members.c.id == member_id)
        .values(
            name=wanted.name,
            state=wanted.state.value,
            limits=msgspec.json.encode(wanted.limits).decode(),
        )
    )
    spending.follow(tx, (wanted,), turned=True)
    if wanted.state is not before.state:
        card_list.relist_members(tx, (member_id,))
    if wanted.state is MemberState.LEFT:
        clear_alarm(tx, Code.SPENDING_LIMIT, "", member_id)
    tx.touch("account", before.account)
    return get_member(tx.connection, member_id)


def give_card(tx: Tx, member_id: str, card_id: str) -> None:
    """Let a card of the account be a member's: from now on its limits hold. Twice: once.

    Raises:
        NotFoundError: No such member or card.
        ConflictError: The card is another account's or member's, or the member has left.
    """
    member = get_member(tx.connection, member_id)
    card = get_card(tx.connection, card_id)
    if card.account != member.account:
        raise ConflictError(f"{card_id} is a card of another account: link a card of this one")
    if card.member == member_id:
        return
    if card.member is not None:
        raise ConflictError(f"{card_id} is {card.member}'s: take it away there first")
    if member.state is MemberState.LEFT:
        raise ConflictError(f"{member_id} has left: add another member")
    _set_member(tx, card_id, member_id)


def take_card(tx: Tx, member_id: str, card_id: str) -> None:
    """Take a card away from a member: it is the account's own, without limits. Twice: once.

    Raises:
        NotFoundError: No such member or card.
        ConflictError: It is another member's.
    """
    get_member(tx.connection, member_id)
    card = get_card(tx.connection, card_id)
    if card.member is None:
        return
    if card.member != member_id:
        raise ConflictError(f"{card_id} is {card.member}'s: take it away there")
    _set_member(tx, card_id, None)


def _set_member(tx: Tx, card_id: str, member_id: str | None) -> None:
    tx.connection.execute(update(cards).where(cards.c.id == card_id).values(member=member_id))
    card_list.relist_card(tx, card_id)


def _usual_zone(tx: Tx) -> str:
    query = select(sites.c.timezone).order_by(sites.c.id).limit(1)
    return tx.connection.execute(query).scalar() or "UTC"


def _check_name(name: str) -> None:
    if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX or not name.isprintable():
        raise InputError(f"a member's name has 1 to {NAME_LENGTH_MAX} printable characters")
