"""Routes of what a top-up would give, before it is paid."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from hub.payments import topups
from hub.payments.planning import Plan
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.ports import Hub
from hub.web.routing import PathId, read
from wire.ids import NAME_LENGTH_MAX
from wire.money import AMOUNT_MINOR_MAX

TAG = "Payments"
PaidMinor = Annotated[
    int, QueryParameter(ge=1, le=AMOUNT_MINOR_MAX, description="What would be paid.")
]
SourceName = Annotated[
    str, QueryParameter(max_length=NAME_LENGTH_MAX, required=False, description="Which one.")
]


class PreviewView(msgspec.Struct, frozen=True, kw_only=True):
    """What an amount would do; fee, settled and wallet make the amount.

    Attributes:
        account: Whose.
        unit: Unit of the money.
        amount_minor: Paid.
        fee_minor: Kept as a fee.
        settled_minor: Settles what was used beyond every right.
        wallet_minor: Goes to the wallet.
        bonus_minor: Given on top.
        bonus_expires_ms: When the bonus would end; null: never, or there is none.
        bonus_kinds: Machine kinds that the bonus pays; empty: all.
        campaign: Which campaign gives it; empty: none.
        campaign_name: What people call it.
        balance_after_minor: Wallet, given and held money afterwards.
        as_of_ms: When this was worked out.
    """

    account: str
    unit: str
    amount_minor: int
    fee_minor: int
    settled_minor: int
    wallet_minor: int
    bonus_minor: int
    bonus_expires_ms: int | None
    bonus_kinds: tuple[str, ...]
    campaign: str
    campaign_name: str
    balance_after_minor: int
    as_of_ms: int


@read("/accounts/{account:str}/top-ups/preview", Scope.PAYMENTS_READ, tag=TAG)
def preview_top_up(
    hub: Hub,
    account: PathId,
    amount_minor: PaidMinor,
    till: SourceName = "",
    provider: SourceName = "",
    site: SourceName = "",
) -> PreviewView:
    """What an amount would cost and bring, paid at a till or through a provider.

    It is refused for the same reasons as the top-up itself; only whether the till is open
    is found out when it is paid.
    """
    asked = topups.TopUp(
        id="preview",
        account=account,
        amount_minor=amount_minor,
        till=till,
        provider=provider,
        site=site,
        by="preview",
    )
    now_ms = hub.clock.now().wall_ms
    with hub.store.read() as connection:
        plan = topups.preview(connection, asked, now_ms)
        unit = get_account(connection, account).unit
    return _view(account, unit, plan, now_ms)


def _view(account: str, unit: str, plan: Plan, now_ms: int) -> PreviewView:
    offer = plan.offer
    return PreviewView(
        account=account,
        unit=unit,
        amount_minor=plan.amount_minor,
        fee_minor=plan.fee_minor,
        settled_minor=plan.settled_minor,
        wallet_minor=plan.wallet_minor,
        bonus_minor=plan.bonus_minor,
        bonus_expires_ms=None if offer is None else offer.expires_ms,
        bonus_kinds=() if offer is None else offer.kinds,
        campaign="" if offer is None else offer.campaign,
        campaign_name="" if offer is None else offer.name,
        balance_after_minor=plan.after_minor,
        as_of_ms=now_ms,
    )


ROUTES = (preview_top_up,)
