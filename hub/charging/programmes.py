"""Sponsors' programmes: standing decisions to give, and how far they were carried out.

A sponsor is an account like any other; its wallet pays the gifts. What of a gift is left
when its time is over goes back to that wallet (`hub.charging.lots.expire`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, tuple_, update

from hub.charging.lots import KINDS_PER_LOT_MAX, TIME_MS_MAX
from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.lots import programmes
from hub.store.tables.people import accounts
from wire.errors import Code, TariffError
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX
from wire.usage import zone

PEOPLE_PER_PROGRAMME_MAX = 500
"""Accounts named one by one: a class, a team. More of them share a group."""
NAME_LENGTH_MAX = 120


class Every(StrEnum):
    """How often each person gets a programme's gift."""

    ONCE = "once"
    MONTH = "month"  # what is left of it ends with the month


class ProgrammeState(StrEnum):
    """Whether a programme still gives."""

    OPEN = "open"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A sponsor's standing decision to give.

    Attributes:
        id: Made by who decides.
        name: What people call it.
        sponsor: Account whose wallet pays.
        amount_minor: How much each gift is, in the sponsor's unit.
        kinds: Kinds of machines that the gifts pay for; none: all.
        people: Accounts that get it; none: those of the group.
        group: Price group whose accounts get it; empty: those named.
        every: How often.
        timezone: Where its months begin, an IANA name.
        starts_ms: From when on it gives.
        expires_ms: Until when it gives, and its gifts pay.
        budget_minor: Most that all its gifts make together; None: no limit of its own.
        unit: Unit of the money.
        given_minor: What its gifts made so far.
        state: Whether it still gives.
        by: Who decided.
        created_ms: When.
    """

    id: str
    name: str
    sponsor: str
    amount_minor: int
    kinds: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    group: str = ""
    every: Every
    timezone: str
    starts_ms: int
    expires_ms: int
    budget_minor: int | None
    unit: str = ""
    given_minor: int = 0
    state: ProgrammeState = ProgrammeState.OPEN
    by: str
    created_ms: int = 0


def add_programme(tx: Tx, asked: Programme) -> Programme:
    """Decide on a programme. The same again: the programme as it is.

    Args:
        tx: The writer's transaction.
        asked: What is decided; how far it was carried out doesn't count.

    Raises:
        InputError: Something is out of range.
        NotFoundError: No such sponsor.
        ConflictError: The id was used otherwise, or the sponsor's account is closed.
    """
    _check(asked, tx.now_ms)
    before = find_programme(tx.connection, asked.id)
    if before is not None:
        if _columns(before) != _columns(asked) | {"by": before.by}:
            raise ConflictError(
                f"{asked.id} is another programme already: make a new id", Code.ID_CONFLICT
            )
        return before
    sponsor = tx.connection.execute(select(accounts).where(accounts.c.id == asked.sponsor)).first()
    if sponsor is None:
        raise NotFoundError(f"there is no account {asked.sponsor}", Code.ACCOUNT_UNKNOWN)
    if sponsor.state == "closed":
        raise ConflictError(f"{asked.sponsor} is closed: it gives nothing", Code.ACCOUNT_CLOSED)
    tx.connection.execute(
        insert(programmes).values(unit=sponsor.unit, created_ms=tx.now_ms, **_columns(asked))
    )
    return get_programme(tx.connection, asked.id)


def stop_programme(tx: Tx, programme_id: str) -> Programme:
    """Have a programme give no more. Gifts that were given stay. Twice: once.

    Raises:
        NotFoundError: No such programme.
    """
    get_programme(tx.connection, programme_id)
    tx.connection.execute(
        update(programmes)
        .where(programmes.c.id == programme_id)
        .values(state=ProgrammeState.STOPPED.value)
    )
    return get_programme(tx.connection, programme_id)


def find_programme(
    connection: Connection, programme_id: str, *, lock: bool = False
) -> Programme | None:
    """Read a programme, or None.

    Args:
        connection: To read from.
        programme_id: Which.
        lock: Whether others wait until the transaction ends.
    """
    query = select(programmes).where(programmes.c.id == programme_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else programme_of_row(row)


def get_programme(connection: Connection, programme_id: str) -> Programme:
    """Read a programme.

    Raises:
        NotFoundError: No such programme.
    """
    found = find_programme(connection, programme_id)
    if found is None:
        raise NotFoundError(f"there is no programme {programme_id}")
    return found


def list_programmes(
    connection: Connection, *, sponsor: str, after: tuple[int, str] | None, limit: int
) -> list[Programme]:
    """Programmes, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        sponsor: Whose; empty: everyone's.
        after: `created_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(programmes).order_by(programmes.c.created_ms.desc(), programmes.c.id.desc())
    if sponsor:
        query = query.where(programmes.c.sponsor == sponsor)
    if after is not None:
        query = query.where(tuple_(programmes.c.created_ms, programmes.c.id) < after)
    return [programme_of_row(row) for row in connection.execute(query.limit(limit + 1))]


def programme_of_row(row: Row[Any]) -> Programme:
    """A programme of a row of `programmes`."""
    return Programme(
        id=row.id,
        name=row.name,
        sponsor=row.sponsor,
        amount_minor=row.amount_minor,
        kinds=msgspec.json.decode(row.kinds, type=tuple[str, ...]),
        people=msgspec.json.decode(row.people, type=tuple[str, ...]),
        group=row.group,
        every=Every(row.every),
        timezone=row.timezone,
        starts_ms=row.starts_ms,
        expires_ms=row.expires_ms,
        budget_minor=row.budget_minor,
        unit=row.unit,
        given_minor=row.given_minor,
        state=ProgrammeState(row.state),
        by=row.by,
        created_ms=row.created_ms,
    )


def _check(asked: Programme, now_ms: int) -> None:
    if not is_name(asked.id):
        raise InputError("a programme's id is lower case letters, digits and _ . -, at most 64")
    if not 1 <= len(asked.name) <= NAME_LENGTH_MAX or not asked.name.isprintable():
        raise InputError(f"a programme needs a name of 1 to {NAME_LENGTH_MAX} printable characters")
    for minor in (asked.amount_minor, asked.budget_minor):
        if minor is not None and not 1 <= minor <= AMOUNT_MINOR_MAX:
            raise InputError(f"{minor} can't be given: 1 to {AMOUNT_MINOR_MAX} minor units")
    if len(asked.kinds) > KINDS_PER_LOT_MAX or not all(is_name(kind) for kind in asked.kinds):
        raise InputError(f"kinds are at most {KINDS_PER_LOT_MAX} kinds of machines; none: all")
    if bool(asked.people) == bool(asked.group):
        raise InputError("say who gets it: accounts one by one, or a group")
    if len(asked.people) > PEOPLE_PER_PROGRAMME_MAX:
        raise InputError(f"at most {PEOPLE_PER_PROGRAMME_MAX} accounts: give them a group instead")
    if not 0 <= asked.starts_ms < asked.expires_ms <= TIME_MS_MAX or asked.expires_ms <= now_ms:
        raise InputError("a programme ends after it starts, and after now")
    try:
        zone(asked.timezone)
    except TariffError as error:
        raise InputError(str(error)) from None


def _columns(asked: Programme) -> dict[str, Any]:
    return {
        "id": asked.id,
        "name": asked.name,
        "sponsor": asked.sponsor,
        "amount_minor": asked.amount_minor,
        "kinds": msgspec.json.encode(sorted(set(asked.kinds))).decode(),
        "people": msgspec.json.encode(sorted(set(asked.people))).decode(),
        "group": asked.group,
        "every": asked.every.value,
        "timezone": asked.timezone,
        "starts_ms": asked.starts_ms,
        "expires_ms": asked.expires_ms,
        "budget_minor": asked.budget_minor,
        "by": asked.by,
    }
