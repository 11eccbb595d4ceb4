"""Before a trial begins: people get accounts and cards, and pay in for the first time."""

from __future__ import annotations

from functools import partial

from hub.charging import lots
from hub.charging.lots import Gift
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from hub.payments import topups
from hub.payments.topups import TopUp
from hub.people import accounts, cards, roster
from hub.people.accounts import Terms
from hub.people.credit import Billing
from hub.people.limits import Limit
from hub.people.periods import Period
from hub.people.roster import NewMember
from simulator.trials.counter import TILL, Cash, Request
from simulator.trials.office import Errand, Office, Script
from simulator.trials.staff_money import UNIT
from simulator.trials.town import POINTS, Billed, CardPlan, Household
from wire.ids import card_ref

WHO = "settling"
OTHER_UNIT = "PTS"
_BILLINGS = {
    Billed.PREPAID: Billing.PREPAID,
    Billed.SHARED: Billing.PREPAID,
    Billed.MIXED: Billing.MIXED,
    Billed.POSTPAID: Billing.POSTPAID,
}


def move_in(office: Office) -> None:
    """Have everybody who lives in the town get an account, cards, and some money."""
    salt = office.world.hub.card_salt

    def open_all(tx: Tx) -> None:
        terms = Terms(name="Points", tariffs={}, permissions={})
        accounts.open_account(tx, POINTS, OTHER_UNIT, terms)
        for house in office.town:
            _open(tx, house, salt, office.world.wall_ms)

    office.world.hub.run(open_all)
    for house in office.town:
        if house.first_minor >= topups.TOP_UP_MINOR_MIN:
            office.follow(_pay(office, house))


def _open(tx: Tx, house: Household, salt: bytes, now_ms: int) -> None:
    terms = Terms(
        name=f"Household {house.account}",
        tariffs={},
        permissions={},
        credit_limit_minor=house.credit_minor,
        billing=_BILLINGS[house.billed],
    )
    accounts.open_account(tx, house.account, UNIT, terms)
    for card in house.cards:
        ref = card_ref(salt, card.uid)
        cards.link_card(tx, card.id, house.account, ref, level=card.level)
        _add_member(tx, house, card)
    if house.gift_minor:
        gift = Gift(
            id=f"{WHO}-{house.account}.gift",
            account=house.account,
            amount_minor=house.gift_minor,
            giver=chart.house("promo", UNIT),
            kinds=house.gift_kinds,
            expires_ms=now_ms + house.gift_ms if house.gift_ms else None,
            source="promo",
            reason="welcome",
            by=WHO,
        )
        lots.give(tx, gift)


def _add_member(tx: Tx, house: Household, card: CardPlan) -> None:
    member = house.member_of(card)
    if not member:
        return
    limits = (Limit(period=Period.DAY, amount_minor=house.limit_minor),)
    asked = NewMember(id=member, account=house.account, name=member, timezone="UTC", limits=limits)
    roster.add_member(tx, asked)
    roster.give_card(tx, member, card.id)


def _pay(office: Office, house: Household) -> Script:
    errand = Errand(f"{WHO}-{house.account}", WHO, office.world.stream(f"{WHO}/{house.account}"))
    asked = TopUp(
        id=f"{errand.id}.top_up",
        account=house.account,
        amount_minor=house.first_minor,
        till=TILL,
        by=WHO,
    )
    yield Request(
        id=asked.id,
        action="top_up",
        account=house.account,
        minor=house.first_minor,
        who=WHO,
        job=partial(_book, asked=asked),
        cash=Cash.IN,
    )


def _book(tx: Tx, asked: TopUp) -> object:
    return topups.top_up(tx, asked)
