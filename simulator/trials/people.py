"""People with cards: they tap, stay a while, tap again or walk away, and pay in cash."""

from __future__ import annotations

from functools import partial
from random import Random

from hub.ledger.writer import Tx
from hub.payments import topups
from hub.payments.topups import TopUp
from simulator.trials.counter import TILL, Cash, Request
from simulator.trials.draws import arrivals, happens, one_of, weighed
from simulator.trials.office import HOUR_MS, MINUTE_MS, Errand, Office, Script, Wait
from simulator.trials.town import NUMBER_MAX, CardPlan, Household

WHO = "people"
LOOK_MS = 4_000
"""How long a person looks at a machine before deciding that it doesn't start."""
STAY_MS_MAX = 25 * MINUTE_MS
TOP_UP_MINOR_MAX = 1_500
TOP_UP_AHEAD_PERCENT = 30
"""How many pay in before they use a machine: about what is spent comes in."""
HAS_CASH_PERCENT = 60
"""Of those whom a machine refuses: so many pay in at the counter and try again."""
TO_THE_COUNTER_MS_MAX = 3 * MINUTE_MS


def schedule_people(office: Office, per_hour: int, until_ms: int) -> None:
    """Have people come to every controller.

    Args:
        office: Follows them.
        per_hour: Sessions an hour at each controller, on average; 0: nobody comes.
        until_ms: Nobody comes later.
    """
    if per_hour == 0:
        return
    for controller in sorted(office.world.controllers):
        stream = office.world.stream(f"{WHO}/{controller}")
        for number, at_ms in enumerate(arrivals(stream, HOUR_MS // per_hour, until_ms)):
            office.plan(at_ms, WHO, f"{controller}-{number}", partial(_visit, controller))


def _visit(controller: str, office: Office, errand: Errand) -> Script:
    """One visit: pay in or not, tap, stay, tap again, or walk away."""
    stream = errand.stream
    house = office.house(stream)
    card = stream.choice(house.cards)
    number = stream.randrange(NUMBER_MAX)
    tops_up_ahead, has_cash = (
        happens(stream, TOP_UP_AHEAD_PERCENT),
        happens(stream, HAS_CASH_PERCENT),
    )
    machine = one_of(office.world.controllers[controller].machines, number)
    if machine is None:
        return
    if tops_up_ahead:
        yield pay_in(errand, house, "ahead")
        yield Wait(stream.randint(1_000, TO_THE_COUNTER_MS_MAX))
    yield from use(office, errand, (controller, machine, card), house if has_cash else None)
    if not office.world.controllers[controller].is_running(machine) and has_cash:
        yield Wait(stream.randint(1_000, TO_THE_COUNTER_MS_MAX))
        yield pay_in(errand, house, "then")
        yield Wait(stream.randint(1_000, TO_THE_COUNTER_MS_MAX))
        yield from use(office, errand, (controller, machine, card))


def use(
    office: Office,
    errand: Errand,
    at: tuple[str, str, CardPlan],
    payer: Household | None = None,
) -> Script:
    """Tap, and when the machine runs stay and end it as one likes.

    Args:
        office: Where the machines are.
        errand: Whose draws decide.
        at: Controller, machine and card.
        payer: Who pays in when the machine stops for want of money; None: nobody.
    """
    controller, machine, card = at
    host, stream = office.world.controllers[controller], errand.stream
    stay_ms, how = stream.randint(5_000, STAY_MS_MAX), weighed(stream, _ENDINGS)
    host.tap(machine, card.uid, card.level)
    yield Wait(LOOK_MS)
    if not host.is_running(machine):
        return
    for _ in range(stay_ms // MINUTE_MS):
        yield Wait(MINUTE_MS)
        if payer is not None and not host.is_running(machine):
            yield pay_in(errand, payer, "prompted")
            payer = None
    yield Wait(stay_ms % MINUTE_MS)
    if how == "tap":
        host.tap(machine, card.uid, card.level)
    elif how == "press":
        host.press(machine)
    elif how == "twice":  # impatient: a tap that ends it and one that begins anew
        host.tap(machine, card.uid, card.level)
        yield Wait(stream.randint(500, LOOK_MS))
        host.tap(machine, card.uid, card.level)
        yield Wait(stream.randint(1_000, MINUTE_MS))
        host.tap(machine, card.uid, card.level)
    yield Wait(LOOK_MS)


_ENDINGS = (("tap", 60), ("press", 15), ("twice", 10), ("walk_away", 15))


def pay_in(errand: Errand, house: Household, step: str) -> Request:
    """A top-up in cash at the counter; who is billed later is told no."""
    minor = _note(errand.stream)
    asked = TopUp(
        id=f"{errand.id}.{step}",
        account=house.account,
        amount_minor=minor,
        till=TILL,
        by=WHO,
    )
    return errand.request(
        step,
        partial(_book, asked=asked),
        account=house.account,
        minor=minor,
        cash=Cash.IN,
    )


def _note(stream: Random) -> int:
    """A banknote, or what is in the purse."""
    return weighed(stream, ((500, 30), (1_000, 30), (stream.randint(10, TOP_UP_MINOR_MAX), 40)))


def _book(tx: Tx, asked: TopUp) -> object:
    return topups.top_up(tx, asked)
