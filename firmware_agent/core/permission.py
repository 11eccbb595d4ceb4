"""Whether a card may use a machine at all, before any money is looked at."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_agent.core.model import MachineState, Wiring
from firmware_agent.core.paying import paying, units_of
from firmware_agent.core.session import IN_SESSION, State
from wire.downlink import CardEntry, Standing
from wire.errors import Code
from wire.machines import Machine, Mode, tariff_id_for
from wire.tariff import Tariff

FREE_MODES = frozenset({Mode.ACCESS})
SERVED_MODES = frozenset({Mode.METERED, Mode.CYCLE, Mode.ACCESS})
"""What this version can run; a machine of another mode is refused."""

_STATE_CODES = {
    State.LOCKED: Code.MACHINE_LOCKED,
    State.OUT_OF_SERVICE: Code.MACHINE_OUT_OF_SERVICE,
    State.FAULT: Code.OUTPUT_FAILED,
} | dict.fromkeys(IN_SESSION | {State.ASKING}, Code.MACHINE_BUSY)

_STANDING_CODES = {
    Standing.BLOCKED: Code.CARD_BLOCKED,
    Standing.CLOSED: Code.ACCOUNT_CLOSED,
}


def check_machine(machine: MachineState, tariff: Tariff | None) -> Code | None:
    """Why nobody may start a machine now; None: a card may try."""
    spec = machine.spec
    if spec is None or spec.mode not in SERVED_MODES:
        return Code.MACHINE_NOT_CONFIGURED
    if machine.state in _STATE_CODES:
        return _STATE_CODES[machine.state]
    if not _fits(machine.wiring, spec, tariff):
        return Code.MACHINE_NOT_CONFIGURED
    if spec.mode is Mode.CYCLE and machine.feedback and spec.cycle.feedback_within_ms:
        return Code.MACHINE_BUSY
    if machine.meter_fault and tariff is not None and tariff.quantity is not None:
        return Code.METER_SILENT
    return None


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
    if entry.standing is not Standing.OK:
        return standing_code(entry)
    if machine.permission and not _is_permitted(entry.permissions, machine.permission, wall_ms):
        return Code.PERMISSION_MISSING
    if entry.deposit_minor < machine.deposit_minor:
        return Code.DEPOSIT_TOO_LOW
    return None if machine.mode in FREE_MODES else _check_price(tariff, entry)


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
    if tariff is None or machine.mode in FREE_MODES:
        return entry
    return paying(entry, tariff.unit.code) or entry


def _check_price(tariff: Tariff | None, entry: CardEntry) -> Code | None:
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
    if spec.mode is Mode.CYCLE:
        return wiring.has_feedback or spec.cycle.feedback_within_ms == 0
    if spec.mode is Mode.METERED and tariff is not None and tariff.quantity is not None:
        return wiring.meter_unit == tariff.quantity.unit
    return True
