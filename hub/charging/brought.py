"""Money that comes in at a controller: cash, and offline codes.

It is the account's right there at once, since the controller gave it: escrow gets it.
"""

from __future__ import annotations

from hub.charging import backing
from hub.charging.booking_plan import Journal, Plan, alarm
from hub.charging.cash_holdings import Holding, HoldingState
from hub.charging.code_booking import doubts_of
from hub.charging.code_rows import PROVIDER, CodeState
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Leg, Move
from wire.errors import Code
from wire.events import CashHeld, CashTaken, CashUnclaimed, CodeRedeemed


def plan_cash(journal: Journal, plan: Plan, event: CashTaken) -> None:
    """Coins or notes: they are in the controller's own till."""
    payer = journal.payers[event.account]
    if event.amount_minor == 0:
        return
    held = _claimed(journal, plan, event, payer.unit) if event.holding else 0
    sources = [(chart.house("suspense", payer.unit), held)] if held else []
    fresh = event.amount_minor - held
    if fresh:
        sources.append((_box(journal, plan, event, payer.unit), fresh))
    _take_in(journal, plan, event, (event.cash, "cash", tuple(sources)))


def plan_held_cash(journal: Journal, plan: Plan, event: CashHeld) -> None:
    """Money is in the box, and nobody's yet: it waits in suspense for a card."""
    if event.amount_minor == 0:
        return
    if event.unit not in journal.units:
        words = (
            f"{event.amount_minor} of {event.unit!r} came in, a unit that isn't known: not booked"
        )
        alarm(plan, journal, Code.UNIT_MISMATCH, f"cash {event.machine}", words)
        return
    box, suspense = _box(journal, plan, event, event.unit), chart.house("suspense", event.unit)
    known = journal.holdings.get(event.holding)
    held = known or Holding(
        controller=journal.controller,
        epoch=journal.epoch,
        id=event.holding,
        machine=event.machine,
        unit=event.unit,
        held_minor=0,
    )
    held.held_minor += event.amount_minor
    held.at_ms = journal.now_ms
    journal.holdings[event.holding] = held
    legs = (Move(box, suspense, event.amount_minor),) if box != suspense else ()
    movement = f"held:{journal.controller}:{journal.epoch}:{event.seq}"
    item = Item(id=movement, unit=event.unit, kind="cash", legs=legs, ref=journal.controller)
    if legs:
        plan.items.append((event.seq, item))


def plan_unclaimed_cash(journal: Journal, plan: Plan, event: CashUnclaimed) -> None:
    """No card came for it: it stays in suspense, and a person decides whose it is."""
    held = journal.holdings.get(event.holding)
    if held is not None and held.left_minor:
        held.state, held.at_ms = HoldingState.UNCLAIMED, journal.now_ms
    words = (
        f"{event.amount_minor} {event.unit} came in at {event.machine} and no card claimed it:"
        " credit it by an adjustment against suspense, or keep it there"
    )
    alarm(plan, journal, Code.CASH_UNCLAIMED, event.holding, words)


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
        doubted = ((chart.house("suspense", payer.unit), event.amount_minor),)
        _take_in(journal, plan, event, (movement, "code", doubted))
        return
    code.state, code.account, code.movement = CodeState.USED, payer.account, movement
    plan.codes.append(code)
    sold = () if code.given else ((chart.clearing(PROVIDER, payer.unit), event.amount_minor),)
    _take_in(journal, plan, event, (movement, "code", sold))


def _claimed(journal: Journal, plan: Plan, event: CashTaken, unit: str) -> int:
    """How much of it was held before, by the hub's own view; the rest counts as fresh."""
    held = journal.holdings.get(event.holding)
    part = min(held.left_minor, event.amount_minor) if held and held.unit == unit else 0
    if held is not None and part:
        held.claimed_minor += part
        held.state, held.at_ms = HoldingState.CLAIMED, journal.now_ms
    if part < event.amount_minor:
        words = f"{event.cash} claims {event.amount_minor} of {event.holding}, {part} were held"
        alarm(plan, journal, Code.AMOUNT_INVALID, f"cash {event.machine}", words)
    return part


def _box(journal: Journal, plan: Plan, event: CashTaken | CashHeld, unit: str) -> str:
    """Where money that came in lies: the controller's till, if it has one."""
    if journal.has_acceptor:
        return chart.cash(journal.controller, unit)
    words = f"{event.amount_minor} taken in at {event.machine}, and no acceptor is configured"
    alarm(plan, journal, Code.BEYOND_RIGHTS, f"cash {event.machine}", words)
    return chart.house("suspense", unit)


def _take_in(
    journal: Journal,
    plan: Plan,
    event: CashTaken | CodeRedeemed,
    about: tuple[str, str, tuple[tuple[str, int], ...]],
) -> None:
    """Money came in at a controller: id and kind of the movement, and what gives how much.

    Nothing gives what the account was given as a lot just before.
    """
    movement, kind, sources = about
    payer = journal.payers[event.account]
    totals = journal.totals[payer.account]
    totals.taken_in += event.amount_minor
    plan.accounts.add(payer.account)
    escrow = chart.escrow(payer.account, payer.unit)
    legs: tuple[Leg, ...] = tuple(Move(source, escrow, minor) for source, minor in sources)
    brought = sum(minor for _, minor in sources)
    mine = journal.backings.get(payer.account)
    if mine is not None:
        legs += backing.move_right(mine, journal.place, totals.backed, brought)
    item = Item(id=movement, unit=payer.unit, kind=kind, legs=legs, ref=journal.controller)
    plan.items.append((event.seq, item))
