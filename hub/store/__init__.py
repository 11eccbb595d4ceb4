"""Where the hub keeps things: engine, tables and migrations."""

from __future__ import annotations
