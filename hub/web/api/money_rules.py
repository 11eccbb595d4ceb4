"""Routes of the operator's rules of money that comes in."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.payments import rules
from hub.payments.rules import Fee, TillRules, TopUpRules
from hub.people.keys import Scope
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Minor, Name

TAG = "Rules"
Ppm = Annotated[int, msgspec.Meta(ge=0, le=rules.FEE_PPM_MAX)]


class FeeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a top-up costs.

    Attributes:
        fixed_minor: Fixed part.
        ppm: Share of the amount paid in parts per million, rounded half up.
    """

    fixed_minor: Minor = 0
    ppm: Ppm = 0


class TopUpRulesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How accounts of a unit may be topped up.

    Attributes:
        least_minor: Least amount at a time.
        most_minor: Most amount at a time.
        balance_minor_max: Most that an account may have afterwards, given and held money
            included; null: no limit.
        fees: By source: `cash` or a provider's name; empty name: every other source.
    """

    least_minor: Minor = rules.TOP_UP_MINOR_MIN
    most_minor: Minor = rules.TOP_UP_MINOR_MAX
    balance_minor_max: Minor | None = None
    fees: Annotated[dict[Name, FeeBody], msgspec.Meta(max_length=rules.FEES_MAX)] = {}


class TillRulesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How cash is handled.

    Attributes:
        tills_required: Cash moves only at registered tills.
    """

    tills_required: bool


@read("/rules/top-ups/{unit:str}", Scope.PAYMENTS_READ, tag=TAG)
def get_top_up_rules(hub: Hub, unit: PathId) -> TopUpRules:
    """Read the rules of top-ups in a unit."""
    with hub.store.read() as connection:
        return rules.read_top_up_rules(connection, unit)


@write("/rules/top-ups/{unit:str}", Scope.TARIFFS_WRITE, tag=TAG, status=200)
def put_top_up_rules(hub: Hub, unit: PathId, data: JSONBody[TopUpRulesBody]) -> TopUpRules:
    """Decide the rules of top-ups in a unit, all of them; they are in force at once."""
    decided = TopUpRules(
        least_minor=data.least_minor,
        most_minor=data.most_minor,
        balance_minor_max=data.balance_minor_max,
        fees={
            source: Fee(fixed_minor=fee.fixed_minor, ppm=fee.ppm)
            for source, fee in data.fees.items()
        },
    )
    return hub.writer.run(lambda tx: rules.write_top_up_rules(tx, unit, decided))


@read("/rules/tills", Scope.PAYMENTS_READ, tag=TAG)
def get_till_rules(hub: Hub) -> TillRules:
    """Read the rules of tills."""
    with hub.store.read() as connection:
        return rules.read_till_rules(connection)


@write("/rules/tills", Scope.TARIFFS_WRITE, tag=TAG, status=200)
def put_till_rules(hub: Hub, data: JSONBody[TillRulesBody]) -> TillRules:
    """Decide the rules of tills; they are in force at once."""
    decided = TillRules(tills_required=data.tills_required)
    return hub.writer.run(lambda tx: rules.write_till_rules(tx, decided))


ROUTES = (get_top_up_rules, put_top_up_rules, get_till_rules, put_till_rules)
