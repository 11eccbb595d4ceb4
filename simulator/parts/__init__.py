"""Virtual hardware under the real drivers.

`pn532_chip` and `display_tube` sit behind pseudo-terminals, `pins` behind gpiozero's
mock pins, `plant` is the machine between relay and meter, `world` holds one or more
controllers' parts in one process. Nothing here knows the agent or the hub.
"""

from __future__ import annotations
