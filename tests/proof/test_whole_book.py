"""Every way that money moves, in any order and repeated, against a model of worths.

The services are the real ones on a real database. The model says what each request is
worth; which of the accounts's buckets gives is the services' affair, and other tests'.
After every step each worth, the house's takings and gifts, and every limit must agree;
at the end the book must verify, and what all rights, holds and lots say with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from desk import Desk
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from net_worth import NetWorth, sum_of, worth_of
from postgres import drop_database, fresh_database

from hub.billing import periods, receivables
from hub.billing.periods import EarlyClose
from hub.billing.receivables import ReceivablePayment
from hub.charging import lots, services, usage
from hub.charging.lots import Gift
from hub.charging.usage_asked import Authorise, Capture, Release
from hub.errors import HubError
from hub.ledger import accounts as chart
from hub.payments import corrections, deposits, payouts, refunds, topups, transfers
from hub.payments.deposits import Deposit
from hub.payments.payout_rows import Step
from hub.payments.refunds import Refund
from hub.payments.topups import TopUp
from hub.people import accounts as people
from wire.topics import UP_WANT

ANN, BOB = "ann", "bob"
PEOPLE = (ANN, BOB)
CREDIT_MINOR = 700
"""Bob may owe so much; Ann nothing."""
FIRST_MINOR = 1_500
DAY_MS = 86_400_000
people_ = st.sampled_from(PEOPLE)
amounts = st.integers(1, 900)
HOUSE_TAKES = ("revenue", "tax", "fees")
HOUSE_GIVES = ("promo", "breakage")


class WholeBook(RuleBasedStateMachine):
    server = None

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.url = "" if self.server is None else fresh_database(self.server)
        self.desk = Desk(Path(self.folder.name), self.url)
        self.desk.add_site()
        self.saw = self.desk.add_controller("saw", "saw1")
        for person in PEOPLE:
            self.desk.add_account(person)
        terms = {"credit_limit_minor": CREDIT_MINOR}
        self.desk.run(lambda tx: people.change_account(tx, BOB, terms))
        cloud = services.Service(
            id="cloud", name="Cloud", kind="cloud", tariff="minute", tariff_by_group={}
        )
        self.desk.run(lambda tx: services.put_service(tx, cloud))
        self.model = NetWorth()
        self.count = 0
        self.backed = dict.fromkeys(PEOPLE, 0)
        self.charges: dict[str, tuple[str, int]] = {}
        self.holds: dict[str, tuple[str, int]] = {}
        self.payouts: dict[str, tuple[str, int]] = {}
        self.top_ups: dict[str, tuple[str, int]] = {}
        self.gifts: list[Gift] = []
        self.last = None
        for who in PEOPLE:
            self.pay_in(who, FIRST_MINOR)

    def pay_in(self, who, minor):
        asked = TopUp(id=self.new_id("top"), account=who, amount_minor=minor, till="desk", by="t")
        assert self.ask(topups.top_up, asked, lambda: self.model.pay_in(who, minor))
        self.top_ups[asked.id] = (who, minor)

    def new_id(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}-{self.count}"

    def ask(self, service, asked, effect):
        """Ask for something; when it is booked the model follows, else nothing changed."""
        before = self.desk.books()
        refusal = None
        try:
            booked = self.desk.run(lambda tx: service(tx, asked))
        except HubError as error:
            refusal = error
        if refusal is not None:
            assert int(refusal.code) > 0, refusal
            assert self.desk.books() == before, f"refused, and it moved: {refusal}"
            return None
        effect()
        self.last = (service, asked)
        return booked

    @rule(who=people_, minor=st.integers(10, 2_000))
    def pays_in(self, who, minor):
        self.pay_in(who, minor)

    @precondition(lambda self: self.top_ups)
    @rule(data=st.data())
    def a_top_up_was_a_mistake(self, data):
        item = data.draw(st.sampled_from(sorted(self.top_ups)))
        who, minor = self.top_ups[item]
        asked = corrections.Ask(id=self.new_id("cor"), item=item, reason="typo", by="t")
        if self.ask(corrections.correct, asked, lambda: self.model.pay_out(who, minor)):
            del self.top_ups[item]
            again = corrections.Ask(id=self.new_id("cor"), item=item, reason="typo", by="t")
            assert self.ask(corrections.correct, again, lambda: None) is None

    @rule(minor=amounts, back=st.booleans())
    def one_gives_to_the_other(self, minor, back):
        giver, taker = (BOB, ANN) if back else (ANN, BOB)
        spendable = self.desk.wallet(giver)
        asked = transfers.Ask(
            id=self.new_id("tra"), sender=giver, receiver=taker, amount_minor=minor, by="t"
        )
        done = self.ask(transfers.transfer, asked, lambda: self.model.transfer(giver, taker, minor))
        assert done is None or minor <= spendable

    @rule(who=people_, minor=amounts)
    def wants_money_back(self, who, minor):
        paid = self.desk.wallet(who)
        asked = payouts.Ask(
            id=self.new_id("out"), account=who, amount_minor=minor, provider="bank", by="t"
        )
        done = self.ask(payouts.request_payout, asked, lambda: self.model.pay_out(who, minor))
        assert done is None or minor <= paid
        if done is not None:
            self.payouts[asked.id] = (who, minor)

    @precondition(lambda self: self.payouts)
    @rule(data=st.data(), steps=st.lists(st.sampled_from(list(Step)), min_size=1, max_size=4))
    def a_payout_goes_on(self, data, steps):
        payout = data.draw(st.sampled_from(sorted(self.payouts)))
        who, minor = self.payouts[payout]
        for step in (Step.APPROVE, *steps):
            gives_back = step in (Step.FAIL, Step.CANCEL)
            reason = "account gone" if gives_back else ""
            take = payouts.Take(
                id=self.new_id("step"), payout=payout, step=step, reason=reason, by="other"
            )
            effect = (lambda: self.model.pay_in(who, minor)) if gives_back else (lambda: None)
            done = self.ask(payouts.take_step, take, effect)
            if done is not None and (gives_back or step is Step.FINISH):
                del self.payouts[payout]
                return

    @rule(who=people_, minor=amounts, days=st.none() | st.integers(1, 3))
    def is_given_money(self, who, minor, days):
        now_ms = self.desk.clock.now().wall_ms
        gift = Gift(
            id=self.new_id("gift"),
            account=who,
            amount_minor=minor,
            giver=chart.house("promo", "EUR"),
            expires_ms=None if days is None else now_ms + days * DAY_MS,
            source="promo",
            reason="spring",
            by="t",
        )
        if self.ask(lots.give, gift, lambda: self.model.give(who, minor)):
            self.gifts.append(gift)

    @rule(days=st.integers(1, 3))
    def days_go_by_and_lots_expire(self, days):
        self.desk.clock.advance(days * DAY_MS)
        before = self.desk.books()
        self.desk.run(lambda tx: lots.expire(tx, tx.now_ms, 100))
        after = self.desk.books()
        for who in PEOPLE:
            lost = worth_of(before, who) - worth_of(after, who)
            assert 0 <= lost <= sum_of(before, "bonus")
            self.model.expire(who, lost)

    @rule(who=people_, minor=amounts)
    def a_machine_asks_for_rights(self, who, minor):
        granted_before = self.granted(who)
        payload = self.saw.want(self.new_id("want"), who, self.card(who), "saw1", minor)
        self.desk.deliver(self.saw, UP_WANT, payload)
        granted = self.granted(who) - granted_before
        assert 0 <= granted <= minor
        self.backed[who] += granted

    @rule(who=people_, minor=amounts, share=st.integers(0, 100), back=st.none() | amounts)
    def a_machine_is_used(self, who, minor, share, back):
        backed = min(minor * share // 100, self.backed[who])
        session = self.new_id("ses")
        self.saw.start(session, who, "saw1")
        self.saw.end(session, who, "saw1", (backed, minor - backed))
        self.backed[who] -= backed
        self.desk.journal(self.saw)
        self.model.charge(who, minor)
        self.charges[session] = (who, minor)
        if back is not None:
            self.refund(session, back)

    @rule(who=people_, share=st.integers(1, 100))
    def a_machine_gives_rights_back(self, who, share):
        minor = self.backed[who] * share // 100
        if minor:
            self.backed[who] -= minor
            self.saw.release(who, minor)
            self.desk.journal(self.saw)

    @rule()
    def a_journal_comes_again(self):
        if self.saw.last_seq:
            before = self.desk.books()
            self.desk.journal(self.saw)
            assert self.desk.books() == before

    @rule(who=people_, minor=amounts)
    def a_program_holds_money(self, who, minor):
        asked = Authorise(
            id=self.new_id("use"), service="cloud", account=who, amount_minor=minor, by="t"
        )
        if self.ask(usage.authorise, asked, lambda: None):
            self.holds[asked.id] = (who, minor)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), minor=amounts, final=st.booleans(), beyond=st.booleans())
    def a_program_takes_what_was_used(self, data, minor, final, beyond):
        hold = data.draw(st.sampled_from(sorted(self.holds)))
        who, held = self.holds[hold]
        minor = minor if beyond else 1 + minor % max(1, held)
        asked = Capture(
            id=self.new_id("cap"),
            usage=hold,
            amount_minor=minor,
            final=final,
            beyond=beyond,
            by="t",
        )
        taken = self.ask(usage.capture, asked, lambda: self.model.charge(who, minor))
        if taken is None:
            assert minor > held
        elif final:
            del self.holds[hold]
        else:
            self.holds[hold] = (who, max(0, held - minor))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def a_program_gives_its_hold_back(self, data):
        hold = data.draw(st.sampled_from(sorted(self.holds)))
        asked = Release(id=self.new_id("rel"), usage=hold, reason="cancelled", by="t")
        assert self.ask(usage.release, asked, lambda: None)
        del self.holds[hold]

    @precondition(lambda self: self.charges)
    @rule(data=st.data(), minor=st.none() | amounts)
    def a_charge_is_refunded(self, data, minor):
        self.refund(data.draw(st.sampled_from(sorted(self.charges))), minor)

    def refund(self, session, minor):
        who, left = self.charges[session]
        asked = Refund(
            id=self.new_id("ref"), session=session, amount_minor=minor, reason="broken", by="t"
        )
        part = left if minor is None else minor
        done = self.ask(refunds.refund_session, asked, lambda: self.model.refund(who, part))
        assert (done is not None) == (0 < part <= left)
        if done is not None:
            self.charges[session] = (who, left - part)
            self.lapse(who, part)

    def lapse(self, who, part):
        """What a lot had paid whose time is over went on to where the lot's rest went."""
        lapsed = self.model.worth[who] - worth_of(self.desk.books(), who)
        now_ms = self.desk.clock.now().wall_ms
        ends = [gift.expires_ms for gift in self.gifts if gift.account == who]
        is_over = any(end is not None and end <= now_ms for end in ends)
        assert 0 <= lapsed <= (part if is_over else 0)
        self.model.expire(who, lapsed)

    @rule(who=people_, minor=amounts, in_cash=st.booleans())
    def a_deposit_is_taken(self, who, minor, in_cash):
        asked = self.deposit(who, minor, in_cash=in_cash)
        self.ask(deposits.take_deposit, asked, lambda: in_cash and self.model.pay_in(who, minor))

    @rule(who=people_, minor=amounts, in_cash=st.booleans())
    def a_deposit_is_returned(self, who, minor, in_cash):
        asked = self.deposit(who, minor, in_cash=in_cash)
        held = self.desk.balance(chart.deposit(who, "EUR"))
        done = self.ask(
            deposits.return_deposit, asked, lambda: in_cash and self.model.pay_out(who, minor)
        )
        assert done is None or minor <= held

    def deposit(self, who, minor, *, in_cash):
        till = "desk" if in_cash else ""
        return Deposit(id=self.new_id("dep"), account=who, amount_minor=minor, till=till, by="t")

    @rule()
    def a_period_is_closed_and_what_is_owed_is_paid(self):
        self.desk.clock.advance(1_000)
        asked = EarlyClose(id=self.new_id("per"), account=BOB, by="t")
        assert self.ask(periods.close_now, asked, lambda: None)
        owed = -self.desk.balance(chart.receivable(BOB, "EUR"))
        if owed > 1:
            payment = ReceivablePayment(
                id=self.new_id("pay"), account=BOB, amount_minor=owed - 1, till="desk", by="t"
            )
            assert self.ask(receivables.pay, payment, lambda: self.model.pay_in(BOB, owed - 1))

    @rule(limit=st.integers(1, 1_500))
    def a_credit_limit_changes(self, limit):
        asked = {"credit_limit_minor": limit}
        self.ask(lambda tx, given: people.change_account(tx, BOB, given), asked, lambda: None)

    @precondition(lambda self: self.last is not None)
    @rule()
    def the_last_request_comes_again(self):
        service, asked = self.last
        if not hasattr(asked, "id"):
            return
        before = self.desk.books()
        self.desk.run(lambda tx: service(tx, asked))
        assert self.desk.books() == before

    @rule(who=people_, minor=st.sampled_from([0, -1, 10**16]))
    def impossible_requests_are_refused(self, who, minor):
        asked = TopUp(id=self.new_id("top"), account=who, amount_minor=minor, till="desk", by="t")
        assert self.ask(topups.top_up, asked, lambda: None) is None
        if self.top_ups:
            used = next(iter(self.top_ups))
            other = TopUp(id=used, account=who, amount_minor=10_001, till="desk", by="t")
            assert self.ask(topups.top_up, other, lambda: None) is None

    @invariant()
    def worths_and_takings_are_the_models(self):
        books = self.desk.books()
        for who in PEOPLE:
            assert worth_of(books, who) == self.model.worth.get(who, 0), who
            for kind in (chart.escrow, chart.deposit):
                assert books.get(kind(who, "EUR"), 0) >= 0
            assert books.get(chart.overrun(who, "EUR"), 0) <= 0
        assert sum_of(books, *HOUSE_TAKES) == self.model.taken
        assert -sum_of(books, *HOUSE_GIVES) == self.model.given
        assert sum(books.values()) == 0
        assert books.get(chart.wallet(ANN, "EUR"), 0) >= 0
        held = sum(minor for code, minor in books.items() if ":escrow/" in code)
        assert held == sum(self.backed.values()) + sum(minor for _, minor in self.holds.values())

    def granted(self, who):
        rows = self.desk.rows(
            f"SELECT coalesce(sum(granted_minor), 0) FROM allowances WHERE account = '{who}'"
        )
        return int(rows[0][0])

    def card(self, who):
        return self.desk.rows(f"SELECT card_ref FROM cards WHERE account = '{who}'")[0][0]

    def teardown(self):
        if hasattr(self, "desk"):
            faults = self.desk.faults()
            self.desk.close()
            if self.url:
                drop_database(self.server, self.url)
            self.folder.cleanup()
            assert faults == []


LIMITS = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_whole_book_is_worth_what_the_model_says():
    run_state_machine_as_test(WholeBook, settings=LIMITS)


def test_the_same_on_postgresql(postgres):
    machine = type("WholeBookOnServer", (WholeBook,), {"server": postgres})
    run_state_machine_as_test(machine, settings=settings(LIMITS, max_examples=8))
