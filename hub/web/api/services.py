"""Routes of services: what is sold and has no controller."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.charging import services
from hub.charging.services import Service
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, remove, write
from wire.bounds import Name

TAG = "Services"
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=services.NAME_LENGTH_MAX)]
PriceGroups = Annotated[dict[Name, Name], msgspec.Meta(max_length=services.PRICE_GROUPS_MAX)]


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service.

    Attributes:
        id: Its name in the ledger.
        name: What people read.
        kind: What it is; given money and members' limits go by it.
        tariff: Tariff for everyone not named below.
        tariff_by_group: Tariff by the account's price group.
    """

    id: str
    name: str
    kind: str
    tariff: str
    tariff_by_group: dict[str, str]


class ServiceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service to register, or as it is from now on.

    Attributes:
        id: Its name in the ledger; no machine has it.
        name: What people read.
        kind: What it is: `course`, `cloud`, `door`.
        tariff: Tariff for everyone not named below.
        tariff_by_group: Tariff by the account's price group.
    """

    id: Name
    name: Label
    kind: Name
    tariff: Name
    tariff_by_group: PriceGroups = {}


def view(service: Service) -> ServiceView:
    """A service as the API shows it."""
    return msgspec.convert(service, ServiceView, from_attributes=True)


@read("/services", Scope.FLEET_READ, tag=TAG)
def list_services(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ServiceView]:
    """Services that are sold, in the order of ids."""
    place = decode_cursor(after, tuple[str])
    with hub.store.read() as connection:
        rows = services.list_services(connection, after=place[0] if place else "", limit=limit)
    return page_of(rows, limit, view, lambda row: (row.id,))


@read("/services/{service:str}", Scope.FLEET_READ, tag=TAG)
def get_service(hub: Hub, service: PathId) -> ServiceView:
    """One service."""
    with hub.store.read() as connection:
        return view(services.get_service(connection, service))


@write("/services", Scope.FLEET_WRITE, tag=TAG)
def put_service(hub: Hub, data: JSONBody[ServiceBody]) -> ServiceView:
    """Register a service, or change it; open usages keep the price they began with."""
    asked = Service(
        id=data.id,
        name=data.name,
        kind=data.kind,
        tariff=data.tariff,
        tariff_by_group=data.tariff_by_group,
    )
    return view(hub.writer.run(lambda tx: services.put_service(tx, asked)))


@remove("/services/{service:str}", Scope.FLEET_WRITE, tag=TAG)
def remove_service(hub: Hub, service: PathId) -> None:
    """Sell a service no more; its open usages go on to their end."""
    hub.writer.run(lambda tx: services.remove_service(tx, service))


ROUTES = (list_services, get_service, put_service, remove_service)
