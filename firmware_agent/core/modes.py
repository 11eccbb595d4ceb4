"""What the modes of machines have in common, and how they differ in money.

METERED is charged for what is read. CYCLE, VEND and a priced ACCESS are bought: the price
is known when they begin. A free ACCESS and REVALUE cost nothing.
"""

from __future__ import annotations

import msgspec

from wire.machines import Machine, Mode, Program
from wire.rating import rate
from wire.tariff import Tariff
from wire.usage import NOTHING, Usage, add_use


def is_free(spec: Machine) -> bool:
    """Whether use of a machine costs nothing, whatever tariff it names."""
    return spec.mode is Mode.REVALUE or (spec.mode is Mode.ACCESS and not spec.access.priced)


def is_bought(spec: Machine) -> bool:
    """Whether the price is known when a session begins, and reading changes nothing."""
    return spec.mode in {Mode.CYCLE, Mode.VEND} or (spec.mode is Mode.ACCESS and not is_free(spec))


def bought_usage(spec: Machine, tariff: Tariff, wall_ms: int, quantity: int = 0) -> Usage:
    """What a customer buys at the start.

    A cycle: its whole time, by the bands from now on. A vend: the price that the machine
    asks, as a quantity of `wire.machines.PRICE_UNIT`. An entry: nothing beyond the start.
    """
    if spec.mode is Mode.CYCLE:
        return add_use(tariff, NOTHING, wall_ms, spec.cycle.duration_ms, 0)
    if spec.mode is Mode.VEND:
        return add_use(tariff, NOTHING, wall_ms, 0, quantity)
    return NOTHING


def charge_for(spec: Machine, tariff: Tariff | None, usage: Usage) -> int:
    """Charge of a session that has begun, minor units."""
    return 0 if tariff is None or is_free(spec) else rate(tariff, usage)


def with_program(spec: Machine, chosen: str) -> tuple[Machine, str]:
    """A machine as the chosen program runs it, and that program's id.

    Args:
        spec: As configured.
        chosen: Id of a program; one that isn't there is the first.
    """
    program = find_program(spec, chosen)
    if program is None:
        return spec, ""
    cycle = msgspec.structs.replace(
        spec.cycle, duration_ms=program.duration_ms or spec.cycle.duration_ms
    )
    # A group's own price is of the machine; a program that has a price goes before it.
    groups = {} if program.tariff else spec.tariff_by_group
    run = msgspec.structs.replace(
        spec, cycle=cycle, tariff=program.tariff or spec.tariff, tariff_by_group=groups
    )
    return run, program.id


def find_program(spec: Machine, chosen: str) -> Program | None:
    """The program of an id, otherwise the first; None: the machine has no choice."""
    programs = spec.cycle.programs if spec.mode is Mode.CYCLE else ()
    return next((one for one in programs if one.id == chosen), programs[0] if programs else None)


def next_program(spec: Machine, chosen: str) -> str:
    """Id of the program after the chosen one, in a ring; empty: there is no choice."""
    programs = spec.cycle.programs if spec.mode is Mode.CYCLE else ()
    if not programs:
        return ""
    ids = [program.id for program in programs]
    place = ids.index(chosen) if chosen in ids else 0
    return ids[(place + 1) % len(ids)]
