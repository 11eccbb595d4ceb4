"""The hub's tables, a file for each subject; importing this makes the schema whole."""

from __future__ import annotations

from hub.store.tables import (
    billing,
    charging,
    cluster,
    codes,
    fleet,
    ledger,
    lots,
    members,
    money_in,
    money_out,
    people,
    usage,
    web,
)
from hub.store.tables.base import metadata

__all__ = [
    "billing",
    "charging",
    "cluster",
    "codes",
    "fleet",
    "ledger",
    "lots",
    "members",
    "metadata",
    "money_in",
    "money_out",
    "people",
    "usage",
    "web",
]
