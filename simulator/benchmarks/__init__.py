"""What Standpipe can do on this machine, measured beside a peer where one exists.

`registry` lists the benchmarks, `rows` is what each gives back. Each is bounded in
time, uses a temporary folder and says on stderr what it does.
"""

from __future__ import annotations
