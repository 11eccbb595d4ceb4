"""A vend without an outcome: its price is kept apart until a person decides, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk, card_of

from hub.charging import tariffs
from hub.errors import ConflictError, NotFoundError
from hub.fleet import machines
from hub.payments.audit_out import audit_money_out
from hub.payments.refunds import Refund, refund_session
from hub.payments.vend_decisions import VendDecision, decide_vend
from wire import topics
from wire.errors import Code
from wire.events import Ended, VendOutcome
from wire.machines import PRICE_UNIT, Machine, Mode
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier
from wire.usage import Segment

PRICES = Tariff(
    id="prices",
    version=1,
    name="As the machine asks",
    unit=EUR,
    quantity=Measure(unit=PRICE_UNIT, per=1, tiers=(Tier(10_000),)),
    tax_rate_ppm=190_000,
)


@pytest.fixture
def desk(tmp_path) -> Iterator[Desk]:
    """On SQLite; `test_cash_at_machines` decides on a vend on every database."""
    desk = Desk(tmp_path)
    desk.add_site()
    yield desk
    desk.close()


@pytest.fixture
def snacks(desk):
    controller = desk.add_controller("pi-1")
    desk.run(lambda tx: tariffs.add_version(tx, PRICES))
    machine = Machine(id="snacks", name="Snacks", mode=Mode.VEND, tariff="prices")
    desk.run(lambda tx: machines.put_machine(tx, "pi-1", machine))
    desk.add_account("ann", 2_000)
    controller.boot()
    return controller


def vend(desk, snacks, reason=Ended.VEND_UNKNOWN, shares=(0, 150), session="ses_1") -> None:
    frozen = {"mode": "vend", "tariff": "prices", "tariff_version": 1}
    snacks.start(session, "ann", "snacks", **frozen)
    usage = (Segment(quantity=sum(shares)),) if sum(shares) else ()
    snacks.end(session, "ann", "snacks", shares, reason=reason, usage=usage, **frozen)
    desk.journal(snacks)


def decide(desk, *, gave: bool, id_: str = "dec-1", session: str = "ses_1") -> None:
    asked = VendDecision(id=id_, session=session, gave=gave, reason="looked at it", by="cli")
    desk.run(lambda tx: decide_vend(tx, asked))


def faults(desk) -> list[str]:
    """What `verify` finds, refunds and all."""
    with desk.store.read() as connection:
        return [*desk.faults(), *audit_money_out(connection)]


def state(desk, session: str = "ses_1") -> tuple:
    return desk.rows(
        f"SELECT state, tax_minor, refunded_minor FROM sessions WHERE id = '{session}'"
    )[0]


def test_the_price_is_kept_apart_and_an_alarm_tells(desk, snacks):
    vend(desk, snacks)

    assert desk.books() == {
        "EUR:cash/counter": -2_000,
        "EUR:wallet/ann": 1_850,
        "EUR:suspense/": 150,
    }
    assert state(desk) == ("undecided", 0, 0)
    assert desk.alarm_codes() == [Code.VEND_UNKNOWN]
    assert faults(desk) == []


def test_decided_that_it_came_out_it_is_revenue_with_its_tax(desk, snacks):
    vend(desk, snacks)

    for _ in range(2):
        decide(desk, gave=True)

    assert desk.balance("EUR:suspense/") == 0
    assert desk.balance("EUR:revenue/snacks") == 126
    assert desk.balance("EUR:tax/190000") == 24
    assert state(desk) == ("ended", 24, 0)
    assert desk.alarm_codes() == []
    assert faults(desk) == []


def test_decided_that_nothing_came_out_it_goes_back(desk, snacks):
    vend(desk, snacks)

    for _ in range(2):
        decide(desk, gave=False)

    assert desk.books() == {"EUR:cash/counter": -2_000, "EUR:wallet/ann": 2_000}
    assert state(desk) == ("refunded", 0, 150)
    assert desk.alarm_codes() == []
    assert faults(desk) == []


def test_it_is_decided_once(desk, snacks):
    vend(desk, snacks)
    decide(desk, gave=True)

    with pytest.raises(ConflictError):
        decide(desk, gave=False, id_="dec-2")
    with pytest.raises(NotFoundError):
        decide(desk, gave=True, session="ses_9")
    assert desk.wallet("ann") == 1_850


def test_what_was_decided_to_be_paid_is_refunded_from_revenue(desk, snacks):
    vend(desk, snacks)
    decide(desk, gave=True)

    asked = Refund(id="ref-1", session="ses_1", amount_minor=None, reason="stale", by="cli")
    desk.run(lambda tx: refund_session(tx, asked))

    assert desk.books() == {"EUR:cash/counter": -2_000, "EUR:wallet/ann": 2_000}
    assert faults(desk) == []


def test_a_part_of_it_is_given_back_only_after_a_decision(desk, snacks):
    vend(desk, snacks)
    asked = Refund(id="ref-1", session="ses_1", amount_minor=50, reason="half", by="cli")

    with pytest.raises(ConflictError, match="decide"):
        desk.run(lambda tx: refund_session(tx, asked))

    decide(desk, gave=True)
    desk.run(lambda tx: refund_session(tx, asked))
    assert desk.wallet("ann") == 1_900
    assert faults(desk) == []


def test_backed_money_is_kept_apart_too(desk, snacks):
    want = snacks.want("req_1", "ann", card_of("ann"), "snacks", 500)
    desk.deliver(snacks, topics.UP_WANT, want)
    vend(desk, snacks, shares=(150, 0))
    snacks.release("ann", 350)
    desk.journal(snacks)
    decide(desk, gave=False)

    assert desk.books() == {"EUR:cash/counter": -2_000, "EUR:wallet/ann": 2_000}
    assert faults(desk) == []


def test_what_the_machine_says_later_is_told_to_who_decides(desk, snacks):
    vend(desk, snacks)
    snacks.append(
        VendOutcome,
        session="ses_1",
        outcome="failure",
        machine="snacks",
        account="ann",
        detail="jammed",
        late=True,
    )
    desk.journal(snacks)

    assert desk.alarm_codes() == [Code.VEND_UNKNOWN]
    ((words,),) = desk.rows("SELECT detail FROM alarms")
    assert "nothing came out (jammed)" in words
    decide(desk, gave=False)
    assert desk.wallet("ann") == 2_000


@pytest.mark.parametrize("reason", [Ended.VENDED, Ended.VEND_FAILED])
def test_a_vend_whose_outcome_is_known_needs_nobody(desk, snacks, reason):
    shares = (0, 150) if reason is Ended.VENDED else (0, 0)
    vend(desk, snacks, reason, shares)

    assert state(desk)[0] == "ended"
    assert desk.balance("EUR:suspense/") == 0
    assert desk.alarm_codes() == []
    assert faults(desk) == []


def test_verify_finds_a_decision_that_moved_nothing(desk, snacks):
    vend(desk, snacks)

    def forge(tx) -> None:
        tx.connection.exec_driver_sql("UPDATE sessions SET state = 'ended'")

    desk.run(forge)

    assert faults(desk) == ["vend ses_1 is decided without its price, or priced without a decision"]
