"""Whether a card may use a machine at all, before any money is looked at."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_agent.core.metering import costs_anything
from firmware_agent.core.model import MachineState, Wiring
from firmware_agent.core.modes import is_free
from firmware_agent.core.paying import paying, units_of
from firmware_agent.core.session import IN_SESSION, State
from wire.downlink import CardEntry, Standing
from wire.errors import Code
from wire.machines import PRICE_UNIT, SERVICE_PERMISSION, Machine, Mode, tariff_id_for
from wire.rating import least_minor
from wire.tariff import Tariff

_STATE_CODES = {
    State.LOCKED: Code.MACHINE_LOCKED,
    State.OUT_OF_SERVICE: Code.MACHINE_OUT_OF_SERVICE,
    State.FAULT: Code.OUTPUT_FAILED,
} | dict.fromkeys(IN_SESSION | {State.ASKING, State.CHOOSING}, Code.MACHINE_BUSY)

_STANDING_CODES = {
    Standing.BLOCKED: Code.CARD_BLOCKED,
    Standing.CLOSED: Code.ACCOUNT_CLOSED,
}


def check_machine(machine: MachineState, tariff: Tariff | None) -> Code | None:
    """Why nobody may start a machine now; None: a card may try."""
    spec = machine.spec
    if spec is None:
        return Code.MACHINE_NOT_CONFIGURED
    if machine.state in _STATE_CODES:
        return _STATE_CODES[machine.state]
    if not _fits(machine.wiring, spec, tariff):
        return Code.MACHINE_NOT_CONFIGURED
    if machine.meter_fault and tariff is not None and tariff.quantity is not None:
        return Code.METER_SILENT
    return _check_cycle(machine, spec) if spec.mode is Mode.CYCLE else None


def check_card(
    entry: CardEntry | None, level: int, machine: Machine, tariff: Tariff | None, wall_ms: int
) -> Code | None:
    """Why a card may not use a machine; None: it may, if it can pay.

    Args:
        entry: What the card list says; None: nothing.
        level: What the card proved at the reader.
        machine: The machine.
        tariff: What would price the session; None: nothing does.
        wall_ms: Now, corrected, for permissions that end.
    """
    if entry is None:
        return Code.CARD_UNKNOWN
    # A card that is listed as proving itself, and doesn't, is a copy of its UID.
    if level < entry.level:
        return Code.CARD_UNPROVED
    refusal = standing_code(entry) or _check_permission(entry, machine, wall_ms)
    if refusal is not None:
        return refusal
    if entry.deposit_minor < machine.deposit_minor:
        return Code.DEPOSIT_TOO_LOW
    return _check_unit(machine, tariff, entry)


def is_for_service(entry: CardEntry, level: int, wall_ms: int) -> bool:
    """Whether a card takes machines out of service, and back; one that proved itself."""
    if level < entry.level or entry.standing is not Standing.OK:
        return False
    return _is_permitted(entry.permissions, SERVICE_PERMISSION, wall_ms)


def standing_code(entry: CardEntry) -> Code | None:
    """Why a card may do nothing at all; None: it may."""
    return _STANDING_CODES.get(entry.standing)


def tariff_for(
    machine: Machine, entry: CardEntry | None, tariffs: Mapping[str, Tariff]
) -> Tariff | None:
    """The tariff that prices a session of a card; for no card, everyone's.

    None: the configuration has none of that name.
    """
    group, own = (entry.group, entry.tariffs) if entry is not None else ("", {})
    return tariffs.get(tariff_id_for(machine, group, own))


def payer(entry: CardEntry, machine: Machine, tariff: Tariff | None) -> CardEntry:
    """The card as it pays for a session, once `check_card` has allowed one."""
    if machine.mode is Mode.REVALUE:
        return paying(entry, machine.cash.unit) or entry
    if tariff is None or is_free(machine):
        return entry
    return paying(entry, tariff.unit.code) or entry


def _check_cycle(machine: MachineState, spec: Machine) -> Code | None:
    """Why a program can't begin."""
    if machine.feedback and spec.cycle.feedback_within_ms:
        return Code.MACHINE_BUSY
    return Code.DOOR_OPEN if machine.door else None


def _check_permission(entry: CardEntry, machine: Machine, wall_ms: int) -> Code | None:
    """Why its owner may not use a machine; an end is as good offline as online."""
    if not machine.permission or _is_permitted(entry.permissions, machine.permission, wall_ms):
        return None
    had_it = machine.permission in entry.permissions
    return Code.PERMISSION_ENDED if had_it else Code.PERMISSION_MISSING


def _check_unit(machine: Machine, tariff: Tariff | None, entry: CardEntry) -> Code | None:
    """Why a card can't pay, or pay in, in a machine's unit."""
    if machine.mode is Mode.REVALUE:
        return None if machine.cash.unit in units_of(entry) else Code.UNIT_MISMATCH
    if is_free(machine):
        return None
    if tariff is None:
        return Code.MACHINE_NOT_CONFIGURED
    return None if tariff.unit.code in units_of(entry) else Code.UNIT_MISMATCH


def _is_permitted(permissions: Mapping[str, int], name: str, wall_ms: int) -> bool:
    until_ms = permissions.get(name)
    return until_ms is not None and (until_ms == 0 or wall_ms < until_ms)


def _fits(wiring: Wiring, spec: Machine, tariff: Tariff | None) -> bool:
    """Whether the wiring can do what the hub asks for.

    A cycle that waits for feedback without having any would be given away for ever;
    a price per Wh on a meter of litres would charge nonsense.
    """
    if spec.mode is Mode.REVALUE:
        return bool(wiring.acceptors)
    if spec.mode is Mode.VEND and wiring.has_bus:
        return _prices_a_vend(tariff)
    if spec.mode is Mode.VEND and (tariff is None or least_minor(tariff) == 0):
        return False
    if spec.mode in {Mode.CYCLE, Mode.VEND}:
        return wiring.has_feedback or spec.cycle.feedback_within_ms == 0
    if spec.mode is Mode.METERED and tariff is not None and tariff.quantity is not None:
        return wiring.meter_unit == tariff.quantity.unit
    return True


def _prices_a_vend(tariff: Tariff | None) -> bool:
    """Whether a tariff asks something for what a vending machine gives."""
    if tariff is None or not costs_anything(tariff):
        return False
    return tariff.quantity is None or tariff.quantity.unit == PRICE_UNIT
