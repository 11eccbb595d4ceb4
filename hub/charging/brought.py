"""Money that comes in at a controller: cash, and offline codes.

It is the account's right there at once, since the controller gave it: escrow gets it.
"""

from __future__ import annotations

from hub.charging import backing
from hub.charging.booking_plan import Journal, Plan, alarm
from hub.charging.code_booking import doubts_of
from hub.charging.code_rows import PROVIDER, CodeState
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Leg, Move
from wire.errors import Code
from wire.events import CashTaken, CodeRedeemed


def plan_cash(journal: Journal, plan: Plan, event: CashTaken) -> None:
    """Coins or notes: they are in the controller's own till."""
    payer = journal.payers[event.account]
    if event.amount_minor == 0:
        return
    source = chart.cash(journal.controller, payer.unit)
    if not journal.has_acceptor:
        source = chart.house("suspense", payer.unit)
        words = f"{event.cash}: {event.amount_minor} taken in, and no acceptor is configured"
        alarm(plan, journal, Code.BEYOND_RIGHTS, f"cash {event.machine}", words)
    _take_in(journal, plan, event, (event.cash, "cash", source))


def plan_code(journal: Journal, plan: Plan, event: CodeRedeemed) -> None:
    """A code was typed: the controller gave its worth, whatever is known of the code."""
    payer = journal.payers[event.account]
    if event.amount_minor == 0:
        return
    movement = f"code:{journal.controller}:{journal.epoch}:{event.seq}"
    code = journal.codes.get(event.code)
    doubt, words = doubts_of(code, payer.unit, event)
    if code is None or doubt is not None:
        doubt = doubt or Code.CODE_INVALID
        alarm(plan, journal, doubt, f"code {event.code}", f"{words}: booked from suspense")
        source = chart.house("suspense", payer.unit)
        _take_in(journal, plan, event, (movement, "code", source))
        return
    code.state, code.account, code.movement = CodeState.USED, payer.account, movement
    plan.codes.append(code)
    source = "" if code.given else chart.clearing(PROVIDER, payer.unit)
    _take_in(journal, plan, event, (movement, "code", source))


def _take_in(
    journal: Journal,
    plan: Plan,
    event: CashTaken | CodeRedeemed,
    about: tuple[str, str, str],
) -> None:
    """Money came in at a controller: id and kind of the movement, and what gives it.

    Nothing gives what the account was given as a lot just before.
    """
    movement, kind, source = about
    payer = journal.payers[event.account]
    totals = journal.totals[payer.account]
    totals.taken_in += event.amount_minor
    plan.accounts.add(payer.account)
    brought = event.amount_minor if source else 0
    legs: tuple[Leg, ...] = ()
    if source:
        legs = (Move(source, chart.escrow(payer.account, payer.unit), brought),)
    mine = journal.backings.get(payer.account)
    if mine is not None:
        legs += backing.move_right(mine, journal.place, totals.backed, brought)
    item = Item(id=movement, unit=payer.unit, kind=kind, legs=legs, ref=journal.controller)
    plan.items.append((event.seq, item))
