"""Routes of tariffs: versions that never change, and a calculator to try one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.charging import tariffs
from hub.errors import InputError
from hub.people.keys import Scope
from hub.units import find_unit
from hub.web.paging import Page
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Count, Name
from wire.errors import TariffError
from wire.money import Unit
from wire.rating import rate, split_tax
from wire.tariff import BANDS_MAX, TIERS_MAX, Band, Measure, Tariff, Tier
from wire.usage import NOTHING, add_use

TAG = "Tariffs"
TIME_MS_MAX = 31 * 86_400_000
"""The calculator walks minute by minute through bands: a month is quick, a century isn't."""
EVERY_DAY = Band(name="").weekdays
Price = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Use = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Minute = Annotated[int, msgspec.Meta(ge=0, le=1440)]
Day = Annotated[int, msgspec.Meta(ge=0, le=6)]


class TierBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price up to a cumulative amount of use.

    Attributes:
        price_micros: Price for `per` base units, in millionths of the major unit.
        up_to: Use where the tier ends; null: no end, and only the last tier.
    """

    price_micros: Price
    up_to: Use | None = None


Tiers = Annotated[list[TierBody], msgspec.Meta(min_length=1, max_length=TIERS_MAX)]


class MeasureBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How time or a quantity is priced; see `wire.tariff.Measure`.

    Attributes:
        unit: Base unit: `ms` for time; `Wh`, `ml`, `pulse`, `page`, `s` for a quantity.
        per: Base units that a price is for: 60,000 ms for a price per minute.
        free: Base units at the start that cost nothing.
        first: Least billed use once something was used.
        next: Use is billed in steps of this after `first`.
        tiers: In rising order; the last one has no end.
    """

    unit: Name
    per: Use
    free: Use = 0
    first: Use = 0
    next: Use = 1
    tiers: Tiers


class BandBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of the week with prices of their own; see `wire.tariff.Band`.

    Attributes:
        name: What people read.
        weekdays: 0 Monday to 6 Sunday.
        from_minute: Minute of the day when it begins.
        to_minute: Minute when it ends; at or before `from_minute`: on the next day.
        time_tiers: Tiers instead of those of `time`.
        quantity_tiers: Tiers instead of those of `quantity`.
    """

    name: Label
    weekdays: Annotated[tuple[Day, ...], msgspec.Meta(min_length=1, max_length=7)] = EVERY_DAY
    from_minute: Minute = 0
    to_minute: Minute = 1440
    time_tiers: Tiers | None = None
    quantity_tiers: Tiers | None = None


class TariffBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a tariff; see `wire.tariff.Tariff`.

    Attributes:
        id: Name of the tariff, the same for all its versions.
        version: The next one: 1 for a new tariff.
        name: What people read.
        unit: Unit of the money; left out: the hub's.
        start_fee_micros: Charged once the session has begun.
        minimum_minor: Least charge of a session that was charged at all.
        cap_minor: Most charge of a session; null: no cap.
        time: Price of time; null: it costs nothing.
        quantity: Price of quantity; null: it costs nothing.
        bands: The first that covers a moment wins.
        timezone: IANA name by which bands are read.
        tax_rate_ppm: Tax contained in every price, in parts per million.
    """

    id: Name
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    name: Label
    unit: Name | None = None
    start_fee_micros: Price = 0
    minimum_minor: Use = 0
    cap_minor: Use | None = None
    time: MeasureBody | None = None
    quantity: MeasureBody | None = None
    bands: Annotated[list[BandBody], msgspec.Meta(max_length=BANDS_MAX)] = []
    timezone: Name = "UTC"
    tax_rate_ppm: Annotated[int, msgspec.Meta(ge=0, le=10**6)] = 0


class PriceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Use to be priced.

    Attributes:
        from_ms: Wall time when it begins; bands depend on it.
        time_ms: Time used.
        quantity: Base units used, read at the end.
        tariff: A draft to try; left out: the newest version of the one in the address.
    """

    from_ms: Annotated[int, msgspec.Meta(ge=0, le=2**48)] = 0
    time_ms: Annotated[int, msgspec.Meta(ge=0, le=TIME_MS_MAX)] = 0
    quantity: Count = 0
    tariff: TariffBody | None = None


class PriceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a use costs.

    Attributes:
        tariff: Which tariff.
        version: Which version.
        unit: Unit of the money.
        gross_minor: Price with tax.
        net_minor: Price without tax.
        tax_minor: Tax.
    """

    tariff: str
    version: int
    unit: str
    gross_minor: int
    net_minor: int
    tax_minor: int


@read("/tariffs", Scope.FLEET_READ, tag=TAG)
def list_tariffs(hub: Hub) -> Page[Tariff]:
    """The newest version of each tariff."""
    with hub.store.read() as connection:
        return Page(items=list(tariffs.list_latest(connection)))


@read("/tariffs/{tariff:str}", Scope.FLEET_READ, tag=TAG)
def list_versions(hub: Hub, tariff: PathId) -> Page[Tariff]:
    """All versions, newest first."""
    with hub.store.read() as connection:
        return Page(items=list(tariffs.list_versions(connection, tariff)))


@write("/tariffs", Scope.TARIFFS_WRITE, tag=TAG)
def add_tariff(hub: Hub, data: JSONBody[TariffBody]) -> Tariff:
    """Add a version of a tariff."""
    tariff = _tariff(hub, data)
    return hub.writer.run(lambda tx: tariffs.add_version(tx, tariff))


@write(
    "/tariffs/{tariff:str}/price",
    Scope.FLEET_READ,
    tag=TAG,
    status=200,
)
def price(hub: Hub, tariff: PathId, data: JSONBody[PriceBody]) -> PriceView:
    """What a use costs, by the newest version or by a draft."""
    if data.tariff is not None:
        chosen = _tariff(hub, data.tariff)
    else:
        with hub.store.read() as connection:
            chosen = tariffs.get_latest(connection, tariff)
    usage = add_use(chosen, NOTHING, data.from_ms, data.time_ms, data.quantity)
    charge = split_tax(chosen, rate(chosen, usage))
    return PriceView(
        tariff=chosen.id,
        version=chosen.version,
        unit=chosen.unit.code,
        gross_minor=charge.gross_minor,
        net_minor=charge.net_minor,
        tax_minor=charge.tax_minor,
    )


def _tariff(hub: Hub, body: TariffBody) -> Tariff:
    try:
        return Tariff(
            id=body.id,
            version=body.version,
            name=body.name,
            unit=_unit(hub, body.unit),
            start_fee_micros=body.start_fee_micros,
            minimum_minor=body.minimum_minor,
            cap_minor=body.cap_minor,
            time=_measure(body.time),
            quantity=_measure(body.quantity),
            bands=tuple(_band(band) for band in body.bands),
            timezone=body.timezone,
            tax_rate_ppm=body.tax_rate_ppm,
        )
    except TariffError as error:
        raise InputError(str(error)) from None


def _unit(hub: Hub, code: str | None) -> Unit:
    if code is None:
        return hub.settings.unit
    with hub.store.read() as connection:
        return find_unit(connection, code)


def _measure(body: MeasureBody | None) -> Measure | None:
    if body is None:
        return None
    return Measure(
        unit=body.unit,
        per=body.per,
        free=body.free,
        first=body.first,
        next=body.next,
        tiers=_tiers(body.tiers),
    )


def _band(body: BandBody) -> Band:
    return Band(
        name=body.name,
        weekdays=body.weekdays,
        from_minute=body.from_minute,
        to_minute=body.to_minute,
        time_tiers=None if body.time_tiers is None else _tiers(body.time_tiers),
        quantity_tiers=None if body.quantity_tiers is None else _tiers(body.quantity_tiers),
    )


def _tiers(body: list[TierBody]) -> tuple[Tier, ...]:
    return tuple(Tier(price_micros=tier.price_micros, up_to=tier.up_to) for tier in body)


ROUTES = (list_tariffs, list_versions, add_tariff, price)
