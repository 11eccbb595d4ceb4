"""Slips with offline codes: staff print them for one controller, people type them there.

They type them while the network is down, too; some type one twice, mistype it, or come
after it was voided.
"""

from __future__ import annotations

from functools import partial

from hub.charging.code_rows import CodeFunding
from hub.ledger.writer import Tx
from hub.payments import offline_codes
from hub.payments.offline_codes import NewCodes, VoidCodes
from simulator.trials.counter import TILL, Cash
from simulator.trials.draws import one_of, weighed
from simulator.trials.office import HOUR_MS, MINUTE_MS, Errand, Office, Script, Wait
from simulator.trials.staff_money import REASON, UNIT
from simulator.trials.town import NUMBER_MAX
from wire.codes import FIRST_YEAR

WHO = "staff"
GAP_MS = HOUR_MS
AMOUNTS_MINOR = (50, 100, 200, 500)
COUNT_MAX = 3
TYPE_MS_MAX = 20_000
"""From the tap to the last digit."""
LAST_YEARS = (0, FIRST_YEAR)


def schedule_slips(office: Office, until_ms: int) -> None:
    """Have staff print slips."""
    office.schedule(WHO, "slips", slips, GAP_MS, until_ms)


def slips(office: Office, errand: Errand) -> Script:
    """Codes are sold or given away, and typed at their controller one after the other."""
    stream, world = errand.stream, office.world
    controller = one_of(sorted(world.controllers), stream.randrange(NUMBER_MAX))
    is_sold, count = stream.choice((True, False)), stream.randint(1, COUNT_MAX)
    minor, last_year = stream.choice(AMOUNTS_MINOR), stream.choice(LAST_YEARS)
    manners = [weighed(stream, _MANNERS) for _ in range(count)]
    pauses = [stream.randint(1_000, 40 * MINUTE_MS) for _ in range(count)]
    if controller is None:
        return
    batch = NewCodes(
        id=f"{errand.id}.codes",
        name="Slips",
        controller=controller,
        funding=CodeFunding.SOLD if is_sold else CodeFunding.PROMO,
        unit=UNIT,
        amount_minor=minor,
        count=count,
        last_year=last_year,
        till=TILL if is_sold else "",
        by=errand.who,
    )
    answer = yield errand.request(
        "codes",
        lambda tx: offline_codes.issue(tx, batch),
        minor=minor * count,
        cash=Cash.IN if is_sold else Cash.NONE,
    )
    if not answer.is_done:
        return
    key = world.hub.code_key(controller)
    printed = yield errand.request(
        "printed", lambda tx: offline_codes.write_codes(tx, batch.id, key)
    )
    for (counter, digits), how, pause_ms in zip(printed.value or (), manners, pauses, strict=False):
        yield Wait(pause_ms)
        if how == "voided":
            asked = VoidCodes(
                id=f"{errand.id}.void{counter}",
                batch=batch.id,
                counters=(counter,),
                reason=REASON,
                by=errand.who,
            )
            yield errand.request(f"void{counter}", partial(_void, asked=asked))
        yield from _type(office, errand, (controller, how, digits))


def _type(office: Office, errand: Errand, what: tuple[str, str, str]) -> Script:
    """Tap a card and type a code after it."""
    controller, how, digits = what
    stream, host = errand.stream, office.world.controllers[controller]
    machine = one_of(host.machines, stream.randrange(NUMBER_MAX))
    card = stream.choice(office.house(stream).cards)
    pause_ms = stream.randint(1_000, TYPE_MS_MAX)
    if machine is None:
        return
    host.tap(machine, card.uid, card.level)
    yield Wait(pause_ms)
    if how == "guessed":
        host.type_code(machine, str(stream.randrange(10 ** len(digits))))
        yield Wait(pause_ms)
    host.type_code(machine, digits)
    if how == "twice":
        yield Wait(pause_ms)
        host.type_code(machine, digits)


_MANNERS = (("once", 60), ("twice", 15), ("guessed", 15), ("voided", 10))


def _void(tx: Tx, asked: VoidCodes) -> object:
    return offline_codes.void(tx, asked)
