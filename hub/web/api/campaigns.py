"""Routes of campaigns: bonus for top-ups."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import JSONBody

from hub.payments import campaigns, offers
from hub.payments.campaigns import Campaign, Draft, Terms
from hub.payments.offers import Tier
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Minor, Name

TAG = "Campaigns"
HttpRequest = Request[Any, Any, Any]
Time = Annotated[int, msgspec.Meta(ge=0, le=campaigns.TIME_MS_MAX)]
Days = Annotated[int, msgspec.Meta(ge=1, le=campaigns.DAYS_MAX)]
Ppm = Annotated[int, msgspec.Meta(ge=0, le=offers.BONUS_PPM_MAX)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=campaigns.NAME_LENGTH_MAX)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=campaigns.NAMED_MAX)]
Groups = Annotated[tuple[Label, ...], msgspec.Meta(max_length=campaigns.NAMED_MAX)]


class BonusTierBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a top-up of at least some amount brings: a fixed bonus or a share.

    Attributes:
        from_minor: Least amount paid.
        bonus_minor: Fixed bonus; 0: a share.
        bonus_ppm: Share of the amount paid in parts per million; 0: fixed.
    """

    from_minor: Minor
    bonus_minor: Minor = 0
    bonus_ppm: Ppm = 0


class CampaignBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        unit: Unit of the top-ups that it is for; null: the operator's.
        tiers: In rising order; the highest that an amount reaches counts.
        sites: Where it holds; empty: everywhere.
        groups: Price groups of accounts that it is for; empty: everyone.
        kinds: Machine kinds that the bonus pays; empty: all.
        starts_ms: When it begins; 0: at once.
        ends_ms: When it ends; null: when someone ends it.
        bonus_days: Days until a bonus ends; null: never.
        uses_per_account_max: How often one account gets a bonus of it; null: no limit.
        budget_minor: Most that it gives in all; null: no limit.
    """

    id: Name
    name: Label
    unit: Name | None = None
    tiers: Annotated[
        tuple[BonusTierBody, ...], msgspec.Meta(min_length=1, max_length=offers.TIERS_MAX)
    ]
    sites: Names = ()
    groups: Groups = ()
    kinds: Names = ()
    starts_ms: Time = 0
    ends_ms: Time | None = None
    bonus_days: Days | None = None
    uses_per_account_max: Annotated[int, msgspec.Meta(ge=1)] | None = None
    budget_minor: Minor | None = None


class CampaignView(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign; see `CampaignBody`.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        unit: Unit of the top-ups that it is for.
        terms: Tiers, and who gets what.
        starts_ms: When it begins.
        ends_ms: When it ends; null: when someone ends it.
        budget_minor: Most that it gives in all; null: no limit.
        given_minor: Bonus given so far.
        running: Whether it holds now.
        by: Who made it.
        created_ms: When.
    """

    id: str
    name: str
    unit: str
    terms: Terms
    starts_ms: int
    ends_ms: int | None
    budget_minor: int | None
    given_minor: int
    running: bool
    by: str
    created_ms: int


@write("/campaigns", Scope.TARIFFS_WRITE, tag=TAG)
def create_campaign(hub: Hub, request: HttpRequest, data: JSONBody[CampaignBody]) -> CampaignView:
    """Create a campaign; its bonus is given from `promo`."""
    draft = Draft(
        id=data.id,
        name=data.name,
        unit=hub.settings.unit.code if data.unit is None else data.unit,
        terms=Terms(
            tiers=tuple(msgspec.convert(tier, Tier, from_attributes=True) for tier in data.tiers),
            sites=data.sites,
            groups=data.groups,
            kinds=data.kinds,
            bonus_days=data.bonus_days,
            uses_per_account_max=data.uses_per_account_max,
        ),
        starts_ms=data.starts_ms,
        ends_ms=data.ends_ms,
        budget_minor=data.budget_minor,
        by=caller_of(request).id,
    )
    return _view(hub, hub.writer.run(lambda tx: campaigns.create_campaign(tx, draft)))


@read("/campaigns", Scope.PAYMENTS_READ, tag=TAG)
def list_campaigns(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[CampaignView]:
    """List campaigns, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        rows = campaigns.list_campaigns(connection, after=place, limit=limit)
    return page_of(
        rows, limit, lambda row: _view(hub, row), lambda row: (row.created_ms, row.draft.id)
    )


@read("/campaigns/{campaign:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_campaign(hub: Hub, campaign: PathId) -> CampaignView:
    """Read one campaign."""
    with hub.store.read() as connection:
        return _view(hub, campaigns.get_campaign(connection, campaign))


@write("/campaigns/{campaign:str}/end", Scope.TARIFFS_WRITE, tag=TAG, status=200)
def end_campaign(hub: Hub, campaign: PathId) -> CampaignView:
    """End a campaign now; bonus that was given stays."""
    return _view(hub, hub.writer.run(lambda tx: campaigns.end_campaign(tx, campaign)))


def _view(hub: Hub, campaign: Campaign) -> CampaignView:
    draft = campaign.draft
    return CampaignView(
        id=draft.id,
        name=draft.name,
        unit=draft.unit,
        terms=draft.terms,
        starts_ms=draft.starts_ms,
        ends_ms=draft.ends_ms,
        budget_minor=draft.budget_minor,
        given_minor=campaign.given_minor,
        running=campaign.runs(hub.clock.now().wall_ms),
        by=draft.by,
        created_ms=campaign.created_ms,
    )


ROUTES = (create_campaign, list_campaigns, get_campaign, end_campaign)
