"""How events become movements of money: a pure plan for a stretch of one journal.

What a controller reports is a fact. The backed part of a charge leaves escrow, as far
as the hub's own view of the right reaches; the rest leaves the wallet up to its limit,
then goes to overrun. Nothing is refused here; what is odd becomes an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.charging import backing, rerate, vends
from hub.charging.allowances import Totals, give_back
from hub.charging.backing import Payment
from hub.charging.booking_plan import Journal, Payer, Plan, SessionRow, alarm
from hub.charging.brought import plan_cash, plan_code, plan_held_cash, plan_unclaimed_cash
from hub.charging.charge_legs import charge_legs
from hub.charging.whose import spends_of, whose
from hub.fleet.alarms import Matter
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Leg
from wire.errors import Code
from wire.events import (
    CashHeld,
    CashTaken,
    CashUnclaimed,
    CodeRedeemed,
    MachineFault,
    Released,
    SessionEnded,
    SessionFacts,
    SessionProgress,
    SessionStarted,
    UnknownEvent,
    VendOutcome,
)
from wire.money import tax_within
from wire.tariff import Tariff
from wire.usage import Usage, total_quantity, total_time_ms


def plan_event(journal: Journal, plan: Plan, event: object) -> None:
    """Add what one event asks for. Events of other kinds are kept, and ask for nothing."""
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(journal, plan, event)


def session_keys(controller: str, epoch: str, session: str) -> tuple[str, str]:
    """Ids under which a session may be kept: its own, or one that names its journal too.

    The second is for a session whose id another controller used: both are facts.
    """
    return session, f"{session}@{controller}/{epoch}"


def _started(journal: Journal, plan: Plan, event: SessionStarted) -> None:
    key = _key(journal, plan, event)
    row = _row(journal, event, key) | {"started_online": int(event.online)}
    _keep(journal, plan, key, row)
    if event.machine not in journal.machines:
        words = f"{event.session} ran on {event.machine}, which isn't a machine of this controller"
        alarm(plan, journal, Code.MACHINE_NOT_CONFIGURED, event.machine, words)


def _progressed(journal: Journal, plan: Plan, event: SessionProgress) -> None:
    key = _key(journal, plan, event)
    row = _row(journal, event, key) | _used(event.usage) | {"charge_minor": event.charge_minor}
    _keep(journal, plan, key, row)


def _ended(journal: Journal, plan: Plan, event: SessionEnded) -> None:
    key = _key(journal, plan, event)
    payer = journal.payers[event.account]
    tariff = journal.tariffs.get((event.tariff, event.tariff_version))
    backed, unbacked = _share(journal, plan, event, payer)
    rate_ppm = 0 if tariff is None else tariff.tax_rate_ppm
    is_undecided = vends.is_undecided(event)
    tax = 0 if is_undecided else tax_within(event.charge_minor, rate_ppm)
    if event.charge_minor:
        paid = _paid(journal, event, payer, backed)
        to = (chart.revenue(event.machine, payer.unit), chart.tax(rate_ppm, payer.unit))
        if is_undecided:
            to, rate_ppm = vends.kept_apart(payer.unit), 0
        legs = charge_legs(payer.account, payer.unit, paid, to, rate_ppm)
        item = Item(id=key, unit=payer.unit, kind="session", legs=legs, ref=key)
        plan.items.append((event.seq, item))
        _hold(journal, plan, event.seq, (payer, paid.holds, key))
    rated = rerate.rated_minor(event, tariff)
    row = _row(journal, event, key) | _used(event.usage)
    row |= {
        "state": vends.UNDECIDED if is_undecided else "ended",
        "reason": event.reason.value,
        "ended_ms": event.ended.wall_ms,
        "charge_minor": event.charge_minor,
        "tax_minor": tax,
        "backed_minor": backed,
        "unbacked_minor": unbacked,
        "rerated_minor": rated if rated != event.charge_minor else None,
    }
    _keep(journal, plan, key, row)
    plan.spends += spends_of(row)
    _look_at(journal, plan, event, tariff, rated)
    if is_undecided:
        vends.tell_undecided(journal, plan, key, event)


def _share(journal: Journal, plan: Plan, event: SessionEnded, payer: Payer) -> tuple[int, int]:
    """How much of a charge is backed by the hub's own view of the right, and the rest."""
    totals = journal.totals[payer.account]
    claimed = min(event.backed_minor, event.charge_minor)
    backed = min(claimed, totals.backed)
    unbacked = event.charge_minor - backed
    if event.backed_minor > backed:
        words = f"{event.session} spent {event.backed_minor} backed, {backed} were held"
        alarm(plan, journal, Code.BEYOND_RIGHTS, payer.account, words)
    totals.spent += backed
    totals.unbacked += unbacked
    if unbacked or journal.keeps_standing:
        plan.accounts.add(payer.account)
    return backed, unbacked


