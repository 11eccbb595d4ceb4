"""Routes of what the operator decided once."""

from __future__ import annotations

import msgspec

from hub.people.keys import Scope
from hub.web.ports import Hub
from hub.web.routing import read


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's decisions.

    Attributes:
        unit: Unit of new accounts and tariffs.
        exponent: Decimal places of its minor unit.
        symbol: What people read before a figure; empty: the unit.
        loss_budget_minor: What the operator accepts to lose in an outage.
    """

    unit: str
    exponent: int
    symbol: str
    loss_budget_minor: int


@read("/settings", Scope.FLEET_READ, tag="Settings")
def get_settings(hub: Hub) -> SettingsView:
    """Read the operator's decisions."""
    unit = hub.settings.unit
    return SettingsView(
        unit=unit.code,
        exponent=unit.exponent,
        symbol=unit.symbol,
        loss_budget_minor=hub.settings.loss_budget_minor,
    )


ROUTES = (get_settings,)
