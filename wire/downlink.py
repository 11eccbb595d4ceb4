"""What the hub sends: the bodies under `down/`, all signed (`wire.envelope`).

The configuration's body is `wire.machines.Config`. Later fields have defaults;
unknown ones are ignored.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wire.bounds import HashHex, Millis, Minor, Name, Seq, Small, Words

LIST_ENTRIES_PER_PAGE_MAX = 500
"""A page of the card list stays below 200 kB, what a slow link carries in seconds."""
RIGHTS_PER_MESSAGE_MAX = 500
"""As a page of the list."""


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag="ack", tag_field="kind"):
    """Body of `down/ack`: what the hub has committed.

    Attributes:
        receiver: The controller.
        epoch: Its journal.
        through_seq: All events up to here are booked.
        head_hash: Chain hash there, hex.
        hub_time_ms: The hub's clock.
    """

    receiver: Name
    epoch: Name
    through_seq: Seq
    head_hash: HashHex
    hub_time_ms: Millis


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """One account's rights at the receiving controller, in full.

    Attributes:
        account: Whose.
        granted_minor: Total ever granted here in this epoch (G).
        floor_minor: Amount of the floor, ≥ 0; as of `as_of_seq`.
        as_of_seq: Unbacked spending up to here is in the wallet already.
        target_minor: Backed balance that the hub wants here; None: no limit while
            sessions run, release nothing.
    """

    account: Name
    granted_minor: Minor = 0
    floor_minor: Minor = 0
    as_of_seq: Seq = 0
    target_minor: Minor | None = 0


class Standing(StrEnum):
    """Whether a card may start anything."""

    OK = "ok"
    BLOCKED = "blocked"
    CLOSED = "closed"


class CardEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One card in a site's list.

    Attributes:
        card: Reference of the card.
        account: Whose; empty removes the card.
        level: How it proves itself, 0 to 2.
        standing: Whether it may start anything.
        floor_minor: Floor of this card where no `Right` says otherwise.
        unit: Unit of the account's money.
        group: Price group.
        tariffs: The account's own prices, see `wire.machines.tariff_id_for`.
        permissions: Permission name to wall time (ms) when it ends; 0: never.
        deposit_minor: Deposit that the account has paid.
        language: Language of its owner, empty: the site's.
        member: The person of an organisation's account whose card this is; empty: the
            account's own.
        limit_minor: The most that sessions of this card may cost `account` from now on,
            until another entry comes; None: no limit.
        purses: Unit to the account that pays in that unit, beside `account` in `unit`.
    """

    card: Name
    account: Name
    level: Small = 0
    standing: Standing = Standing.OK
    floor_minor: Minor = 0
    unit: Name = "EUR"
    group: Name = ""
    tariffs: dict[str, str] = {}
    permissions: dict[str, int] = {}
    deposit_minor: Minor = 0
    language: Name = ""
    member: Name = ""
    limit_minor: Minor | None = None
    purses: dict[str, str] = {}


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of changes to a site's card list.

    Attributes:
        from_revision: The page continues a list held at this revision; another
            one is ignored.
        upto_revision: Revision held after the page.
        last_revision: Newest revision there is.
        entries: Cards as they are now.
    """

    from_revision: Seq
    upto_revision: Seq
    last_revision: Seq
    entries: tuple[CardEntry, ...] = ()


class WantAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a `Want`.

    Attributes:
        request: Its id.
        granted_minor: How much was granted; may be less than wanted.
        code: Why less or nothing, a `Code`; 0: granted in full.
    """

    request: Name
    granted_minor: Minor = 0
    code: Small = 0


class Accounts(msgspec.Struct, frozen=True, kw_only=True, tag="accounts", tag_field="kind"):
    """Body of `down/accounts`.

    Attributes:
        receiver: The controller.
        epoch: The journal that totals and `as_of_seq` belong to; another is ignored.
        revision: Rises with each message that carries rights; not newer: its rights
            are ignored.
        rights: Rights that changed.
        page: A page of the card list.
        answers: Answers to wants.
        hub_time_ms: The hub's clock.
    """

    receiver: Name
    epoch: Name
    revision: Seq
    rights: tuple[Right, ...] = ()
    page: ListPage | None = None
    answers: tuple[WantAnswer, ...] = ()
    hub_time_ms: Millis = 0


class Action(StrEnum):
    """What a command asks for."""

    START = "start"
    STOP = "stop"
    LOCK = "lock"
    UNLOCK = "unlock"
    RETIRE = "retire"
    RETURN = "return"
    IDENTIFY = "identify"
    RESYNC = "resync"
    RESTART = "restart"
    UPDATE = "update"


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="command", tag_field="kind"):
    """Body of `down/command`: obeyed once, and not after it expired.

    Attributes:
        receiver: The controller.
        id: Made by who asked.
        action: What to do.
        machine: Where; empty for the controller itself.
        card: For `start`: reference of the card that pays.
        expires_ms: Hub's wall time after which it is void.
        sent_ms: Hub's wall time when it was sent.
        detail: Further argument, such as a version.
    """

    receiver: Name
    id: Name
    action: Action
    machine: Name = ""
    card: Name = ""
    expires_ms: Millis
    sent_ms: Millis = 0
    detail: Words = ""
