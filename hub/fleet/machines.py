"""Machines: what a controller switches, how each charges, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from hub.charging import tariffs
from hub.errors import ConflictError, InputError, NotFoundError
from hub.fleet import controllers
from hub.ledger.writer import Tx
from hub.store.tables.fleet import machines
from hub.store.tables.usage import services
from hub.units import find_unit
from wire.errors import Code
from wire.ids import is_name
from wire.machines import Machine, Mode
from wire.money import AMOUNT_MINOR_MAX

NAME_LENGTH_MAX = 120
MACHINES_PER_CONTROLLER_MAX = 64
"""More outputs than any controller has; keeps its configuration within one message."""

PROGRAMS_MAX = 16
"""More than anyone steps through with one button."""
_PRICED = frozenset({Mode.METERED, Mode.CYCLE, Mode.VEND})


@dataclass(frozen=True, slots=True)
class PlacedMachine:
    """A machine and the controller that switches it."""

    controller: str
    machine: Machine


def put_machine(tx: Tx, controller: str, machine: Machine) -> PlacedMachine:
    """Add a machine to a controller, or change it; the configuration follows.

    Raises:
        NotFoundError: No such controller.
        InputError: Something is out of range, or a tariff isn't known.
        ConflictError: It hangs at another controller, or there are too many.
    """
    controllers.get_controller(tx.connection, controller)
    _check(tx.connection, machine)
    values = {
        "controller": controller,
        "definition": msgspec.json.encode(machine).decode(),
        "removed_ms": None,
    }
    row = tx.connection.execute(select(machines).where(machines.c.id == machine.id)).first()
    if row is not None and row.controller != controller and row.removed_ms is None:
        raise ConflictError(
            f"{machine.id} hangs at {row.controller}: remove it there first", Code.STATE_CONFLICT
        )
    if row is None or row.removed_ms is not None:
        _check_room(tx.connection, controller)
        _check_no_service(tx.connection, machine.id)
    if row is None:
        tx.connection.execute(insert(machines).values(id=machine.id, **values))
    else:
        tx.connection.execute(update(machines).where(machines.c.id == machine.id).values(**values))
    tx.touch("config", controller)
    return PlacedMachine(controller, machine)


def remove_machine(tx: Tx, machine: str) -> None:
    """Take a machine away from its controller. Its sessions stay. Twice: once.

    Raises:
        NotFoundError: There never was such a machine.
    """
    row = tx.connection.execute(select(machines).where(machines.c.id == machine)).first()
    if row is None:
        raise NotFoundError(f"there is no machine {machine}")
    if row.removed_ms is None:
        tx.connection.execute(
            update(machines).where(machines.c.id == machine).values(removed_ms=tx.now_ms)
        )
        tx.touch("config", row.controller)


def get_machine(connection: Connection, machine: str) -> PlacedMachine:
    """Read a machine that is in use.

    Raises:
        NotFoundError: No such machine.
    """
    query = select(machines).where((machines.c.id == machine) & machines.c.removed_ms.is_(None))
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"there is no machine {machine}")
    return _placed(row)


def machines_of(connection: Connection, controller: str) -> tuple[Machine, ...]:
    """A controller's machines, in the order of ids."""
    query = (
        select(machines)
        .where((machines.c.controller == controller) & machines.c.removed_ms.is_(None))
        .order_by(machines.c.id)
    )
    return tuple(_placed(row).machine for row in connection.execute(query))


def list_machines(connection: Connection, *, after: str = "", limit: int) -> list[PlacedMachine]:
    """Machines in use in the order of ids, one more than `limit` if there are more."""
    query = (
        select(machines)
        .where((machines.c.id > after) & machines.c.removed_ms.is_(None))
        .order_by(machines.c.id)
    )
    return [_placed(row) for row in connection.execute(query.limit(limit + 1))]


def tariffs_of(machine: Machine) -> set[str]:
    """Ids of the tariffs that price a machine's sessions, but for accounts' own."""
    programs = {program.tariff for program in machine.cycle.programs}
    return ({machine.tariff, *machine.tariff_by_group.values()} | programs) - {""}


def _check(connection: Connection, machine: Machine) -> None:
    if not is_name(machine.id):
        raise InputError("a machine's id is lower case letters, digits and _ . -, at most 64")
    if not 1 <= len(machine.name) <= NAME_LENGTH_MAX:
        raise InputError(f"a machine's name has 1 to {NAME_LENGTH_MAX} characters")
    limits = (machine.want_minor, machine.reserve_minor, machine.deposit_minor)
    for amount in (*limits, machine.cash.balance_max_minor):
        if not 0 <= amount <= AMOUNT_MINOR_MAX:
            raise InputError(f"{amount} is out of range: 0 to {AMOUNT_MINOR_MAX} minor units")
    wanted = tariffs_of(machine)
    known = {tariff.id for tariff in tariffs.latest(connection, wanted)}
    if wanted - known:
        raise InputError(f"there is no tariff {', '.join(sorted(wanted - known))}: add it first")
    is_priced = machine.mode is Mode.ACCESS and machine.access.priced
    if not machine.tariff and (is_priced or machine.mode in _PRICED):
        raise InputError(f"a machine of mode {machine.mode} needs a tariff")
    find_unit(connection, machine.cash.unit)
    _check_programs(machine)


def _check_programs(machine: Machine) -> None:
    programs = machine.cycle.programs
    if len(programs) > PROGRAMS_MAX:
        raise InputError(f"a machine has at most {PROGRAMS_MAX} programs")
    if len({program.id for program in programs}) < len(programs):
        raise InputError("each program of a machine needs an id of its own")
    for program in programs:
        if not is_name(program.id) or not 1 <= len(program.name) <= NAME_LENGTH_MAX:
            raise InputError(f"program {program.id!r} needs an id like a machine's, and a name")


def _check_no_service(connection: Connection, machine: str) -> None:
    if connection.execute(select(services.c.id).where(services.c.id == machine)).first():
        raise ConflictError(
            f"{machine} is a service: choose another id for the machine", Code.ID_CONFLICT
        )


def _check_room(connection: Connection, controller: str) -> None:
    if len(machines_of(connection, controller)) >= MACHINES_PER_CONTROLLER_MAX:
        raise ConflictError(
            f"{controller} has {MACHINES_PER_CONTROLLER_MAX} machines: that is the most",
            Code.LIMIT_EXCEEDED,
        )


def _placed(row: Row[tuple[object, ...]]) -> PlacedMachine:
    return PlacedMachine(row.controller, msgspec.json.decode(row.definition, type=Machine))
