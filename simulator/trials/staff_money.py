"""What staff do with money: refunds, payouts, corrections, deposits, vouchers, gifts."""

from __future__ import annotations

from functools import partial

from hub.billing import periods, plans, receivables, subscriptions
from hub.billing.periods import EarlyClose
from hub.billing.plans import Plan
from hub.billing.receivables import ReceivablePayment
from hub.billing.spans import Every
from hub.billing.subscriptions import Subscribing
from hub.charging import lots
from hub.charging.lots import Gift
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from hub.payments import (
    adjustments,
    corrections,
    deposits,
    payouts,
    refunds,
    transfers,
    voucher_batches,
    vouchers,
)
from hub.payments.adjustments import Adjustment, Against, Direction
from hub.payments.deposits import Deposit
from hub.payments.given_back import lock_item
from hub.payments.payout_rows import Step
from hub.payments.refunds import Refund
from hub.payments.voucher_batches import NewBatch
from hub.payments.voucher_rows import Funding
from hub.payments.vouchers import Redemption
from simulator.trials.counter import TILL, Cash, Request
from simulator.trials.draws import happens, weighed
from simulator.trials.office import HOUR_MS, MINUTE_MS, Errand, Office, Script, Wait

UNIT = "EUR"
AMOUNT_MINOR_MAX = 900
REASON = "as asked at the counter"
COLLEAGUE = "colleague"

_KINDS: tuple[tuple[tuple[str, ...], int], ...] = (
    ((), 50),
    (("washer",), 30),
    (("laser", "washer"), 10),
    (("laser", "socket"), 10),
)
"""Kinds of machines that given money is for; those that overlap are refused."""

_ENDED = """
    SELECT id, account, charge_minor FROM sessions WHERE state <> 'running' AND charge_minor > 0
    ORDER BY id
"""
_PAID_IN = """
    SELECT id, account, amount_minor FROM payments WHERE kind = 'top_up' AND till <> ''
    ORDER BY id
"""


