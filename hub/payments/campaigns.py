"""Campaigns: bonus for top-ups, by tier, site, group and date, within a budget.

A person gets the best single campaign, never several. The bonus is a lot given from
`promo`, in the transaction of its top-up. Only amounts that a person pays in bring one:
not vouchers, returned deposits, refunds, nor cash that a machine took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, or_, select, tuple_, update

from hub.charging.lots import KINDS_PER_LOT_MAX
from hub.errors import ConflictError, InputError, NotFoundError
from hub.fleet.sites import get_site
from hub.ledger.writer import Tx
from hub.payments.offers import Offer, Tier, check_tiers
from hub.store.tables.money_in import campaigns
from hub.store.tables.web import payments
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

CAMPAIGNS_OPEN_MAX = 100
"""Each top-up looks at all that run in its unit."""
NAME_LENGTH_MAX = 120
NAMED_MAX = 64
"""Sites or groups that one campaign names."""
DAYS_MAX = 3_650
"""Ten years: later is never."""
DAY_MS = 86_400_000
USES_MAX = 1_000_000
TIME_MS_MAX = 2**53


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets what; kept as one JSON document.

    Attributes:
        tiers: In rising order.
        sites: Where it holds; empty: everywhere.
        groups: Price groups of accounts that it is for; empty: everyone.
        kinds: Machine kinds that the bonus pays; empty: all.
        bonus_days: Days until a bonus ends; None: never.
        uses_per_account_max: How often one account gets a bonus of it; None: no limit.
    """

    tiers: tuple[Tier, ...]
    sites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    bonus_days: int | None = None
    uses_per_account_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A campaign as staff ask for it.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        unit: Unit of the top-ups that it is for.
        terms: Who gets what.
        starts_ms: When it begins.
        ends_ms: When it ends; None: when someone ends it.
        budget_minor: Most that it gives in all; None: no limit.
        by: Id of the API key, or `cli`.
    """

    id: str
    name: str
    unit: str
    terms: Terms
    starts_ms: int
    ends_ms: int | None = None
    budget_minor: int | None = None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign.

    Attributes:
        draft: What staff asked for; `ends_ms` is earlier when it was ended.
        given_minor: Bonus given so far.
        created_ms: When it was made.
    """

    draft: Draft
    given_minor: int
    created_ms: int

    def runs(self, now_ms: int) -> bool:
        """Tell whether it holds at a moment."""
        draft = self.draft
        return draft.starts_ms <= now_ms and (draft.ends_ms is None or now_ms < draft.ends_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose top-up, and where.

    Attributes:
        account: Whose.
        unit: Unit of its money.
        group: Its price group; empty: none.
        site: Where it pays; empty: nowhere in particular.
    """

    account: str
    unit: str
    group: str
    site: str


def create_campaign(tx: Tx, draft: Draft) -> Campaign:
    """Create a campaign. The same again: as it is.

    Raises:
        InputError: Something is out of range, or too many run already.
        NotFoundError: A site that it names doesn't exist.
        ConflictError: The id names another one.
    """
    _check(tx.connection, draft)
    before = _find(tx.connection, draft.id)
    if before is not None:
        if not _is_same(before.draft, draft):
            raise ConflictError(f"{draft.id} is another campaign already", Code.ID_CONFLICT)
        return before
    for site in draft.terms.sites:
        get_site(tx.connection, site)
    if draft.ends_ms is not None and draft.ends_ms <= tx.now_ms:
        raise InputError("the campaign would have ended already: choose a later end")
    if len(_open(tx.connection, draft.unit, tx.now_ms)) >= CAMPAIGNS_OPEN_MAX:
        raise InputError(f"{CAMPAIGNS_OPEN_MAX} campaigns are open already: end one first")
    tx.connection.execute(
        insert(campaigns).values(
            id=draft.id,
            name=draft.name,
            unit=draft.unit,
            terms=msgspec.json.encode(draft.terms).decode(),
            starts_ms=draft.starts_ms,
            ends_ms=draft.ends_ms,
            budget_minor=draft.budget_minor,
            by=draft.by,
            created_ms=tx.now_ms,
        )
    )
    return get_campaign(tx.connection, draft.id)


def end_campaign(tx: Tx, campaign: str) -> Campaign:
    """End a campaign now; bonus that was given stays. Ended before: as it is.

    Raises:
        NotFoundError: No such campaign.
    """
    found = get_campaign(tx.connection, campaign)
    ends_ms = found.draft.ends_ms
    if ends_ms is None or ends_ms > tx.now_ms:
        tx.connection.execute(
            update(campaigns).where(campaigns.c.id == campaign).values(ends_ms=tx.now_ms)
        )
    return get_campaign(tx.connection, campaign)


def get_campaign(connection: Connection, campaign: str) -> Campaign:
    """Read a campaign.

    Raises:
        NotFoundError: No such campaign.
    """
    found = _find(connection, campaign)
    if found is None:
        raise NotFoundError(f"there is no campaign {campaign}")
    return found


def list_campaigns(
    connection: Connection, *, after: tuple[int, str] | None, limit: int
) -> list[Campaign]:
    """Campaigns, newest first, one more than `limit` if there are more."""
    query = select(campaigns).order_by(campaigns.c.created_ms.desc(), campaigns.c.id.desc())
    if after is not None:
        query = query.where(tuple_(campaigns.c.created_ms, campaigns.c.id) < after)
    return [_campaign(row) for row in connection.execute(query.limit(limit + 1))]


def offers_for(
    connection: Connection, place: Place, now_ms: int, *, lock: bool = False
) -> tuple[Offer, ...]:
    """Campaigns that an account may use now.

    Args:
        connection: To read from.
        place: Whose top-up, and where.
        now_ms: Hub's wall time.
        lock: Keep budgets and counts as they are to the end of the transaction.
    """
    found = [
        one
        for one in _open(connection, place.unit, now_ms, lock=lock)
        if one.runs(now_ms) and _fits(one.draft.terms, place)
    ]
    limited = [one.draft.id for one in found if one.draft.terms.uses_per_account_max is not None]
    uses = _uses(connection, limited, place.account) if limited else {}
    return tuple(_offer(one, now_ms) for one in found if _may_use(one, uses))


def note_given(tx: Tx, campaign: str, bonus_minor: int) -> None:
    """Count a bonus against a campaign's budget, in the transaction that gives it."""
    tx.connection.execute(
        update(campaigns)
        .where(campaigns.c.id == campaign)
        .values(given_minor=campaigns.c.given_minor + bonus_minor)
    )


def _open(connection: Connection, unit: str, now_ms: int, *, lock: bool = False) -> list[Campaign]:
    query = (
        select(campaigns)
        .where(
            campaigns.c.unit == unit,
            or_(campaigns.c.ends_ms.is_(None), campaigns.c.ends_ms > now_ms),
        )
        .order_by(campaigns.c.id)
    )
    rows = connection.execute(query.with_for_update() if lock else query)
    return [_campaign(row) for row in rows]


def _fits(terms: Terms, place: Place) -> bool:
    at_site = not terms.sites or place.site in terms.sites
    return at_site and (not terms.groups or place.group in terms.groups)


def _may_use(campaign: Campaign, uses: dict[str, int]) -> bool:
    most = campaign.draft.terms.uses_per_account_max
    return most is None or uses.get(campaign.draft.id, 0) < most


def _uses(connection: Connection, named: list[str], account: str) -> dict[str, int]:
    query = (
        select(payments.c.campaign, func.count().label("uses"))
        .where(payments.c.campaign.in_(named), payments.c.account == account)
        .group_by(payments.c.campaign)
    )
    return {row.campaign: int(row.uses) for row in connection.execute(query)}


def _offer(campaign: Campaign, now_ms: int) -> Offer:
    draft, terms = campaign.draft, campaign.draft.terms
    budget = draft.budget_minor
    return Offer(
        campaign=draft.id,
        name=draft.name,
        tiers=terms.tiers,
        kinds=terms.kinds,
        expires_ms=None if terms.bonus_days is None else now_ms + terms.bonus_days * DAY_MS,
        left_minor=None if budget is None else budget - campaign.given_minor,
    )


def _check(connection: Connection, draft: Draft) -> None:
    if not is_name(draft.id):
        raise InputError("a campaign's id is lower case letters, digits and _ . -, at most 64")
    if not 1 <= len(draft.name) <= NAME_LENGTH_MAX or not draft.name.isprintable():
        raise InputError(f"a campaign needs a name of 1 to {NAME_LENGTH_MAX} printable characters")
    try:
        find_unit(connection, draft.unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    ends_ms = TIME_MS_MAX if draft.ends_ms is None else draft.ends_ms
    if not 0 <= draft.starts_ms < ends_ms <= TIME_MS_MAX:
        raise InputError("a campaign ends after it starts")
    if draft.budget_minor is not None and not 1 <= draft.budget_minor <= AMOUNT_MINOR_MAX:
        raise InputError(f"a budget is 1 to {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    _check_terms(draft.terms)


def _check_terms(terms: Terms) -> None:
    check_tiers(terms.tiers)
    if len(terms.kinds) > KINDS_PER_LOT_MAX or not all(is_name(kind) for kind in terms.kinds):
        raise InputError(
            f"a bonus pays at most {KINDS_PER_LOT_MAX} kinds of machines, such as washer; none: all"
        )
    for named in (terms.sites, terms.groups):
        if len(named) > NAMED_MAX or not all(
            1 <= len(name) <= NAME_LENGTH_MAX and name.isprintable() for name in named
        ):
            raise InputError(f"name at most {NAMED_MAX} sites and groups")
    if terms.bonus_days is not None and not 1 <= terms.bonus_days <= DAYS_MAX:
        raise InputError(f"a bonus lasts 1 to {DAYS_MAX} days")
    most = terms.uses_per_account_max
    if most is not None and not 1 <= most <= USES_MAX:
        raise InputError(f"an account may use a campaign 1 to {USES_MAX} times")


def _is_same(before: Draft, asked: Draft) -> bool:
    # Who repeats it doesn't matter, nor that it was ended meanwhile.
    return (before.name, before.unit, before.terms, before.starts_ms, before.budget_minor) == (
        asked.name,
        asked.unit,
        asked.terms,
        asked.starts_ms,
        asked.budget_minor,
    )


def _find(connection: Connection, campaign: str) -> Campaign | None:
    row = connection.execute(select(campaigns).where(campaigns.c.id == campaign)).first()
    return None if row is None else _campaign(row)


def _campaign(row: Row[Any]) -> Campaign:
    return Campaign(
        draft=Draft(
            id=row.id,
            name=row.name,
            unit=row.unit,
            terms=msgspec.json.decode(row.terms, type=Terms),
            starts_ms=row.starts_ms,
            ends_ms=row.ends_ms,
            budget_minor=row.budget_minor,
            by=row.by,
        ),
        given_minor=row.given_minor,
        created_ms=row.created_ms,
    )
