"""Where the hub keeps things: engine, tables, migrations and the one writer."""

from __future__ import annotations
