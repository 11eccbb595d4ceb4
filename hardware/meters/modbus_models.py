"""Modbus meters that are known by name: where their total is, and how they are delivered.

Eastron SDM120-Modbus, SDM230-Modbus, SDM630-Modbus and SDM72D-M protocol documents,
"Input registers": import active energy is at 0x0048, a float32 in kWh, high word first.
It can't be set back; the resettable energies (0x0180 and on, SDM72) are never billed.
The models' defaults are in the same documents, "Holding registers".
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.specs import RegisterSpec


@dataclass(frozen=True, slots=True)
class Model:
    """A meter.

    Attributes:
        register: Its total.
        wh_per_count: What 1 in the register is worth.
        baudrate: As delivered.
    """

    register: RegisterSpec
    wh_per_count: int
    baudrate: int


_IMPORT_KWH = RegisterSpec(address=0x0048)
_WH_PER_KWH = 1_000

MODELS = {
    "sdm120": Model(_IMPORT_KWH, _WH_PER_KWH, 2_400),
    "sdm230": Model(_IMPORT_KWH, _WH_PER_KWH, 9_600),
    "sdm630": Model(_IMPORT_KWH, _WH_PER_KWH, 9_600),
    "sdm72": Model(_IMPORT_KWH, _WH_PER_KWH, 9_600),
}
UNIT = "Wh"
"""What they count; the unit of their spec."""
BAUDRATE_USUAL = 9_600
"""Of a meter without a name."""
