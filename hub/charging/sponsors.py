"""Gifts of sponsors: one by one, or as a programme decides, once for each person and time.

A gift that can't be given (lots that overlap, a full account) is noted and not tried
again until someone asks. A sponsor whose wallet is empty leads to an alarm; its programme
goes on where it stopped once there is money.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, select, update

from hub.charging.lots import Gift, Lot, give
from hub.charging.programmes import (
    Every,
    Programme,
    ProgrammeState,
    find_programme,
    get_programme,
    programme_of_row,
)
from hub.errors import RefusedError
from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from hub.people.accounts import require_open
from hub.people.periods import Period as CalendarPeriod, day_at, period_bounds
from hub.store.tables.lots import programme_gifts, programmes
from hub.store.tables.people import accounts
from wire.errors import Code

SOURCE = "sponsor"
"""Source of a sponsor's lots."""
GIFT_ID_BYTES = 13
"""26 hex digits: as long as the ids that hubs make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sponsored:
    """One gift of a sponsor.

    Attributes:
        id: Made and stored by who gives.
        sponsor: Account whose wallet pays.
        account: Who gets it.
        amount_minor: How much.
        kinds: Kinds of machines that it pays for; none: all.
        starts_ms: From when on; in the past: from now on.
        expires_ms: Until when; then what is left goes back. None: for ever.
        reason: Words of who gives.
        by: Who gives.
    """

    id: str
    sponsor: str
    account: str
    amount_minor: int
    kinds: tuple[str, ...] = ()
    starts_ms: int = 0
    expires_ms: int | None = None
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a programme for one account at one time.

    Attributes:
        account: Who.
        period: Which month, as 2027-03; empty: once and for all.
        lot: The gift; None: it was refused.
        code: Why; 0: it was given.
        at_ms: When.
    """

    account: str
    period: str
    lot: str | None
    code: int
    at_ms: int


def sponsor(tx: Tx, asked: Sponsored) -> Lot:
    """Give money of a sponsor's wallet. The same gift again: the lot as it is.

    Raises:
        InputError: The gift can't be one.
        NotFoundError: No such account, of sponsor or person.
        ConflictError: The id was used otherwise, or an account is closed.
        RefusedError: The wallet can't give it, or lots of the person forbid it.
    """
    unit = require_open(tx.connection, asked.sponsor).unit
    lot = give(
        tx,
        Gift(
            id=asked.id,
            account=asked.account,
            amount_minor=asked.amount_minor,
            giver=chart.wallet(asked.sponsor, unit),
            kinds=asked.kinds,
            starts_ms=asked.starts_ms,
            expires_ms=asked.expires_ms,
            source=SOURCE,
            reason=asked.reason,
            by=asked.by,
        ),
    )
    tx.touch("account", asked.sponsor)
    return lot


def give_due(tx: Tx, now_ms: int, limit: int) -> int:
    """Give what programmes owe by now.

    Args:
        tx: The writer's transaction.
        now_ms: Hub's wall time.
        limit: Gifts at most; as many more may be due.

    Returns:
        How many were given or refused; below `limit`: no more are due now.
    """
    done = 0
    living = select(programmes).where(_is_living(now_ms)).order_by(programmes.c.id)
    for row in tx.connection.execute(living):
        if done >= limit:
            break
        done += _give_all(tx, programme_of_row(row), now_ms, limit - done)
    return done


def has_living(connection: Connection, now_ms: int) -> bool:
    """Whether `give_due` has anything to look at."""
    living = select(programmes.c.id).where(_is_living(now_ms))
    return connection.execute(living.limit(1)).first() is not None


def retry(tx: Tx, programme_id: str, now_ms: int, limit: int) -> int:
    """Give what a programme owes by now, also to those who were refused before.

    Returns:
        How many were given or refused.

    Raises:
        NotFoundError: No such programme.
    """
    programme = get_programme(tx.connection, programme_id)
    mine = and_(programme_gifts.c.programme == programme_id, programme_gifts.c.code != 0)
    tx.connection.execute(delete(programme_gifts).where(mine))
    living = programme.state is ProgrammeState.OPEN
    if not living or not programme.starts_ms <= now_ms < programme.expires_ms:
        return 0
    return _give_all(tx, programme, now_ms, limit)


