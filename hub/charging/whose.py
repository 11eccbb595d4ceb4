"""Whose card a session was begun with, and what its member spent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.people.spending import Spend
from wire.machines import Machine


def whose(
    owner: tuple[str, str] | None, account: str, machine: Machine | None
) -> dict[str, str | None]:
    """What a session's row says of its card and machine, when the hub first hears of it.

    Args:
        owner: Account and member that the card is linked to; None: no member's.
        account: Who pays: a card that pays from another purse spends nobody's limit.
        machine: Where; None: not known.
    """
    mine = owner is not None and owner[0] == account
    return {
        "member": owner[1] if owner is not None and mine else None,
        "kind": "" if machine is None else machine.kind,
    }


def spends_of(row: Mapping[str, Any]) -> list[Spend]:
    """What a session that ended cost a member; nothing when it was no member's."""
    if row["member"] is None or not row["charge_minor"]:
        return []
    return [
        Spend(
            member=row["member"],
            started_ms=row["started_ms"],
            booked_ms=row["booked_ms"],
            kind=row["kind"],
            spent_minor=row["charge_minor"],
        )
    ]
