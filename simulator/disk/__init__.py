"""A disk under SQLite that remembers every step, and what a power cut leaves of them.

`recording` puts a file system under this process' SQLite, which notes each write,
truncation, sync, creation and deletion before SQLite goes on. `Platter` takes such steps
and says what the disk holds when the power goes: all that was synced, and of the rest
whatever a `Loss` leaves. `damage` spoils files that were sound.
"""

from __future__ import annotations
