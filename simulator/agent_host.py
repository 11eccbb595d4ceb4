"""`standpipe-sim agent`: the real agent in this process, on virtual pins.

Readers, meters and displays are the real drivers; only gpiozero's pins lead to the
world instead of a header.
"""

from __future__ import annotations

