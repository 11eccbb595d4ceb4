"""Routes of an organisation's members: who they are, their limits, what they spent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from litestar.params import JSONBody
from sqlalchemy import Connection

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.people import cards, members, roster, spending
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.people.limits import LIMITS_MAX, Limit, left_minor
from hub.people.members import Member, MemberState
from hub.people.periods import Period
from hub.web.api.cards import CardName, CardView, Level, ref_of, view as card_view
from hub.web.paging import (
    PAGE_LIMIT_DEFAULT,
    After,
    Limit as PageLimit,
    Page,
    decode_cursor,
    page_of,
)
from hub.web.ports import Hub
from hub.web.routing import PathId, change, read, remove, write
from wire.bounds import Minor, Name

TAG = "Members"
MemberName = Annotated[str, msgspec.Meta(min_length=1, max_length=roster.NAME_LENGTH_MAX)]


class LimitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that a member may spend in a period.

    Attributes:
        period: A day, a week from Monday, or a month, by the member's time zone.
        kind: Machine kind that it is for; empty: all kinds together.
        amount_minor: How much, in minor units of the account's unit; 0: nothing.
    """

    period: Period
    kind: Name = ""
    amount_minor: Minor


Limits = Annotated[tuple[LimitBody, ...], msgspec.Meta(max_length=LIMITS_MAX)]


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    """How a limit stands.

    Attributes:
        period: How long it holds.
        kind: Machine kind that it is for; empty: all kinds together.
        amount_minor: The limit.
        used_minor: What was charged in the period that runs, and is held for open usages.
        left_minor: What may still be spent.
        ends_ms: When the next period begins.
    """

    period: Period
    kind: str
    amount_minor: int
    used_minor: int
    left_minor: int
    ends_ms: int


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A member of an organisation.

    Attributes:
        id: Its id.
        account: The organisation's account.
        name: What staff call it.
        state: `active`, `suspended` or `left`; only an active one's cards start anything.
        timezone: By which its days, weeks and months are read, for ever.
        limits: How its limits stand; none: it may spend what the account can.
        left_minor: The least left over limits for all kinds; null: there is none.
        created_ms: When it was added.
    """

    id: str
    account: str
    name: str
    state: MemberState
    timezone: str
    limits: list[LimitView]
    left_minor: int | None
    created_ms: int


class DayView(msgspec.Struct, frozen=True, kw_only=True):
    """What a member spent on one of its local days at one kind of machine.

    Attributes:
        day: The day as a number: 20260131.
        kind: Machine kind.
        spent_minor: Charged, less what was refunded.
        held_minor: Held for open usages.
    """

    day: int
    kind: str
    spent_minor: int
    held_minor: int


class MemberBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A member to add.

    Attributes:
        id: Made by the caller; null: the hub makes one, and a repeat adds another member.
        name: What staff call it.
        timezone: By which its days are read; empty: the zone of the first site.
        limits: What it may spend.
    """

    id: Name | None = None
    name: MemberName
    timezone: Name = ""
    limits: Limits = ()


class MemberChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change about a member; what is left out stays.

    Attributes:
        name: What staff call it.
        state: Whether its cards start anything; who has left stays so.
        limits: All its limits from now on.
    """

    name: MemberName | msgspec.UnsetType = msgspec.UNSET
    state: MemberState | msgspec.UnsetType = msgspec.UNSET
    limits: Limits | msgspec.UnsetType = msgspec.UNSET


class MemberCard(CardName, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card for a member: one of the account's by its id, or a new one by UID or reference.

    Attributes:
        card: Id of a card that is linked to the account.
        level: How a new card proves itself.
        label: What people call a new card.
    """

    card: Name | None = None
    level: Level = 0
    label: Name = ""