def refund(office: Office, errand: Errand) -> Script:
    """A charge is given back, whole or in part, to where it came from or in cash."""
    stream = errand.stream
    found = office.found(_ENDED, stream)
    percent, in_cash = weighed(stream, ((100, 50), (40, 50))), happens(stream, 20)
    if found is None:
        return
    session, account, charge = found
    amount = max(1, charge * percent // 100)
    asked = Refund(
        id=f"{errand.id}.refund",
        session=session,
        amount_minor=amount,
        till=TILL if in_cash else "",
        reason=REASON,
        by=errand.who,
    )
    yield errand.request(
        "refund",
        partial(give_back, asked=asked),
        account=account,
        minor=amount,
        cash=Cash.OUT if in_cash else Cash.NONE,
        handed=int,
    )


def give_back(tx: Tx, asked: Refund) -> int:
    """Refund a session; gives how much of it is handed out, which the hub decides."""
    refunds.refund_session(tx, asked)
    moved = lock_item(tx, asked.id).transfers
    cash = chart.cash(TILL, UNIT)
    return sum(transfer.amount_minor for transfer in moved if transfer.credit == cash)


def correct(office: Office, errand: Errand) -> Script:
    """A top-up was a mistake: it is taken back whole, and the cash handed out."""
    found = office.found(_PAID_IN, errand.stream)
    if found is None:
        return
    item, account, minor = found
    asked = corrections.Ask(id=f"{errand.id}.correction", item=item, reason=REASON, by=errand.who)
    yield errand.request(
        "correction",
        lambda tx: corrections.correct(tx, asked),
        account=account,
        minor=minor,
        cash=Cash.OUT,
    )


def pay_out(office: Office, errand: Errand) -> Script:
    """Somebody wants money back; now and then the bank says no, or it is called off."""
    stream = errand.stream
    account = office.house(stream).account
    minor, at_till = stream.randint(1, AMOUNT_MINOR_MAX), happens(stream, 50)
    pauses = [stream.randint(1_000, 20 * MINUTE_MS) for _ in range(3)]
    end = weighed(stream, ((Step.FINISH, 50), (Step.FAIL, 25), (Step.CANCEL, 25)))
    asked = payouts.Ask(
        id=f"{errand.id}.payout",
        account=account,
        amount_minor=minor,
        till=TILL if at_till else "",
        provider="" if at_till else "bank",
        by=errand.who,
    )
    answer = yield errand.request(
        "payout", lambda tx: payouts.request_payout(tx, asked), account=account, minor=minor
    )
    if not answer.is_done:
        return
    steps = (Step.APPROVE, Step.CANCEL) if end is Step.CANCEL else (Step.APPROVE, Step.SEND, end)
    for step, pause_ms in zip(steps, pauses, strict=False):
        yield Wait(pause_ms)
        is_handed_out = at_till and step is Step.SEND
        yield _step(errand, asked, step, minor, Cash.OUT if is_handed_out else Cash.NONE)
        if is_handed_out:
            return


def deposit(office: Office, errand: Errand) -> Script:
    """A deposit is taken, and later returned or kept."""
    stream = errand.stream
    account = office.house(stream).account
    minor, in_cash = stream.randint(1, AMOUNT_MINOR_MAX), happens(stream, 60)
    pause_ms, is_kept = stream.randint(MINUTE_MS, HOUR_MS), happens(stream, 30)
    back_in_cash = happens(stream, 50)
    taken = Deposit(
        id=f"{errand.id}.deposit_taken",
        account=account,
        amount_minor=minor,
        till=TILL if in_cash else "",
        by=errand.who,
    )
    answer = yield errand.request(
        "deposit_taken",
        lambda tx: deposits.take_deposit(tx, taken),
        account=account,
        minor=minor,
        cash=Cash.IN if in_cash else Cash.NONE,
    )
    if not answer.is_done:
        return
    yield Wait(pause_ms)
    step = "deposit_kept" if is_kept else "deposit_returned"
    hands_out = back_in_cash and not is_kept
    back = Deposit(
        id=f"{errand.id}.{step}",
        account=account,
        amount_minor=minor,
        till=TILL if hands_out else "",
        by=errand.who,
        deposit=taken.id,
        reason=REASON if is_kept else "",
    )
    service = deposits.keep_deposit if is_kept else deposits.return_deposit
    yield errand.request(
        step,
        lambda tx: service(tx, back),
        account=account,
        minor=minor,
        cash=Cash.OUT if hands_out else Cash.NONE,
    )


def voucher(office: Office, errand: Errand) -> Script:
    """A batch of vouchers is sold or given away, and some of its codes are redeemed."""
    stream = errand.stream
    funding = stream.choice((Funding.SOLD, Funding.PROMO))
    minor, count = stream.randint(10, AMOUNT_MINOR_MAX), stream.randint(1, 3)
    houses = [office.house(stream).account for _ in range(count)]
    pauses = [stream.randint(1_000, 40 * MINUTE_MS) for _ in range(count)]
    is_sold = funding is Funding.SOLD
    batch = NewBatch(
        id=f"{errand.id}.batch",
        name="Vouchers",
        funding=funding,
        unit=UNIT,
        amount_minor=minor,
        count=count,
        till=TILL if is_sold else "",
        by=errand.who,
    )
    answer = yield errand.request(
        "vouchers_made",
        lambda tx: voucher_batches.create_batch(tx, batch),
        minor=minor * count,
        cash=Cash.IN if is_sold else Cash.NONE,
    )
    if not answer.is_done:
        return
    secret = office.world.hub.voucher_secret
    # Codes are shown once: what nobody saw for sure is printed anew.
    printed = yield errand.request(
        "vouchers_printed",
        lambda tx: voucher_batches.print_codes(tx, batch.id, secret, stream.randbytes, again=True),
    )
    for (serial, code), account, pause_ms in zip(printed.value or (), houses, pauses, strict=False):
        yield Wait(pause_ms)
        asked = Redemption(
            id=f"{errand.id}.redeem{serial}", account=account, code=code, by=errand.who
        )
        job = partial(_redeem, asked=asked, secret=secret)
        yield errand.request(f"redeem{serial}", job, account=account, minor=minor)


def give(office: Office, errand: Errand) -> Script:
    """Somebody is given a lot of money, for a while and for some machines or for ever."""
    stream = errand.stream
    account = office.house(stream).account
    minor = stream.randint(1, AMOUNT_MINOR_MAX)
    lasts_ms = weighed(stream, ((0, 40), (30 * MINUTE_MS, 30), (2 * HOUR_MS, 30)))
    gift = Gift(
        id=f"{errand.id}.gift",
        account=account,
        amount_minor=minor,
        giver=chart.house("promo", UNIT),
        kinds=weighed(stream, _KINDS),
        expires_ms=office.world.wall_ms + lasts_ms if lasts_ms else None,
        source="goodwill",
        reason=REASON,
        by=errand.who,
    )
    yield errand.request("gift", lambda tx: lots.give(tx, gift), account=account, minor=minor)


def hand_on(office: Office, errand: Errand) -> Script:
    """One gives another some money."""
    stream = errand.stream
    giver, taker = office.house(stream).account, office.house(stream).account
    minor = stream.randint(1, AMOUNT_MINOR_MAX)
    asked = transfers.Ask(
        id=f"{errand.id}.transfer",
        sender=giver,
        receiver=taker,
        amount_minor=minor,
        by=errand.who,
    )
    yield errand.request(
        "transfer", lambda tx: transfers.transfer(tx, asked), account=giver, minor=minor
    )


def adjust(office: Office, errand: Errand) -> Script:
    """Staff change what an account has."""
    stream = errand.stream
    account = office.house(stream).account
    minor = stream.randint(1, AMOUNT_MINOR_MAX)
    direction, against = stream.choice(tuple(Direction)), stream.choice(tuple(Against))
    asked = Adjustment(
        id=f"{errand.id}.adjustment",
        account=account,
        direction=direction,
        amount_minor=minor,
        against=against,
        cause="goodwill",
        reason=REASON,
        by=errand.who,
    )
    yield errand.request(
        "adjustment", lambda tx: adjustments.adjust(tx, asked), account=account, minor=minor
    )


def close_period(office: Office, errand: Errand) -> Script:
    """An account on credit is billed before its time, and pays some of it."""
    stream = errand.stream
    account = office.house(stream).account
    minor, pause_ms = stream.randint(1, AMOUNT_MINOR_MAX), stream.randint(0, 30 * MINUTE_MS)
    asked = EarlyClose(id=f"{errand.id}.close_period", account=account, by=errand.who)
    answer = yield errand.request(
        "close_period", lambda tx: periods.close_now(tx, asked), account=account
    )
    if not answer.is_done:
        return
    yield Wait(pause_ms)
    payment = ReceivablePayment(
        id=f"{errand.id}.receivable_paid",
        account=account,
        amount_minor=minor,
        till=TILL,
        by=errand.who,
    )
    yield errand.request(
        "receivable_paid",
        lambda tx: receivables.pay(tx, payment),
        account=account,
        minor=minor,
        cash=Cash.IN,
    )


def subscribe(office: Office, errand: Errand) -> Script:
    """Somebody pays by the day, from today on; most of them end it again."""
    stream = errand.stream
    account = office.house(stream).account
    minor, pause_ms = stream.randint(1, AMOUNT_MINOR_MAX), stream.randint(MINUTE_MS, 4 * HOUR_MS)
    plan = Plan(
        id=f"{errand.id}.plan",
        name="Per day",
        unit=UNIT,
        price_minor=minor,
        every=Every.DAY,
        tax_rate_ppm=stream.choice((0, 190_000)),
        by=errand.who,
    )
    asked = Subscribing(
        id=f"{errand.id}.subscription", account=account, plan=plan.id, by=errand.who
    )
    yield errand.request("plan", lambda tx: plans.add_plan(tx, plan))
    answer = yield errand.request(
        "subscription", lambda tx: subscriptions.subscribe(tx, asked), account=account, minor=minor
    )
    yield Wait(pause_ms)
    if answer.is_done and happens(stream, 70):
        yield errand.request(
            "subscription_end", lambda tx: subscriptions.end(tx, asked.id, None), account=account
        )


def _step(errand: Errand, asked: payouts.Ask, step: Step, minor: int, cash: Cash) -> Request:
    reason = REASON if step in (Step.FAIL, Step.CANCEL) else ""
    take = payouts.Take(
        id=f"{errand.id}.payout_{step}", payout=asked.id, step=step, reason=reason, by=COLLEAGUE
    )
    return errand.request(
        f"payout_{step}",
        lambda tx: payouts.take_step(tx, take),
        account=asked.account,
        minor=minor,
        cash=cash,
    )


def _redeem(tx: Tx, asked: Redemption, secret: bytes) -> object:
    return vouchers.redeem(tx, asked, secret)