def _paid(journal: Journal, event: SessionEnded, payer: Payer, backed: int) -> Payment:
    """Who gives how much of a charge: what was held, then the wallet; lots before both."""
    mine = journal.backings.get(payer.account)
    if mine is None:
        held = ((chart.escrow(payer.account, payer.unit), backed),) if backed else ()
        return Payment(held, event.charge_minor - backed, ())
    machine = journal.machines.get(event.machine)
    kind = "" if machine is None else machine.kind
    left = journal.totals[payer.account].backed
    return backing.charge(mine, journal.place, kind, event.charge_minor, left)


def _hold(
    journal: Journal, plan: Plan, seq: int, moved: tuple[Payer, tuple[Leg, ...], str]
) -> None:
    """Make rights whole again after a charge that took from lots."""
    payer, legs, key = moved
    if payer.account in journal.backings:
        plan.accounts.add(payer.account)
    if legs:
        item = Item(
            id=f"hold:{journal.controller}:{journal.epoch}:{seq}",
            unit=payer.unit,
            kind="hold",
            legs=legs,
            ref=key,
        )
        plan.items.append((seq, item))


def _look_at(
    journal: Journal,
    plan: Plan,
    event: SessionEnded,
    tariff: Tariff | None,
    rated_minor: int | None,
) -> None:
    payer = journal.payers[event.account]
    if tariff is None and event.tariff:
        words = f"{event.session} has tariff {event.tariff} {event.tariff_version}: not known here"
        alarm(plan, journal, Code.PRICE_DIFFERS, event.machine, words)
    if tariff is not None and tariff.unit.code != payer.unit:
        words = (
            f"{event.session} was priced in {tariff.unit.code}, {payer.account} has {payer.unit}"
        )
        alarm(plan, journal, Code.UNIT_MISMATCH, payer.account, words)
    if rated_minor is not None and rated_minor != event.charge_minor:
        words = f"{event.session} charged {event.charge_minor}, its use costs {rated_minor}"
        alarm(plan, journal, Code.PRICE_DIFFERS, event.machine, words)
    if event.backed_minor + event.unbacked_minor != event.charge_minor:
        words = f"{event.session}: {event.backed_minor} + {event.unbacked_minor} isn't the charge"
        alarm(plan, journal, Code.AMOUNT_INVALID, event.machine, words)
    machine = journal.machines.get(event.machine)
    mode = None if machine is None else machine.mode
    why = rerate.implausible(event, mode, journal.now_ms)
    if why:
        alarm(plan, journal, Code.TIME_IMPLAUSIBLE, "", f"{event.session}: {why}")


def _released(journal: Journal, plan: Plan, event: Released) -> None:
    payer = journal.payers[event.account]
    totals = journal.totals[payer.account]
    # What was forfeited is back with its account already. Taking it from what is held now
    # would leave the right short, and whoever stands ready grants it again, without end.
    given_up = _still_held_there(totals, event)
    minor = min(event.amount_minor - given_up, totals.backed)
    if minor < event.amount_minor:
        words = f"gave back {event.amount_minor}, {minor} were held"
        alarm(plan, journal, Code.BEYOND_RIGHTS, payer.account, words)
    if minor == 0:
        return
    totals.released += minor
    plan.accounts.add(payer.account)
    legs: tuple[Leg, ...] = (give_back(payer.account, payer.unit, minor),)
    mine = journal.backings.get(payer.account)
    if mine is not None:
        legs = backing.move_right(mine, journal.place, totals.backed)
    item = Item(
        id=f"released:{journal.controller}:{journal.epoch}:{event.seq}",
        unit=payer.unit,
        kind="release",
        legs=legs,
        ref=journal.controller,
    )
    plan.items.append((event.seq, item))


