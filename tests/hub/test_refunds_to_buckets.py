"""A refund goes back to the buckets that paid, and parts add up to the whole."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from hub.charging.allowances import grant
from hub.charging.lots import Gift, expire, give
from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move, Spill, Transfer
from hub.payments import shares
from hub.payments.action_contents import Forfeit
from hub.payments.actions import ACTIONS
from hub.payments.approvals import approve, ask_second
from hub.payments.refunds import Refund, refund_item, refund_session, tax_part
from hub.payments.second_person import SecondPersonRules, check_alone, write_second_person
from wire.errors import Code

PROMO = chart.house("promo", "EUR")
WALLET, OVERRUN = chart.wallet("ana", "EUR"), chart.overrun("ana", "EUR")
REVENUE, TAX = chart.revenue("washer", "EUR"), chart.tax(190_000, "EUR")


def lot(name: str) -> str:
    return chart.bonus("ana", "EUR", name)


@pytest.fixture
def ana(desk):
    """Ana has 500 paid in, a lot of 300 for washers and one of 200 for all."""
    desk.add_account("ana", 500)
    for name, minor, kinds in (("wash", 300, ("washer",)), ("any", 200, ())):
        gift = Gift(
            id=name,
            account="ana",
            amount_minor=minor,
            giver=PROMO,
            kinds=kinds,
            expires_ms=desk.clock.now().wall_ms + 1_000_000,
            source="promo",
            reason="",
            by="cli",
        )
        desk.run(lambda tx, gift=gift: give(tx, gift))
    return "ana"


def buy(desk, minor: int, tax: int, name: str = "buy") -> None:
    """A charge as a fact: lots in order, then the wallet, then overrun."""
    parts = tuple((code, part) for code, part in ((REVENUE, minor - tax), (TAX, tax)) if part)
    givers = (lot("wash"), lot("any"), WALLET, OVERRUN)
    item = Item(id=name, unit="EUR", kind="fee", legs=(Spill(givers, parts),), ref=name)
    desk.run(lambda tx: tx.book.must_post(item))


def back(desk, key: str, minor: int | None = None, **more):
    asked = Refund(id=key, item="buy", amount_minor=minor, reason="broken", by="key_a", **more)
    return desk.run(lambda tx: refund_item(tx, asked))


def test_money_goes_back_the_other_way_round(desk, ana):
    buy(desk, 1_200, 192)
    assert desk.overrun(ana) == 200

    back(desk, "r1", 250)
    assert (desk.overrun(ana), desk.wallet(ana)) == (0, 50)
    back(desk, "r2", 500)
    assert (desk.wallet(ana), desk.balance(lot("any"))) == (500, 50)
    back(desk, "r3")

    assert desk.wallet(ana) == 500
    assert (desk.balance(lot("any")), desk.balance(lot("wash"))) == (200, 300)
    assert desk.balance(REVENUE) == desk.balance(TAX) == 0
    with pytest.raises(ConflictError) as over:
        back(desk, "r4")
    assert over.value.code is Code.ALREADY_REFUNDED
    assert desk.faults() == []


def test_paid_money_settles_an_overrun_that_came_later(desk, ana):
    buy(desk, 1_000, 0)
    late = Item(id="late", unit="EUR", kind="fee", legs=(Move(OVERRUN, REVENUE, 120),), ref="late")
    desk.run(lambda tx: tx.book.must_post(late))

    back(desk, "r1", 300)

    assert (desk.overrun(ana), desk.wallet(ana)) == (0, 180)


def test_a_lot_whose_time_is_over_takes_what_comes_back_on(desk, ana):
    buy(desk, 400, 0)
    desk.clock.advance(1_000_000)
    desk.run(lambda tx: expire(tx, tx.now_ms, 100))

    back(desk, "r1")

    assert desk.balance(lot("wash")) == desk.balance(lot("any")) == 0
    assert desk.balance(chart.house("breakage", "EUR")) == 500
    assert desk.wallet(ana) == 500
    assert desk.faults() == []


def test_a_lot_that_was_used_up_pays_again(desk, ana):
    buy(desk, 1_000, 0)

    back(desk, "r1")

    assert (desk.balance(lot("wash")), desk.balance(lot("any")), desk.wallet(ana)) == (
        300,
        200,
        500,
    )
    states = desk.rows("SELECT id, state FROM lots ORDER BY id")
    assert [tuple(row) for row in states] == [("any", "open"), ("wash", "open")]


def test_cash_hands_out_only_what_was_paid_and_not_owed(desk, ana):
    buy(desk, 1_200, 192)

    back(desk, "r1", till="counter")

    assert desk.balance(chart.cash("counter", "EUR")) == -500 + 500
    assert (desk.overrun(ana), desk.wallet(ana)) == (0, 0)
    assert (desk.balance(lot("wash")), desk.balance(lot("any"))) == (300, 200)


def test_cash_covers_what_the_wallet_is_below_zero_first(desk):
    desk.add_account("ana", 100, credit_limit_minor=1_000)
    legs = (Spill((WALLET, OVERRUN), ((REVENUE, 700),)),)
    item = Item(id="buy", unit="EUR", kind="fee", legs=legs, ref="buy")
    desk.run(lambda tx: tx.book.must_post(item))

    back(desk, "r1", till="counter")

    assert desk.wallet("ana") == 0
    assert desk.balance(chart.cash("counter", "EUR")) == -100 + 100


def test_what_was_billed_and_is_unpaid_is_not_handed_out(desk):
    desk.add_account("ana", 100, credit_limit_minor=1_000)
    legs = (Spill((WALLET, OVERRUN), ((REVENUE, 700),)),)
    item = Item(id="buy", unit="EUR", kind="fee", legs=legs, ref="buy")
    bill = Move(chart.receivable("ana", "EUR"), WALLET, 600)
    desk.run(lambda tx: tx.book.must_post(item))
    desk.run(lambda tx: tx.book.must_post(Item(id="bill", unit="EUR", kind="close", legs=(bill,))))

    back(desk, "r1", till="counter")

    assert desk.wallet("ana") == 600
    assert desk.balance(chart.cash("counter", "EUR")) == -100 + 100


def test_nothing_given_is_handed_out(desk, ana):
    buy(desk, 400, 0)

    with pytest.raises(RefusedError) as refused:
        back(desk, "r1", till="counter")

    assert refused.value.code is Code.NOT_PAYABLE
    assert desk.balance(REVENUE) == 400


def test_a_fee_is_kept_of_what_goes_back(desk, ana):
    buy(desk, 1_000, 0)

    payment = back(desk, "r1", fee_minor=50)

    assert (payment.amount_minor, payment.fee_minor) == (1_000, 50)
    assert desk.balance(chart.house("fees", "EUR")) == 50
    assert (desk.wallet(ana), desk.balance(lot("any")), desk.balance(lot("wash"))) == (
        500,
        200,
        250,
    )
    with pytest.raises(ConflictError):
        back(desk, "r2", 1)


@pytest.mark.parametrize(
    ("more", "error", "code"),
    [
        ({"minor": 1_001}, RefusedError, Code.REFUND_TOO_LARGE),
        ({"minor": 0}, InputError, Code.AMOUNT_INVALID),
        ({"minor": -5}, InputError, Code.AMOUNT_INVALID),
        ({"minor": 10, "fee_minor": 10}, InputError, Code.BODY_MALFORMED),
        ({"minor": 10, "session": "also"}, InputError, Code.BODY_MALFORMED),
    ],
)
def test_what_cannot_go_back_changes_nothing(more, error, code, desk, ana):
    buy(desk, 1_000, 160)
    before = desk.books()

    with pytest.raises(error) as refused:
        back(desk, "r1", **more)

    assert refused.value.code is code
    assert desk.books() == before


def test_what_is_no_charge_of_an_account_is_not_refunded(desk, ana):
    item = Item(id="buy", unit="EUR", kind="adjustment", legs=(Move(WALLET, PROMO, 10),))
    desk.run(lambda tx: tx.book.must_post(item))

    with pytest.raises(RefusedError) as refused:
        back(desk, "r1")

    assert refused.value.code is Code.NOT_PAYABLE


def test_the_same_refund_again_moves_nothing_and_another_is_a_conflict(desk, ana):
    buy(desk, 1_000, 160)
    first = back(desk, "r1", 100)
    before = desk.books()

    assert back(desk, "r1", 100) == first
    with pytest.raises(ConflictError) as other:
        back(desk, "r1", 101)

    assert other.value.code is Code.ID_CONFLICT
    assert desk.books() == before


amounts = st.integers(1, 10**6)


@st.composite
def charges(draw):
    """Transfers of a charge: several buckets in order, each sharing revenue and taxes."""
    givers = draw(
        st.lists(
            st.sampled_from([lot("a"), lot("b"), chart.escrow("ana", "EUR"), WALLET, OVERRUN]),
            min_size=1,
            max_size=5,
        )
    )
    takers = st.sampled_from([REVENUE, TAX, chart.tax(70_000, "EUR"), chart.house("fees", "EUR")])
    return [Transfer(giver, draw(takers), draw(amounts)) for giver in givers for _ in range(2)]


@given(transfers=charges(), cuts=st.lists(amounts, max_size=8))
def test_parts_give_each_bucket_what_one_refund_of_all_gives(transfers, cuts):
    paid, taken = shares.buckets_of(transfers), shares.takers_of(transfers)
    charge = shares.total(paid)
    given_to = dict.fromkeys([code for code, _ in paid], 0)
    taken_from = dict.fromkeys([code for code, _ in taken], 0)
    refunded = 0
    for cut in [*cuts, charge]:
        part = min(cut, charge - refunded)
        if not part:
            continue
        receivers = shares.give_backs(paid, refunded, part)
        givers = shares.take_backs(taken, refunded, part)
        assert shares.total(receivers) == shares.total(givers) == part
        assert all(minor > 0 for _, minor in (*receivers, *givers))
        for giver, receiver, minor in shares.pair(givers, receivers):
            given_to[receiver] += minor
            taken_from[giver] += minor
        refunded += part
        assert all(given_to[code] <= minor for code, minor in paid)

    assert given_to == dict(paid)
    assert taken_from == dict(taken)


@given(minor=amounts, tax=st.integers(0, 10**6), cuts=st.lists(amounts, max_size=6))
def test_with_one_rate_the_tax_of_a_part_is_its_proportion(minor, tax, cuts):
    charge = minor + tax
    parts = [Transfer(WALLET, REVENUE, minor)] + ([Transfer(WALLET, TAX, tax)] if tax else [])
    taken = shares.takers_of(parts)
    refunded = 0
    for cut in [*cuts, charge]:
        part = min(cut, charge - refunded)
        if part:
            share = dict(shares.take_backs(taken, refunded, part)).get(TAX, 0)
            assert share == tax_part(tax, charge, refunded, part)
            refunded += part


def test_a_session_that_a_controller_reported_goes_back_to_what_paid_it(desk):
    box = desk.add_controller("box", "washer")
    desk.add_account("ana", 500)
    gift = Gift(
        id="any",
        account="ana",
        amount_minor=200,
        giver=PROMO,
        source="promo",
        reason="",
        by="cli",
    )
    desk.run(lambda tx: give(tx, gift))
    place = ("ana", "box", box.epoch)
    desk.run(lambda tx: grant(tx, "g1", place, "EUR", 450))
    box.start("ses_1", "ana", "washer")
    box.wall_ms += 800 * 6_000
    box.end("ses_1", "ana", "washer", (450, 350))
    desk.journal(box)
    assert (desk.overrun("ana"), desk.wallet("ana"), desk.escrow("ana")) == (100, 0, 0)

    for number, minor in enumerate((120, 430, None)):
        asked = Refund(
            id=f"r{number}", session="ses_1", amount_minor=minor, reason="broken", by="cli"
        )
        desk.run(lambda tx, asked=asked: refund_session(tx, asked))

    assert (desk.overrun("ana"), desk.wallet("ana"), desk.balance(lot("any"))) == (0, 500, 200)
    assert desk.balance(REVENUE) == desk.balance(TAX) == 0
    assert desk.faults() == []


def test_what_is_given_up_on_takes_a_second_person_above_the_limit(desk):
    desk.add_controller("box", "washer")
    desk.add_account("ana", 500)
    place = ("ana", "box", "epo_box")
    desk.run(lambda tx: grant(tx, "g1", place, "EUR", 450))
    desk.run(lambda tx: write_second_person(tx, "EUR", SecondPersonRules(forfeit_minor=400)))
    content = Forfeit(controller="box", account="ana", epoch="epo_box", reason="drowned")

    with desk.store.read() as connection, pytest.raises(RefusedError) as alone:
        check_alone(connection, "EUR", "forfeit", 450)
    asked = desk.run(lambda tx: ask_second(tx, ACTIONS, ("f1", "forfeit", content), "key_a"))
    desk.run(lambda tx: approve(tx, ACTIONS, "f1", "key_b", asked.digest))

    assert alone.value.code is Code.SECOND_PERSON
    assert asked.amount_minor == 450
    assert (desk.wallet("ana"), desk.escrow("ana")) == (500, 0)
    assert desk.faults() == []
