"""Operators who make mistakes: a top-up entered twice, more given back than was paid."""

from __future__ import annotations

from functools import partial

from hub.billing import periods
from hub.billing.periods import EarlyClose
from hub.ledger.writer import Tx
from hub.payments import corrections, deposits, topups, transfers
from hub.payments.deposits import Deposit
from hub.payments.refunds import Refund
from hub.payments.topups import TopUp
from simulator.trials.counter import TILL, Cash, Request
from simulator.trials.office import MINUTE_MS, Errand, Office, Script, Wait
from simulator.trials.staff_money import REASON, give_back
from simulator.trials.town import POINTS

AMOUNT_MINOR_MAX = 2_000
NOTICED_MS_MAX = 30 * MINUTE_MS
"""How long it takes until somebody counts the drawer."""
BEYOND_MINOR = 1

_ENDED = """
    SELECT id, account, charge_minor FROM sessions WHERE state <> 'running' AND charge_minor > 0
    ORDER BY id
"""


def same_again(office: Office, errand: Errand) -> Script:
    """The button is pressed twice: the same top-up under the same id."""
    top_up = _top_up(office, errand)
    yield _enter(errand, top_up, cash=Cash.IN)
    yield Wait(errand.stream.randint(0, 3_000))
    yield _enter(errand, top_up)


def other_amount(office: Office, errand: Errand) -> Script:
    """The same id again for another amount: a program with a bug."""
    top_up = _top_up(office, errand)
    yield _enter(errand, top_up, cash=Cash.IN)
    yield Wait(errand.stream.randint(0, 3_000))
    more = top_up.amount_minor + errand.stream.randint(1, AMOUNT_MINOR_MAX)
    other = _with(top_up, top_up.id, more)
    yield _enter(errand, other)


def entered_twice(office: Office, errand: Errand) -> Script:
    """One banknote, two top-ups: noticed later, and corrected or made good."""
    stream = errand.stream
    top_up = _top_up(office, errand)
    first = yield _enter(errand, top_up, cash=Cash.IN)
    yield Wait(stream.randint(1_000, 60_000))
    pause_ms = stream.randint(1_000, NOTICED_MS_MAX)
    if not first.is_done:
        return
    twin = _with(top_up, f"{errand.id}.twin", top_up.amount_minor)
    second = yield _enter(errand, twin)
    yield Wait(pause_ms)
    if not second.is_done:
        return
    asked = corrections.Ask(
        id=f"{errand.id}.correction", item=twin.id, reason=REASON, by=errand.who
    )
    answer = yield errand.request(
        "correction",
        lambda tx: corrections.correct(tx, asked),
        account=twin.account,
        minor=twin.amount_minor,
    )
    if not answer.is_done:  # the money was spent: the drawer must hold what the book says
        office.counter.put_in(twin.account, twin.amount_minor)


def refund_beyond(office: Office, errand: Errand) -> Script:
    """More is to be given back than was charged; then all of it, twice."""
    found = office.found(_ENDED, errand.stream)
    if found is None:
        return
    session, account, charge = found
    for step, minor in (("beyond", charge + BEYOND_MINOR), ("whole", charge), ("again", charge)):
        asked = Refund(
            id=f"{errand.id}.{step}",
            session=session,
            amount_minor=minor,
            reason=REASON,
            by=errand.who,
        )
        yield errand.request(step, partial(give_back, asked=asked), account=account, minor=minor)
        yield Wait(errand.stream.randint(0, 3_000))


def mistyped(office: Office, errand: Errand) -> Script:
    """Nothing, strangers, another unit, a session and a deposit that there aren't; then right."""
    top_up = _top_up(office, errand)
    account, minor = top_up.account, top_up.amount_minor
    stranger = TopUp(
        id=f"{errand.id}.stranger", account="nobody", amount_minor=minor, till=TILL, by=errand.who
    )
    for step, wrong in (
        ("nothing", _with(top_up, f"{errand.id}.nothing", 0)),
        ("stranger", stranger),
    ):
        yield errand.request(step, partial(_book, asked=wrong), account=account)
    to_points = _ask(errand, "other_unit", (account, POINTS), minor)
    yield errand.request("other_unit", partial(_hand_on, asked=to_points), account=account)
    back = Refund(
        id=f"{errand.id}.no_session",
        session=f"{errand.id}.session",
        amount_minor=minor,
        reason=REASON,
        by=errand.who,
    )
    yield errand.request("no_session", partial(give_back, asked=back), account=account)
    held = Deposit(
        id=f"{errand.id}.no_deposit",
        account=account,
        amount_minor=minor,
        till="",
        by=errand.who,
    )
    yield errand.request(
        "no_deposit", lambda tx: deposits.return_deposit(tx, held), account=account
    )
    yield _enter(errand, top_up, cash=Cash.IN)


def tried_again(office: Office, errand: Errand) -> Script:
    """A deposit is asked for that the wallet hasn't; then it is paid in, and the same again."""
    stream = errand.stream
    top_up = _top_up(office, errand)
    asked = Deposit(
        id=f"{errand.id}.deposit_taken",
        account=top_up.account,
        amount_minor=stream.randint(1, 2 * AMOUNT_MINOR_MAX),
        till="",
        by=errand.who,
    )
    for is_last in (False, True):
        answer = yield errand.request(
            "deposit_taken",
            lambda tx: deposits.take_deposit(tx, asked),
            account=asked.account,
            minor=asked.amount_minor or 0,
        )
        if answer.is_done or is_last:
            return
        yield Wait(stream.randint(1_000, MINUTE_MS))
        enough = _with(top_up, top_up.id, (asked.amount_minor or 0) + top_up.amount_minor)
        yield _enter(errand, enough, cash=Cash.IN)


def closed_twice(office: Office, errand: Errand) -> Script:
    """A period is closed, and once more at the same moment."""
    account = office.house(errand.stream).account
    for step in ("close_period", "close_period_again"):
        asked = EarlyClose(id=f"{errand.id}.{step}", account=account, by=errand.who)
        yield errand.request(step, partial(_close, asked=asked), account=account)


def _ask(errand: Errand, step: str, who: tuple[str, str], minor: int) -> transfers.Ask:
    giver, taker = who
    id_ = f"{errand.id}.{step}"
    return transfers.Ask(id=id_, sender=giver, receiver=taker, amount_minor=minor, by=errand.who)


def _hand_on(tx: Tx, asked: transfers.Ask) -> object:
    return transfers.transfer(tx, asked)


def _close(tx: Tx, asked: EarlyClose) -> object:
    return periods.close_now(tx, asked)


def _top_up(office: Office, errand: Errand) -> TopUp:
    stream = errand.stream
    return TopUp(
        id=f"{errand.id}.top_up",
        account=office.house(stream).account,
        amount_minor=stream.randint(10, AMOUNT_MINOR_MAX),
        till=TILL,
        by=errand.who,
    )


def _with(top_up: TopUp, id_: str, minor: int) -> TopUp:
    return TopUp(id=id_, account=top_up.account, amount_minor=minor, till=top_up.till, by=top_up.by)


def _enter(errand: Errand, top_up: TopUp, cash: Cash = Cash.NONE) -> Request:
    return Request(
        id=top_up.id,
        action="top_up",
        account=top_up.account,
        minor=top_up.amount_minor,
        who=errand.who,
        job=partial(_book, asked=top_up),
        cash=cash,
    )


def _book(tx: Tx, asked: TopUp) -> object:
    return topups.top_up(tx, asked)
