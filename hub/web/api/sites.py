"""Routes of sites: places and the rules that hold there."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar.params import JSONBody

from hub.fleet import sites
from hub.fleet.sites import Site
from hub.ledger.writer import Tx
from hub.people.keys import Scope
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.routing import PathId, change, read, write
from wire.bounds import Minor, Name
from wire.machines import Policy

TAG = "Sites"
Label = Annotated[str, msgspec.Meta(max_length=120)]
Millis = Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]


class PolicyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules of a site's controllers.

    Attributes:
        want_timeout_ms: How long a tap waits for the hub.
        checkpoint_ms: How often a running session is checkpointed.
        low_percent: More is asked for when this share of the right is left.
        state_ms: How often the live view is published.
        batch_events_max: Events in one batch at most.
        batch_wait_ms: How long an event may wait for others.
        takes_unproved_cards: Whether cards that are listed as proving themselves may
            start without it, on backed rights only: while readers are changed.
    """

    want_timeout_ms: Millis = Policy().want_timeout_ms
    checkpoint_ms: Millis = Policy().checkpoint_ms
    low_percent: Annotated[int, msgspec.Meta(ge=1, le=99)] = Policy().low_percent
    state_ms: Millis = Policy().state_ms
    batch_events_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = Policy().batch_events_max
    batch_wait_ms: Millis = Policy().batch_wait_ms
    takes_unproved_cards: bool = Policy().takes_unproved_cards


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """A site.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        timezone: IANA name.
        floors_minor: Floor of cards of level 0, 1 and 2: the most that one controller
            lets a card spend on trust while the hub doesn't answer.
        standing_minor: Backed right that an account keeps at each controller it used.
        policy: Rules of its controllers.
    """

    id: str
    name: str
    timezone: str
    floors_minor: tuple[int, int, int]
    standing_minor: int
    policy: Policy


class AddSite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What adds a site; see `SiteView`."""

    id: Name
    name: Label = ""
    timezone: Name = "UTC"
    floors_minor: tuple[Minor, Minor, Minor] = Site(id="").floors_minor
    standing_minor: Minor = 0
    policy: PolicyBody = PolicyBody()


class ChangeSite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a site; what is left out stays. See `SiteView`."""

    name: Label | msgspec.UnsetType = msgspec.UNSET
    timezone: Name | msgspec.UnsetType = msgspec.UNSET
    floors_minor: tuple[Minor, Minor, Minor] | msgspec.UnsetType = msgspec.UNSET
    standing_minor: Minor | msgspec.UnsetType = msgspec.UNSET
    policy: PolicyBody | msgspec.UnsetType = msgspec.UNSET


def view(site: Site) -> SiteView:
    """A site as the API shows it."""
    return msgspec.convert(site, SiteView, from_attributes=True)


@read("/sites", Scope.FLEET_READ, tag=TAG)
def list_sites(hub: Hub) -> Page[SiteView]:
    """List sites."""
    with hub.store.read() as connection:
        return Page(items=[view(site) for site in sites.list_sites(connection)])


@read("/sites/{site:str}", Scope.FLEET_READ, tag=TAG)
def get_site(hub: Hub, site: PathId) -> SiteView:
    """One site."""
    with hub.store.read() as connection:
        return view(sites.get_site(connection, site))


@write("/sites", Scope.FLEET_WRITE, tag=TAG)
def add_site(hub: Hub, data: JSONBody[AddSite]) -> SiteView:
    """Add a site."""
    site = Site(
        id=data.id,
        name=data.name,
        timezone=data.timezone,
        floors_minor=data.floors_minor,
        standing_minor=data.standing_minor,
        policy=_policy(data.policy),
    )
    return view(hub.writer.run(lambda tx: sites.add_site(tx, site)))


@change("/sites/{site:str}", Scope.FLEET_WRITE, tag=TAG)
def change_site(hub: Hub, site: PathId, data: JSONBody[ChangeSite]) -> SiteView:
    """Change a site's rules."""
    given: dict[str, Any] = {
        name: _policy(value) if isinstance(value, PolicyBody) else value
        for name, value in msgspec.structs.asdict(data).items()
        if value is not msgspec.UNSET
    }

    def job(tx: Tx) -> Site:
        return sites.change_site(tx, replace(sites.get_site(tx.connection, site), **given))

    return view(hub.writer.run(job))


def _policy(body: PolicyBody) -> Policy:
    return msgspec.convert(body, Policy, from_attributes=True)


ROUTES = (list_sites, get_site, add_site, change_site)
