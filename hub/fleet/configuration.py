"""A controller's configuration: built from what is known, numbered when it changes."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import Connection, select, update

from hub.charging import tariffs
from hub.fleet import controllers, machines, sites
from hub.ledger.writer import Tx
from hub.store.tables import fleet, people
from wire.codec import encode
from wire.machines import Config, Machine


def build_config(connection: Connection, controller: str) -> Config:
    """The configuration as it should be now, with the newest version's number.

    Raises:
        NotFoundError: No such controller.
    """
    found = controllers.get_controller(connection, controller)
    site = sites.get_site(connection, found.site)
    own = machines.machines_of(connection, controller)
    ids = {tariff for machine in own for tariff in _tariffs_of(machine)}
    ids |= _own_prices(connection, own)
    return Config(
        receiver=controller,
        version=found.config_version,
        site=site.id,
        timezone=site.timezone,
        machines=own,
        tariffs=tariffs.latest(connection, ids),
        policy=site.policy,
    )


def refresh_config(tx: Tx, controller: str) -> Config:
    """Give the configuration the next version if its content changed."""
    mine = fleet.controllers.c.id == controller
    # Two hubs that look at once must not give two contents one number.
    tx.connection.execute(select(fleet.controllers.c.id).where(mine).with_for_update())
    config = build_config(tx.connection, controller)
    digest = _digest(config)
    if digest == _digest_before(tx.connection, controller):
        return config
    config = msgspec.structs.replace(config, version=config.version + 1)
    tx.connection.execute(
        update(fleet.controllers)
        .where(mine)
        .values(config_version=config.version, config_digest=digest)
    )
    return config


def is_current(connection: Connection, controller: str) -> bool:
    """Tell whether the newest version has the content that it should have now.

    Raises:
        NotFoundError: No such controller.
    """
    config = build_config(connection, controller)
    return _digest(config) == _digest_before(connection, controller)


def _digest_before(connection: Connection, controller: str) -> str | None:
    mine = fleet.controllers.c.id == controller
    return connection.execute(select(fleet.controllers.c.config_digest).where(mine)).scalar()


def _digest(config: Config) -> str:
    return hashlib.sha256(encode(msgspec.structs.replace(config, version=0))).hexdigest()


def _tariffs_of(machine: Machine) -> set[str]:
    return machines.tariffs_of(machine)


def _own_prices(connection: Connection, own: tuple[Machine, ...]) -> set[str]:
    """Tariffs that accounts have of their own for these machines."""
    names = {machine.id for machine in own} | {machine.kind for machine in own}
    query = select(people.accounts.c.tariffs).where(people.accounts.c.tariffs != "{}").distinct()
    prices = (
        msgspec.json.decode(row.tariffs, type=dict[str, str]) for row in connection.execute(query)
    )
    return {tariff for price in prices for name, tariff in price.items() if name in names}