@read("/accounts/{account:str}/members", Scope.PEOPLE_READ, tag=TAG)
def list_members(
    hub: Hub, account: PathId, after: After = None, limit: PageLimit = PAGE_LIMIT_DEFAULT
) -> Page[MemberView]:
    """Members of an account and what they spent, oldest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_account(connection, account)
        rows = members.list_members(connection, account, after=place, limit=limit)
        views = _views(hub, connection, rows)
    return page_of(rows, limit, lambda row: views[row.id], lambda row: (row.created_ms, row.id))


@write("/accounts/{account:str}/members", Scope.PEOPLE_WRITE, tag=TAG)
def add_member(hub: Hub, account: PathId, data: JSONBody[MemberBody]) -> MemberView:
    """Add a member to an account."""
    asked = roster.NewMember(
        id=data.id or hub.ids.new("mem"),
        account=account,
        name=data.name,
        timezone=data.timezone,
        limits=_limits(data.limits),
    )
    return _view(hub, hub.writer.run(lambda tx: roster.add_member(tx, asked)))


@read("/members/{member:str}", Scope.PEOPLE_READ, tag=TAG)
def get_member(hub: Hub, member: PathId) -> MemberView:
    """One member, and how its limits stand."""
    with hub.store.read() as connection:
        return _views(hub, connection, (members.get_member(connection, member),))[member]


@change("/members/{member:str}", Scope.PEOPLE_WRITE, tag=TAG)
def change_member(hub: Hub, member: PathId, data: JSONBody[MemberChange]) -> MemberView:
    """Change a member's name, state or limits; a lower limit holds at once."""
    given: dict[str, Any] = {
        name: value
        for name in ("name", "state", "limits")
        if (value := getattr(data, name)) is not msgspec.UNSET
    }
    if "limits" in given:
        given["limits"] = _limits(given["limits"])
    return _view(hub, hub.writer.run(lambda tx: roster.change_member(tx, member, given)))


@read("/members/{member:str}/days", Scope.PEOPLE_READ, tag=TAG)
def list_days(
    hub: Hub, member: PathId, after: After = None, limit: PageLimit = PAGE_LIMIT_DEFAULT
) -> Page[DayView]:
    """What a member spent, day by day, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        members.get_member(connection, member)
        rows = spending.list_days(connection, member, after=place, limit=limit)
    return page_of(
        rows,
        limit,
        lambda row: msgspec.convert(row, DayView, from_attributes=True),
        lambda row: (row.day, row.kind),
    )


@read("/members/{member:str}/cards", Scope.PEOPLE_READ, tag=TAG)
def list_member_cards(hub: Hub, member: PathId) -> Page[CardView]:
    """Cards of a member."""
    with hub.store.read() as connection:
        mine = members.get_member(connection, member)
        found = cards.cards_of(connection, mine.account)
    return Page(items=[card_view(card) for card in found if card.member == member])


@write("/members/{member:str}/cards", Scope.PEOPLE_WRITE, tag=TAG)
def give_card(hub: Hub, member: PathId, data: JSONBody[MemberCard]) -> CardView:
    """Give a member a card: one of the account's, or a new one."""
    if (data.card is None) == (data.uid is None and data.card_ref is None):
        raise InputError("name the card by card, uid or card_ref: exactly one of them")
    ref = None if data.card else ref_of(hub, data)
    new_id = hub.ids.new("crd")

    def job(tx: Tx) -> cards.Card:
        card_id = data.card
        if card_id is None:
            account = members.get_member(tx.connection, member).account
            linked = cards.link_card(
                tx, new_id, account, ref or "", level=data.level, label=data.label
            )
            card_id = linked.id
        roster.give_card(tx, member, card_id)
        return cards.get_card(tx.connection, card_id)

    return card_view(hub.writer.run(job))


@remove("/members/{member:str}/cards/{card:str}", Scope.PEOPLE_WRITE, tag=TAG)
def take_card(hub: Hub, member: PathId, card: PathId) -> None:
    """Take a card away from a member: it is the account's own then, without limits."""
    hub.writer.run(lambda tx: roster.take_card(tx, member, card))


def _limits(bodies: Iterable[LimitBody]) -> tuple[Limit, ...]:
    return tuple(
        Limit(period=one.period, kind=one.kind, amount_minor=one.amount_minor) for one in bodies
    )


def _view(hub: Hub, member: Member) -> MemberView:
    with hub.store.read() as connection:
        return _views(hub, connection, (member,))[member.id]


def _views(hub: Hub, connection: Connection, rows: Iterable[Member]) -> dict[str, MemberView]:
    mine = tuple(rows)
    stand = members.standings_of(connection, mine, hub.clock.now().wall_ms)
    return {
        member.id: MemberView(
            id=member.id,
            account=member.account,
            name=member.name,
            state=member.state,
            timezone=member.timezone,
            limits=[
                LimitView(
                    period=one.limit.period,
                    kind=one.limit.kind,
                    amount_minor=one.limit.amount_minor,
                    used_minor=one.used_minor,
                    left_minor=one.left_minor,
                    ends_ms=one.ends_ms,
                )
                for one in stand.get(member.id, ())
            ],
            left_minor=left_minor(stand.get(member.id, ()), None),
            created_ms=member.created_ms,
        )
        for member in mine
    }


ROUTES = (
    list_members,
    add_member,
    get_member,
    change_member,
    list_days,
    list_member_cards,
    give_card,
    take_card,
)
