"""Reads digits that were typed at a machine: all that deciding on a code must be handed."""

from __future__ import annotations

from firmware_agent.code_table import load_used_codes
from firmware_agent.core.codes import holder, units_here
from firmware_agent.core.inputs import CodeTyped
from firmware_agent.core.model import ControllerState, Moment
from firmware_agent.records import Records
from hardware.ports import DigitsTyped
from wire.codes import Misread, is_well_formed, read_code


class CodeReader:
    """Turns digits into what the core decides on.

    Args:
        records: Cards, rights, and which codes were used.
        key: Of this controller's codes; None: it enrolled before there were any.
    """

    def __init__(self, records: Records, key: bytes | None) -> None:
        self._records = records
        self._key = key

    def read(self, state: ControllerState, event: DigitsTyped, moment: Moment) -> CodeTyped | None:
        """Read typed digits as a code for the card tapped last there.

        Returns:
            The input; None: there is no such machine.

        Raises:
            StoreError: What is kept can't be read.
        """
        machine = state.machines.get(event.keypad)
        if machine is None:
            return None
        if not is_well_formed(event.digits):
            return CodeTyped(machine.id, Misread.MISTYPED)
        if self._key is None:
            return CodeTyped(machine.id, None)
        tapped = holder(state, machine, moment)
        if tapped is None:
            return CodeTyped(machine.id, Misread.NOT_GENUINE)
        found = read_code(self._key, state.name, units_here(state, tapped), event.digits)
        entry, rights, _ = self._records.look_up(tapped.card)
        if isinstance(found, Misread):
            return CodeTyped(machine.id, found, entry=entry)
        use = load_used_codes(self._records.store).use_of(found[1].counter)
        return CodeTyped(machine.id, found, use, entry, rights)