def list_given(
    connection: Connection, programme_id: str, *, after: tuple[str, str] | None, limit: int
) -> list[Given]:
    """What became of a programme, by time and account, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        programme_id: Which programme.
        after: Period and account of the row that the page follows.
        limit: Page size.
    """
    rows = programme_gifts.c
    query = select(programme_gifts).where(rows.programme == programme_id)
    if after is not None:
        period, account = after
        query = query.where(
            (rows.period > period) | ((rows.period == period) & (rows.account > account))
        )
    query = query.order_by(rows.period, rows.account).limit(limit + 1)
    return [
        Given(row.account, row.period, row.lot, row.code, row.at_ms)
        for row in connection.execute(query)
    ]


def _is_living(now_ms: int) -> ColumnElement[bool]:
    return and_(
        programmes.c.state == ProgrammeState.OPEN.value,
        programmes.c.starts_ms <= now_ms,
        programmes.c.expires_ms > now_ms,
    )


def _give_all(tx: Tx, asked: Programme, now_ms: int, limit: int) -> int:
    programme = find_programme(tx.connection, asked.id, lock=True)
    if programme is None or programme.state is not ProgrammeState.OPEN:
        return 0
    period, ends_ms = _time(programme, now_ms)
    given = programme.given_minor
    done = 0
    for account in _waiting(tx, programme, period, limit):
        after_minor = given + programme.amount_minor
        if programme.budget_minor is not None and after_minor > programme.budget_minor:
            break
        code, lot = _give_one(tx, programme, account, (period, ends_ms))
        if code == Code.BALANCE_TOO_LOW:
            _warn(tx, programme)
            break
        given = given if code else after_minor
        done += 1
        _note(tx, programme, period, (account, lot, code))
    if given != programme.given_minor:
        clear_alarm(tx, Code.BALANCE_TOO_LOW, "", f"programme {programme.id}")
        tx.touch("account", programme.sponsor)
        tx.connection.execute(
            update(programmes).where(programmes.c.id == programme.id).values(given_minor=given)
        )
    return done


def _give_one(
    tx: Tx, programme: Programme, account: str, time: tuple[str, int]
) -> tuple[int, Lot | None]:
    period, ends_ms = time
    asked = Gift(
        id=_gift_id(programme.id, period, account),
        account=account,
        amount_minor=programme.amount_minor,
        giver=chart.wallet(programme.sponsor, programme.unit),
        kinds=programme.kinds,
        expires_ms=ends_ms,
        source=SOURCE,
        reason=programme.name,
        by=programme.id,
    )
    try:
        return 0, give(tx, asked)
    except RefusedError as error:
        return int(error.code), None


def _gift_id(*parts: str) -> str:
    """Programme, time and person make the id: each gift is given once."""
    digest = hashlib.blake2b(" ".join(parts).encode(), digest_size=GIFT_ID_BYTES)
    return f"gft_{digest.hexdigest()}"


def _note(tx: Tx, programme: Programme, period: str, became: tuple[str, Lot | None, int]) -> None:
    account, lot, code = became
    tx.connection.execute(
        insert(programme_gifts).values(
            programme=programme.id,
            period=period,
            account=account,
            lot=None if lot is None else lot.id,
            code=code,
            at_ms=tx.now_ms,
        )
    )


def _time(programme: Programme, now_ms: int) -> tuple[str, int]:
    """Which gift is due, and when it ends."""
    if programme.every is Every.ONCE:
        return "", programme.expires_ms
    _, next_ms = period_bounds(now_ms, CalendarPeriod.MONTH, programme.timezone)
    month = day_at(now_ms, programme.timezone).strftime("%Y-%m")
    return month, min(next_ms, programme.expires_ms)


def _waiting(tx: Tx, programme: Programme, period: str, limit: int) -> list[str]:
    """Open accounts that the programme is for and that didn't get this gift, by id."""
    got = exists(
        select(programme_gifts.c.account).where(
            programme_gifts.c.programme == programme.id,
            programme_gifts.c.period == period,
            programme_gifts.c.account == accounts.c.id,
        )
    )
    whom: ColumnElement[bool] = accounts.c.group == programme.group
    if programme.people:
        whom = accounts.c.id.in_(programme.people)
    query = (
        select(accounts.c.id)
        .where(
            whom,
            accounts.c.state == "open",
            accounts.c.unit == programme.unit,
            accounts.c.id != programme.sponsor,
            ~got,
        )
        .order_by(accounts.c.id)
        .limit(limit)
    )
    found: list[Any] = list(tx.connection.execute(query).scalars())
    return found


def _warn(tx: Tx, programme: Programme) -> None:
    words = (
        f"{programme.sponsor} can't pay the next gift of {programme.name}: pay money in, or stop"
        f" {programme.id}"
    )
    matter = Matter(code=Code.BALANCE_TOO_LOW, subject=f"programme {programme.id}", detail=words)
    raise_alarm(tx, matter)
