"""Services: what is sold and has no controller, as a cloud service, a course or a door.

A service has a kind and a tariff as a machine has; its takings are `revenue/<service>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from hub.charging import tariffs
from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.store.tables.fleet import machines
from hub.store.tables.usage import services
from wire.errors import Code
from wire.ids import is_name
from wire.machines import Machine, tariff_id_for
from wire.tariff import Tariff

NAME_LENGTH_MAX = 120
PRICE_GROUPS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service.

    Attributes:
        id: Its name in the ledger; no machine has it.
        name: What people read.
        kind: What it is: `course`, `cloud`, `door`; lots and limits go by it.
        tariff: Tariff id for everyone not named below.
        tariff_by_group: Tariff id by the account's price group.
    """

    id: str
    name: str
    kind: str
    tariff: str
    tariff_by_group: dict[str, str]


def put_service(tx: Tx, service: Service) -> Service:
    """Register a service, or change it. What runs keeps the price it began with.

    Raises:
        InputError: A value is out of range, or a tariff isn't known.
        ConflictError: A machine has its id.
    """
    _check(tx.connection, service)
    values = {
        "name": service.name,
        "kind": service.kind,
        "tariff": service.tariff,
        "tariff_by_group": msgspec.json.encode(service.tariff_by_group).decode(),
        "removed_ms": None,
    }
    mine = services.c.id == service.id
    if tx.connection.execute(update(services).where(mine).values(**values)).rowcount == 0:
        tx.connection.execute(insert(services).values(id=service.id, **values))
    return service


def remove_service(tx: Tx, service_id: str) -> None:
    """Sell a service no more. Its usages go on to their end. Twice: once.

    Raises:
        NotFoundError: There never was such a service.
    """
    row = tx.connection.execute(select(services).where(services.c.id == service_id)).first()
    if row is None:
        raise NotFoundError(f"there is no service {service_id}")
    if row.removed_ms is None:
        tx.connection.execute(
            update(services).where(services.c.id == service_id).values(removed_ms=tx.now_ms)
        )


def get_service(connection: Connection, service_id: str) -> Service:
    """Read a service that is sold.

    Raises:
        NotFoundError: No such service.
    """
    query = select(services).where(services.c.id == service_id, services.c.removed_ms.is_(None))
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"there is no service {service_id}: register it first")
    return _service(row)


def list_services(connection: Connection, *, after: str = "", limit: int) -> list[Service]:
    """Services that are sold in the order of ids, one more than `limit` if there are more."""
    query = (
        select(services)
        .where(services.c.id > after, services.c.removed_ms.is_(None))
        .order_by(services.c.id)
    )
    return [_service(row) for row in connection.execute(query.limit(limit + 1))]


def price_of(
    connection: Connection, service: Service, account: Row[Any], wanted: str = ""
) -> Tariff:
    """The tariff that prices a usage, by the rules of machines; its newest version.

    Args:
        connection: To read from.
        service: What is used.
        account: Row of `accounts`: its own prices and its group.
        wanted: A tariff that the caller names; empty: by the rules.

    Raises:
        NotFoundError: No such tariff.
    """
    as_machine = Machine(
        id=service.id,
        name=service.name,
        kind=service.kind,
        tariff=service.tariff,
        tariff_by_group=service.tariff_by_group,
    )
    own = msgspec.json.decode(account.tariffs, type=dict[str, str])
    return tariffs.get_latest(connection, wanted or tariff_id_for(as_machine, account.group, own))


def _check(connection: Connection, service: Service) -> None:
    if not is_name(service.id) or not is_name(service.kind):
        raise InputError(
            "a service's id and kind are lower case letters, digits and _ . -, at most 64"
        )
    if not 1 <= len(service.name) <= NAME_LENGTH_MAX or not service.name.isprintable():
        raise InputError(f"a service's name has 1 to {NAME_LENGTH_MAX} printable characters")
    if len(service.tariff_by_group) > PRICE_GROUPS_MAX:
        raise InputError(f"a service has at most {PRICE_GROUPS_MAX} price groups")
    wanted = {service.tariff, *service.tariff_by_group.values()}
    known = {tariff.id for tariff in tariffs.latest(connection, wanted)}
    if wanted - known:
        raise InputError(f"there is no tariff {', '.join(sorted(wanted - known))}: add it first")
    if connection.execute(select(machines.c.id).where(machines.c.id == service.id)).first():
        raise ConflictError(
            f"{service.id} is a machine: choose another id for the service", Code.ID_CONFLICT
        )


def _service(row: Row[Any]) -> Service:
    return Service(
        id=row.id,
        name=row.name,
        kind=row.kind,
        tariff=row.tariff,
        tariff_by_group=msgspec.json.decode(row.tariff_by_group, type=dict[str, str]),
    )
