"""Parts of a controller: readers, outputs, meters, inputs, lamps and displays.

`ports` says what a part can do, `specs` how the configuration names it, `factory`
opens it. Only a driver's own file imports its library.
"""

from __future__ import annotations
