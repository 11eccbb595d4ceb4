"""Top-ups: money comes in, an open overrun is settled first, the wallet gets the rest.

The money comes from a till's cash, or through a provider from its clearing account. What
an amount costs and brings is worked out by `hub.payments.planning`, the same before
paying (`preview`) and when it is booked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hub.charging.lots import Gift, give
from hub.errors import InputError
from hub.ledger import accounts as chart
from hub.ledger.items import Item
from hub.ledger.writer import Tx
from hub.payments import campaigns
from hub.payments.planning import Plan, Pots, legs_of, plan_top_up
from hub.payments.pots import givable, lots_in, lots_of, pots_in, pots_of
from hub.payments.records import (
    Kind,
    Payment,
    check_amount,
    check_id,
    check_till,
    conflict,
    find_payment,
    record,
)
from hub.payments.rules import (
    CASH,
    OWN_CLEARING,
    TOP_UP_MINOR_MAX,
    TOP_UP_MINOR_MIN,
    read_top_up_rules,
)
from hub.payments.tills import check_cash, site_of
from hub.people import card_list
from hub.people.accounts import Account, require_prepaying
from wire.errors import Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

__all__ = ["TOP_UP_MINOR_MAX", "TOP_UP_MINOR_MIN", "TopUp", "preview", "top_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A top-up that staff or a provider ask for.

    Attributes:
        id: Made and stored by who asks.
        account: Whose.
        amount_minor: How much was paid, the fee included.
        till: Where the cash was put; empty: it came through a provider.
        by: Id of the API key, or `cli`.
        provider: Through whom it came: `clearing/<provider>`; empty: cash.
        site: Where it was paid, for campaigns of a site; a registered till says it itself.
    """

    id: str
    account: str
    amount_minor: int
    till: str
    by: str
    provider: str = ""
    site: str = ""


def top_up(tx: Tx, asked: TopUp) -> Payment:
    """Book a top-up. The same again: the payment as it was booked.

    Raises:
        InputError: The amount, the source or the id can't be one, or a fee takes it all.
        NotFoundError: No such account.
        ConflictError: The id was used otherwise, or the account is closed or postpaid.
        RefusedError: The account would have more than it may, or the till is closed.
    """
    check_id(asked.id)
    _check_source(asked)
    check_amount(asked.amount_minor, 1, AMOUNT_MINOR_MAX)
    before = find_payment(tx.connection, asked.id)
    if before is not None:
        if before.kind is not Kind.TOP_UP or not _is_same(before, asked):
            raise conflict(asked.id)
        return before
    account = require_prepaying(tx.connection, asked.account)
    if asked.till:
        till = check_cash(tx, asked.till, account.unit)
        asked = asked if till is None else replace(asked, site=till.site)
    plan = _plan(tx, account, asked)
    _book(tx, account.unit, asked, plan)
    card_list.refresh_floor(tx, asked.account)
    tx.touch("account", asked.account)
    return record(tx, _payment(tx, account.unit, asked, plan))


def preview(connection: Connection, asked: TopUp, now_ms: int) -> Plan:
    """Work out what a top-up would do, without doing it.

    Args:
        connection: A connection for reading.
        asked: What would be paid; its id doesn't matter.
        now_ms: Hub's wall time.

    Raises:
        InputError: The amount or the source can't be one, or a fee takes it all.
        NotFoundError: No such account.
        ConflictError: The account is closed or postpaid.
        RefusedError: The account would have more than it may.
    """
    _check_source(asked)
    account = require_prepaying(connection, asked.account)
    site = site_of(connection, asked.till) or asked.site
    lots = lots_of(connection, account.id)
    offers = campaigns.offers_for(connection, _place(account, site), now_ms)
    return plan_top_up(
        asked.amount_minor,
        read_top_up_rules(connection, account.unit),
        _source(asked),
        pots_of(connection, account.id, account.unit, lots),
        givable(offers, lots),
    )


def _plan(tx: Tx, account: Account, asked: TopUp) -> Plan:
    rules = read_top_up_rules(tx.connection, account.unit)
    place = _place(account, asked.site)
    offers = campaigns.offers_for(tx.connection, place, tx.now_ms, lock=True)
    pots = Pots()
    # Without offers and a most balance nothing that the account has changes the plan's
    # movements: the book itself settles the overrun first.
    if offers or rules.balance_minor_max is not None:
        lots = lots_in(tx, account.id)
        offers = givable(offers, lots)
        pots = pots_in(tx, account.id, account.unit, lots)
    return plan_top_up(asked.amount_minor, rules, _source(asked), pots, offers)


def _book(tx: Tx, unit: str, asked: TopUp, plan: Plan) -> None:
    payer = chart.cash(asked.till, unit) if asked.till else chart.clearing(asked.provider, unit)
    legs = legs_of(plan, payer, asked.account, unit)
    tx.book.must_post(
        Item(id=asked.id, unit=unit, kind=Kind.TOP_UP.value, legs=legs, ref=asked.account)
    )
    if plan.offer is None:
        return
    gift = Gift(
        id=f"{asked.id}:bonus",
        account=asked.account,
        amount_minor=plan.bonus_minor,
        giver=chart.house("promo", unit),
        kinds=plan.offer.kinds,
        expires_ms=plan.offer.expires_ms,
        source=plan.offer.campaign,
        reason=plan.offer.name,
        by=asked.by,
    )
    give(tx, gift)
    campaigns.note_given(tx, plan.offer.campaign, plan.bonus_minor)


def _payment(tx: Tx, unit: str, asked: TopUp, plan: Plan) -> Payment:
    return Payment(
        id=asked.id,
        kind=Kind.TOP_UP,
        account=asked.account,
        unit=unit,
        amount_minor=asked.amount_minor,
        till=asked.till,
        by=asked.by,
        at_ms=tx.now_ms,
        provider=asked.provider,
        site=asked.site,
        fee_minor=plan.fee_minor,
        bonus_minor=plan.bonus_minor,
        campaign="" if plan.offer is None else plan.offer.campaign,
    )


def _check_source(asked: TopUp) -> None:
    if bool(asked.till) == bool(asked.provider):
        raise InputError("money comes from a till or through a provider: name one of the two")
    if asked.till:
        check_till(asked.till)
    elif not is_name(asked.provider) or asked.provider in OWN_CLEARING:
        raise InputError("a provider's name is lower case letters, digits and _ . -, at most 64")
    if asked.site and not is_name(asked.site):
        raise InputError("a site's name is lower case letters, digits and _ . -, at most 64")
    if asked.amount_minor < 1:
        raise InputError("an amount is 1 minor unit or more", Code.AMOUNT_INVALID)


def _source(asked: TopUp) -> str:
    return CASH if asked.till else asked.provider


def _place(account: Account, site: str) -> campaigns.Place:
    return campaigns.Place(
        account=account.id, unit=account.unit, group=account.terms.group, site=site
    )


def _is_same(before: Payment, asked: TopUp) -> bool:
    # A registered till says its site itself, so what was asked of it isn't kept.
    site = before.site if asked.till else asked.site
    return (
        before.account,
        before.amount_minor,
        before.till,
        before.by,
        before.provider,
        before.site,
    ) == (asked.account, asked.amount_minor, asked.till, asked.by, asked.provider, site)
