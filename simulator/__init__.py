"""Virtual hardware, a demo, faults and benchmarks: Standpipe on one laptop.

`parts` are the virtual parts under the real drivers, `broker`, `proxy` and `system`
run the real programs beside them, `demo` lets people come and go, `benchmarks`
measures.
"""

from __future__ import annotations