def _still_held_there(totals: Totals, event: Released) -> int:
    """How much of a release was forfeited before, by what the controller still counted.

    A controller isn't told of a forfeit. It counts that money until it spends it or gives
    it back, and each of its totals then runs ahead of the hub's by as much.
    """
    gone = event.totals.spent + event.totals.released - event.amount_minor
    ahead = totals.spent + totals.released + totals.forfeited - gone
    return max(0, min(ahead, totals.forfeited, event.amount_minor))


def _fault(journal: Journal, plan: Plan, event: MachineFault) -> None:
    if event.cleared:
        plan.alarms.pop((event.code, event.machine), None)
        plan.cleared.append((event.code, event.machine))
        return
    plan.cleared = [one for one in plan.cleared if one != (event.code, event.machine)]
    plan.alarms[(event.code, event.machine)] = Matter(
        code=event.code,
        controller=journal.controller,
        machine=event.machine,
        subject=event.machine,
        detail=event.detail,
    )


def _vended(journal: Journal, plan: Plan, event: VendOutcome) -> None:
    """What a machine says after its session ended as unknown, for whoever decides."""
    for key in session_keys(journal.controller, journal.epoch, event.session):
        row = journal.sessions.get(key)
        if event.late and row is not None and row["controller"] == journal.controller:
            vends.tell_late(journal, plan, row, event)
            return


def _unknown(journal: Journal, plan: Plan, event: UnknownEvent) -> None:
    words = f"event {event.seq} is of a kind that this version doesn't know: it is kept"
    alarm(plan, journal, Code.EVENT_UNKNOWN, event.kind, words)


def _key(journal: Journal, plan: Plan, event: SessionFacts) -> str:
    """The id to keep a session under; another one when its own is taken by another."""
    own, other = session_keys(journal.controller, journal.epoch, event.session)
    for key in (own, other):
        row = journal.sessions.get(key)
        if row is None or (row["controller"] == journal.controller and row["state"] == "running"):
            break
    else:
        key = f"{other}/{event.seq}"
    if key != own:
        words = f"session {event.session} exists already: booked as {key}"
        alarm(plan, journal, Code.ID_CONFLICT, event.session, words)
    return key


def _row(journal: Journal, event: SessionFacts, key: str) -> SessionRow:
    payer = journal.payers[event.account]
    before = journal.sessions.get(key) or _EMPTY | whose(
        journal.members.get(event.card), payer.account, journal.machines.get(event.machine)
    )
    return before | {
        "id": key,
        "controller": journal.controller,
        "machine": event.machine,
        "account": payer.account,
        "card_ref": event.card,
        "tariff": event.tariff,
        "tariff_version": event.tariff_version,
        "unit": payer.unit,
        "started_ms": event.started.wall_ms,
        "booked_ms": journal.now_ms,
    }


def _keep(journal: Journal, plan: Plan, key: str, row: SessionRow) -> None:
    journal.sessions[key] = row
    plan.sessions[key] = row


def _used(usage: Usage) -> SessionRow:
    return {"time_ms": total_time_ms(usage), "quantity": total_quantity(usage)}


_EMPTY: SessionRow = {
    "state": "running",
    "reason": "",
    "ended_ms": None,
    "time_ms": 0,
    "quantity": 0,
    "charge_minor": 0,
    "tax_minor": 0,
    "backed_minor": 0,
    "unbacked_minor": 0,
    "overrun_minor": 0,
    "rerated_minor": None,
    "refunded_minor": 0,
    "started_online": 0,
    "member": None,
    "kind": "",
}

_HANDLERS: dict[type, Callable[[Journal, Plan, Any], None]] = {
    SessionStarted: _started,
    SessionProgress: _progressed,
    SessionEnded: _ended,
    Released: _released,
    CashTaken: plan_cash,
    CashHeld: plan_held_cash,
    CashUnclaimed: plan_unclaimed_cash,
    VendOutcome: _vended,
    CodeRedeemed: plan_code,
    MachineFault: _fault,
    UnknownEvent: _unknown,
}
