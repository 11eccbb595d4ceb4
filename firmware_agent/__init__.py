"""The program on the controller: decides, switches, meters, journals, syncs.

`core` decides and is pure; `runtime` is the one thread that feeds it; `store` and
`journal` keep what must not be lost; `mqtt_link` speaks with the hub; `bootstrap`
puts it together. Start there.
"""

from __future__ import annotations
