"""Sites: a place, its time zone, and the rules that hold for all cards there."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.store.tables.charging import allowances
from hub.store.tables.fleet import controllers, site_floors, sites
from hub.store.tables.people import cards
from wire.errors import Code, TariffError
from wire.ids import is_name
from wire.machines import Policy
from wire.money import AMOUNT_MINOR_MAX
from wire.usage import zone

LEVELS = 3
NAME_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site.

    Attributes:
        id: Its name in addresses.
        name: What people read.
        timezone: IANA name.
        floors_minor: Floor of cards of level 0, 1 and 2.
        standing_minor: Backed right that an account keeps at each controller where it
            was used; 0: none stands.
        policy: Rules of its controllers.
    """

    id: str
    name: str = ""
    timezone: str = "UTC"
    floors_minor: tuple[int, int, int] = (200, 500, 500)
    standing_minor: int = 0
    policy: Policy = field(default_factory=Policy)


def add_site(tx: Tx, site: Site) -> Site:
    """Add a site. The same again: the site as it is.

    Raises:
        InputError: Something is out of range.
        ConflictError: There is another site of that id.
    """
    _check(site)
    existing = find_site(tx.connection, site.id)
    if existing is not None:
        if existing != site:
            raise ConflictError(f"there is another site {site.id} already", Code.ID_CONFLICT)
        return existing
    tx.connection.execute(insert(sites).values(id=site.id, **_columns(site)))
    _note_floors(tx, site)
    tx.touch("site", site.id)
    return site


def change_site(tx: Tx, site: Site) -> Site:
    """Change a site's rules; cards and controllers learn what concerns them.

    Raises:
        InputError: Something is out of range.
        NotFoundError: No such site.
    """
    _check(site)
    before = get_site(tx.connection, site.id)
    if before == site:
        return before
    tx.connection.execute(update(sites).where(sites.c.id == site.id).values(**_columns(site)))
    if before.floors_minor != site.floors_minor:
        _relist_all(tx)
        _note_floors(tx, site)
    if before.standing_minor != site.standing_minor:
        _touch_holders(tx, site.id)
    for row in tx.connection.execute(select(controllers.c.id).where(controllers.c.site == site.id)):
        tx.touch("config", row.id)
    tx.touch("site", site.id)
    return site


def get_site(connection: Connection, site: str) -> Site:
    """Read a site.

    Raises:
        NotFoundError: No such site.
    """
    found = find_site(connection, site)
    if found is None:
        raise NotFoundError(f"there is no site {site}")
    return found


def find_site(connection: Connection, site: str) -> Site | None:
    """Read a site, or None."""
    row = connection.execute(select(sites).where(sites.c.id == site)).first()
    return None if row is None else _site(row)


def list_sites(connection: Connection) -> list[Site]:
    """All sites in the order of ids; an operator has as many as places."""
    return [_site(row) for row in connection.execute(select(sites).order_by(sites.c.id))]


def _relist_all(tx: Tx) -> None:
    # Floors travel in the card list, so each card must be listed anew.
    for row in tx.connection.execute(select(cards.c.account).distinct()).all():
        card_list.relist_account(tx, row.account)


def _touch_holders(tx: Tx, site: str) -> None:
    # What stands ready is in the rights of accounts that were used here, and in no list.
    here = (controllers.c.id == allowances.c.controller) & (
        controllers.c.epoch == allowances.c.epoch
    )
    held = select(allowances.c.account).join(controllers, here).where(controllers.c.site == site)
    for account in tx.connection.execute(held.distinct()).scalars():
        tx.touch("account", account)


def _note_floors(tx: Tx, site: Site) -> None:
    low, middle, high = site.floors_minor
    values = {
        "floor_level0_minor": low,
        "floor_level1_minor": middle,
        "floor_level2_minor": high,
    }
    revision = card_list.last_revision(tx.connection)
    mine = (site_floors.c.site == site.id) & (site_floors.c.list_revision == revision)
    if tx.connection.execute(update(site_floors).where(mine).values(**values)).rowcount == 0:
        tx.connection.execute(
            insert(site_floors).values(site=site.id, list_revision=revision, **values)
        )


def _check(site: Site) -> None:
    if not is_name(site.id):
        raise InputError("a site's id is lower case letters, digits and _ . -, at most 64")
    if len(site.name) > NAME_LENGTH_MAX:
        raise InputError(f"a site's name is at most {NAME_LENGTH_MAX} characters")
    if len(site.floors_minor) != LEVELS:
        raise InputError("a site has a floor for each card level: 0, 1 and 2")
    for amount in (*site.floors_minor, site.standing_minor):
        if not 0 <= amount <= AMOUNT_MINOR_MAX:
            raise InputError(f"{amount} is out of range: 0 to {AMOUNT_MINOR_MAX} minor units")
    try:
        zone(site.timezone)
    except TariffError as error:
        raise InputError(str(error)) from None


def _columns(site: Site) -> dict[str, object]:
    return {
        "name": site.name,
        "timezone": site.timezone,
        "floor_level0_minor": site.floors_minor[0],
        "floor_level1_minor": site.floors_minor[1],
        "floor_level2_minor": site.floors_minor[2],
        "standing_minor": site.standing_minor,
        "policy": msgspec.json.encode(site.policy).decode(),
    }


def _site(row: Row[tuple[object, ...]]) -> Site:
    return Site(
        id=row.id,
        name=row.name,
        timezone=row.timezone,
        floors_minor=(row.floor_level0_minor, row.floor_level1_minor, row.floor_level2_minor),
        standing_minor=row.standing_minor,
        policy=msgspec.json.decode(row.policy, type=Policy),
    )
