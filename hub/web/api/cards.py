"""Routes of cards: link, look up, block, unblock, replace.

A UID comes in a body, never in an address: addresses are logged.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody, QueryParameter

from hub.errors import InputError, NotFoundError
from hub.people import cards, taps
from hub.people.cards import Card, CardState
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Name
from wire.errors import Code

TAG = "Cards"
Level = Annotated[int, msgspec.Meta(ge=0, le=2)]
KeyVersion = Annotated[int, msgspec.Meta(ge=0, le=255)]
"""A card keeps a key's version in one byte."""
KeyVersionBelow = Annotated[
    int | None,
    QueryParameter(
        ge=1,
        le=255,
        required=False,
        description="Only cards in use that prove themselves with a key of an older version.",
    ),
]
Uid = Annotated[str, msgspec.Meta(min_length=8, max_length=29)]
CardRef = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """A card.

    Attributes:
        id: Its id.
        card_ref: Its reference on the wire; the UID is not kept anywhere.
        account: Whose.
        label: What people call it.
        level: How it proves itself, 0 to 2.
        state: `active`, `blocked` or `replaced`.
        replaced_by: Id of the card that took its place.
        list_revision: Its place in the card list that controllers hold.
        created_ms: When it was linked.
        member: Whose of an organisation's members; null: the account's own.
        key_version: Version of the site's key that its own is made from; 0: none is known.
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
    member: str | None
    key_version: int


class CardName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card, by its UID or its reference: exactly one of them.

    Attributes:
        uid: UID in hex as a reader shows it; it is turned into a reference at once.
        card_ref: Reference, as a controller reports it.
    """

    uid: Uid | None = None
    card_ref: CardRef | None = None


class LinkCard(CardName, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card for an account.

    Attributes:
        account: Whose it becomes.
        level: How it proves itself: 0 by its UID only.
        label: What people call it.
    """

    account: Name
    level: Level = 0
    label: Name = ""


class ReplaceCard(CardName, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The card that takes another's place.

    Attributes:
        level: How it proves itself.
    """

    level: Level = 0


class KeyedCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card was given at a reader.

    Attributes:
        level: How it proves itself now; 0: its keys were taken off.
        key_version: Version of the site's key that its own is made from; 0 at level 0.
    """

    level: Level
    key_version: KeyVersion


class TapView(msgspec.Struct, frozen=True, kw_only=True):
    """One count of a card, as a controller reported it.

    Attributes:
        key_version: Version of the key that proved it.
        counter: The card's own count then.
        method: How it proved itself.
        controller: Where.
        epoch: Of which journal.
        seq: Of which event.
        wall_ms: When, by the controller's clock.
    """

    key_version: int
    counter: int
    method: str
    controller: str
    epoch: str
    seq: int
    wall_ms: int


def view(card: Card) -> CardView:
    """A card as the API shows it."""
    return msgspec.convert(card, CardView, from_attributes=True)


def ref_of(hub: Hub, data: CardName) -> str:
    """Reference of the card that a body names.

    Raises:
        InputError: It names none, or names it twice, or the UID can't be one.
    """
    if (data.uid is None) == (data.card_ref is None):
        raise InputError("name the card by uid or by card_ref: exactly one of them")
    if data.card_ref is not None:
        return data.card_ref
    return cards.ref_of_uid(hub.keys.card_salt, data.uid or "")


@read("/cards", Scope.PEOPLE_READ, tag=TAG)
def list_cards(
    hub: Hub,
    after: After = None,
    limit: Limit = PAGE_LIMIT_DEFAULT,
    key_version_below: KeyVersionBelow = None,
) -> Page[CardView]:
    """List cards, newest first; or only those in use whose keys are older than a version."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = cards.list_cards(
            connection, after=place, limit=limit, key_version_below=key_version_below
        )
    return page_of(rows, limit, view, lambda row: (row.created_ms, row.id))


@read("/accounts/{account:str}/cards", Scope.PEOPLE_READ, tag=TAG)
def list_account_cards(hub: Hub, account: PathId) -> Page[CardView]:
    """Cards of an account."""
    with hub.store.read() as connection:
        return Page(items=[view(card) for card in cards.cards_of(connection, account)])


@read("/cards/{card:str}", Scope.PEOPLE_READ, tag=TAG)
def get_card(hub: Hub, card: PathId) -> CardView:
    """One card."""
    with hub.store.read() as connection:
        return view(cards.get_card(connection, card))


@write("/cards/lookup", Scope.PEOPLE_READ, tag=TAG, status=200)
def look_card_up(hub: Hub, data: JSONBody[CardName]) -> CardView:
    """Find a card by tap."""
    with hub.store.read() as connection:
        found = cards.find_by_ref(connection, ref_of(hub, data))
    if found is None:
        raise NotFoundError("this card names no account: link it to one", Code.CARD_UNKNOWN)
    return view(found)


@write("/cards", Scope.PEOPLE_WRITE, tag=TAG)
def link_card(hub: Hub, data: JSONBody[LinkCard]) -> CardView:
    """Link a card to an account."""
    ref = ref_of(hub, data)
    card_id = hub.ids.new("crd")
    return view(
        hub.writer.run(
            lambda tx: cards.link_card(
                tx, card_id, data.account, ref, level=data.level, label=data.label
            )
        )
    )


@write(
    "/cards/{card:str}/block",
    Scope.PEOPLE_WRITE,
    tag=TAG,
    status=200,
)
def block_card(hub: Hub, card: PathId) -> CardView:
    """Block a lost card; its account keeps its money."""
    return view(hub.writer.run(lambda tx: cards.block_card(tx, card)))


@write(
    "/cards/{card:str}/unblock",
    Scope.PEOPLE_WRITE,
    tag=TAG,
    status=200,
)
def unblock_card(hub: Hub, card: PathId) -> CardView:
    """Unblock a card that was found."""
    return view(hub.writer.run(lambda tx: cards.unblock_card(tx, card)))


@write("/cards/{card:str}/keyed", Scope.PEOPLE_WRITE, tag=TAG, status=200)
def keep_keyed(hub: Hub, card: PathId, data: JSONBody[KeyedCard]) -> CardView:
    """Note that a card was given keys, new keys, or none any more, at a reader."""
    return view(hub.writer.run(lambda tx: cards.keep_keyed(tx, card, data.level, data.key_version)))


@read("/cards/{card:str}/taps", Scope.PEOPLE_READ, tag=TAG)
def list_taps(hub: Hub, card: PathId) -> Page[TapView]:
    """The newest counts of a card that were reported, highest first."""
    with hub.store.read() as connection:
        found = taps.taps_of(connection, cards.get_card(connection, card).id)
        return Page(items=[msgspec.convert(tap, TapView, from_attributes=True) for tap in found])


@write(
    "/cards/{card:str}/replace",
    Scope.PEOPLE_WRITE,
    tag=TAG,
)
def replace_card(hub: Hub, card: PathId, data: JSONBody[ReplaceCard]) -> CardView:
    """Put a new card in the place of a lost one."""
    ref = ref_of(hub, data)
    new_id = hub.ids.new("crd")
    return view(hub.writer.run(lambda tx: cards.replace_card(tx, card, new_id, ref, data.level)))


ROUTES = (
    list_cards,
    list_account_cards,
    get_card,
    look_card_up,
    link_card,
    block_card,
    unblock_card,
    keep_keyed,
    list_taps,
    replace_card,
)
