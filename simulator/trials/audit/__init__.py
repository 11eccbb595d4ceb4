"""A second opinion on everything that hub and controllers wrote, which shares no code with them.

It reads their databases with its own SQL, decodes journals with its own structs, prices
use with its own arithmetic, and holds all that against what truly happened, as a witness
saw it from outside. One checker for each invariant of the design.
"""

from __future__ import annotations

from simulator.trials.audit.auditor import Auditor
from simulator.trials.audit.breach import Breach, Invariant
from simulator.trials.audit.observation import Disk, Observation

__all__ = ["Auditor", "Breach", "Disk", "Invariant", "Observation"]
