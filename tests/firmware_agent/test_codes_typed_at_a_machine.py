"""A typed code is money at once, online or not, and only once."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from firmware_agent.code_table import load_used_codes
from firmware_agent.core.codes import TRIES_MAX, TRY_EVERY_MS, TYPE_WITHIN_MS
from firmware_agent.core.used_codes import Use, UsedCodes
from firmware_agent.doctor import examine
from firmware_agent.errors import StoreCorrupt
from firmware_agent.identity import IDENTITY_NAME, save_identity
from firmware_agent.records import Records
from firmware_agent.recovery import check
from firmware_agent.store import Store
from tests.firmware_agent.rig import (
    BERT,
    NAME,
    PER_MINUTE,
    Rig,
    code,
    entry,
    identity,
)
from wire.codes import WINDOW, OfflineCode, end_of_year_ms, write_code
from wire.downlink import Standing
from wire.errors import Code
from wire.events import (
    CardRefused,
    CodeRedeemed,
    Released,
    SessionEnded,
    SessionStarted,
)
from wire.machines import AtZero, Machine
from wire.money import Unit
from wire.tariff import Tariff

WASHES = Unit("WSH", 0)
ONE_WASH = Tariff(id="wash", version=2, name="wash", unit=WASHES, start_fee_micros=1_000_000)
MINUTE_MS = 60_000


@pytest.fixture
def broke(offline) -> Rig:
    """Offline; Anna's card is known and has nothing at all."""
    offline.cards(entry(floor_minor=0), entry(BERT, "bert", floor_minor=0))
    return offline


def rights(rig: Rig, account: str = "anna"):
    return rig.agent._wires.records.accounts.load(account)


def refusals(rig: Rig) -> list[int]:
    return [event.code for event in rig.kinds(CardRefused)]


def forged(number: int) -> str:
    """Digits that pass the check digit and are no code of this controller."""
    return write_code(b"f" * 32, NAME, "EUR", OfflineCode(number, 1_000))


def test_a_session_starts_from_a_code_typed_without_network(broke):
    broke.tap("front")
    assert broke.state("laser") == "free"

    assert broke.type_code("laser", code(1, 100)) == ("Credited", "€1.00")
    broke.tap("front")
    broke.run(5 * MINUTE_MS)
    broke.tap("front")
    broke.run(1_000)

    (redeemed,) = broke.kinds(CodeRedeemed)
    assert (redeemed.code, redeemed.account, redeemed.amount_minor) == (1, "anna", 100)
    assert redeemed.totals.taken_in == 100
    (ended,) = broke.kinds(SessionEnded)
    assert (ended.backed_minor, ended.unbacked_minor) == (50, 0)
    assert rights(broke).backed_minor == 50


def test_the_same_code_again_is_refused_also_after_a_power_cut(broke):
    broke.tap("front")
    broke.type_code("laser", code(7))

    assert broke.type_code("laser", code(7))[0] == "Code was used"
    broke.restart()
    broke.tap("front")
    assert broke.type_code("laser", code(7))[0] == "Code was used"

    assert len(broke.kinds(CodeRedeemed)) == 1
    assert rights(broke).taken_in_minor == 1_000
    assert refusals(broke)[-1] == Code.CODE_USED


def test_codes_are_used_in_any_order_within_the_window(broke):
    broke.tap("front")
    for counter in (WINDOW + 1, 2, 3, WINDOW):
        assert broke.type_code("laser", code(counter, 1)) == ("Credited", "€0.01")

    assert broke.type_code("laser", code(1, 1))[0] == "Code has expired"
    assert refusals(broke)[-1] == Code.CODE_EXPIRED
    assert rights(broke).taken_in_minor == 4


def test_a_code_lets_a_running_session_go_on(broke):
    broke.tap("front")
    broke.type_code("laser", code(1, 20))
    broke.tap("front")
    broke.run(MINUTE_MS)

    broke.type_code("laser", code(2, 20))
    broke.run(2 * MINUTE_MS)

    assert broke.state("laser") == "running"
    broke.run(2 * MINUTE_MS)
    assert broke.kinds(SessionEnded)[0].charge_minor == 40


def test_a_code_wakes_a_machine_that_waits_for_a_top_up(broke):
    machine = Machine(id="laser", name="Laser", tariff="minute", at_zero=AtZero.PROMPT_TOP_UP)
    broke.configure(machines=(machine,))
    broke.tap("front")
    broke.type_code("laser", code(1, 20))
    broke.tap("front")
    broke.run(3 * MINUTE_MS)
    assert broke.state("laser") == "paused"

    broke.type_code("laser", code(2, 100))
    broke.run(1_000)

    assert broke.is_on("laser")


def test_the_code_is_for_the_card_tapped_last(broke):
    broke.tap("front")
    broke.tap("front", BERT)
    broke.type_code("laser", code(1))

    assert broke.kinds(CodeRedeemed)[0].account == "bert"


def test_a_code_without_a_card_is_kept_for_later(broke):
    assert broke.type_code("laser", code(1))[0] == "Tap your card first"
    broke.tap("front")
    broke.run(TYPE_WITHIN_MS)
    assert broke.type_code("laser", code(1))[0] == "Tap your card first"

    broke.tap("front")
    assert broke.type_code("laser", code(1))[0] == "Credited"


def test_a_code_typed_long_after_the_tap_is_for_who_uses_the_machine(offline):
    offline.tap("front")
    offline.run(TYPE_WITHIN_MS + 1_000)
    offline.type_code("laser", code(1))

    assert offline.kinds(CodeRedeemed)[0].account == "anna"


def test_a_mistyped_code_costs_no_try_and_is_not_journalled(broke):
    broke.tap("front")
    wrong = code(1)[:-1] + str((int(code(1)[-1]) + 1) % 10)
    for _ in range(2 * TRIES_MAX):
        assert broke.type_code("laser", wrong) == ("Code isn't valid", "Check every digit")

    assert broke.type_code("laser", code(1))[0] == "Credited"
    assert Code.CODE_INVALID not in refusals(broke)


def test_wrong_codes_are_slowed_down(broke):
    broke.run(10 * TRY_EVERY_MS)
    broke.tap("front")
    for number in range(TRIES_MAX):
        assert broke.type_code("laser", forged(number + 1))[0] == "Code isn't valid"

    assert broke.type_code("laser", code(1))[0] == "Too many wrong codes"
    broke.tap("back")
    assert broke.type_code("washer", code(1))[0] == "Too many wrong codes"
    broke.run(TRY_EVERY_MS)
    broke.tap("front")
    assert broke.type_code("laser", forged(9))[0] == "Code isn't valid"
    assert broke.type_code("laser", forged(10))[0] == "Too many wrong codes"
    broke.run(TRY_EVERY_MS)
    broke.tap("front")
    assert broke.type_code("laser", code(1))[0] == "Credited"


def test_cutting_the_power_gives_no_more_tries(broke):
    for number in range(3):
        broke.restart()
        broke.tap("front")
        assert broke.type_code("laser", forged(number + 1))[0] == "Code isn't valid"
        assert broke.type_code("laser", forged(number + 11))[0] == "Too many wrong codes"


def test_an_expired_code_is_refused_once_the_time_is_known(broke):
    ends_ms = end_of_year_ms(2026)
    broke.clock.jump_wall(ends_ms - broke.clock.now().wall_ms)
    broke.tap("front")

    assert broke.type_code("laser", code(1, last_year=2026))[0] == "Credited", "clock not trusted"

    broke.link.wanted = True
    broke.run(2_000)
    broke.tap("front")
    assert broke.type_code("laser", code(2, last_year=2026))[0] == "Code has expired"
    assert broke.type_code("laser", code(3, last_year=2027))[0] == "Credited"
    assert refusals(broke)[-1] == Code.CODE_EXPIRED


@pytest.mark.parametrize("standing", [Standing.BLOCKED, Standing.CLOSED])
def test_a_blocked_card_keeps_its_code(broke, standing):
    broke.cards(entry(floor_minor=0, standing=standing))
    broke.tap("front")
    broke.type_code("laser", code(1))
    assert broke.kinds(CodeRedeemed) == []

    broke.cards(entry(floor_minor=0))
    assert broke.type_code("laser", code(1))[0] == "Credited"


def test_a_code_of_another_unit_goes_to_that_purse_or_is_refused(broke):
    broke.configure(tariffs=(PER_MINUTE, ONE_WASH))
    broke.cards(
        entry(floor_minor=0, purses={"WSH": "anna-washes"}), entry(BERT, "bert", floor_minor=0)
    )
    broke.tap("back", BERT)
    assert broke.type_code("washer", code(1, 3, unit="WSH"))[0] == "Card can't pay this"

    broke.tap("back")
    assert broke.type_code("washer", code(1, 3, unit="WSH")) == ("Credited", "3 WSH")
    broke.tap("back")

    assert broke.kinds(CodeRedeemed)[0].account == "anna-washes"
    assert broke.kinds(SessionStarted)[0].account == "anna-washes"
    mismatch = Code.UNIT_MISMATCH
    assert refusals(broke) == [mismatch, mismatch, Code.BALANCE_TOO_LOW_OFFLINE]


def test_a_code_of_another_controller_is_not_valid_here(broke):
    broke.tap("front")
    other = write_code(b"k" * 32, "laundry-2", "EUR", OfflineCode(1, 1_000))

    assert broke.type_code("laser", other)[0] == "Code isn't valid"


def test_a_controller_that_enrolled_before_there_were_codes_says_so(offline):
    save_identity(offline.folder, identity(code_key=b""))
    offline.restart()
    offline.tap("front")

    assert offline.type_code("laser", code(1)) == ("No codes here yet", "Ask the staff")
    found = {one.what: one.words for one in examine(offline.config, offline.clock, offline.parts)}
    assert "re-enrol" in found["offline codes"]


def test_the_key_is_readable_by_the_agent_s_user_only(offline):
    assert (offline.folder / IDENTITY_NAME).stat().st_mode & 0o077 == 0


def test_nothing_is_credited_when_it_cannot_be_journalled(broke, monkeypatch):
    broke.tap("front")
    records = broke.agent._wires.records

    def full(*_):
        raise StoreCorrupt("no room")

    monkeypatch.setattr(records.accounts, "keep_totals", full)
    broke.type_code("laser", code(1))
    assert "Credited" not in broke.lines("laser")
    monkeypatch.undo()
    broke.restart()

    assert rights(broke).taken_in_minor == 0
    broke.tap("front")
    assert broke.type_code("laser", code(1))[0] == "Credited"


def test_typed_money_stays_for_the_next_tap_until_the_hub_can_have_it(broke):
    broke.tap("front")
    broke.type_code("laser", code(1))
    broke.run(3 * MINUTE_MS)
    assert broke.kinds(Released) == []

    broke.link.wanted = True
    broke.run(2 * MINUTE_MS)

    (released,) = broke.kinds(Released)
    assert released.amount_minor == 1_000
    assert released.totals.taken_in == 1_000


def test_a_journal_whose_window_lost_a_code_is_taken_for_damaged(broke):
    broke.tap("front")
    broke.type_code("laser", code(5))
    broke.agent.close()
    store = Store(broke.folder, 1 << 30)
    with store.transaction() as sql:
        sql.execute("DELETE FROM meta WHERE key = 'used_codes'")

    alarm, _ = check(Records(store, NAME))

    assert alarm is not None
    assert "code 5" in alarm.words
    store.close()


@given(st.lists(st.one_of(st.integers(1, 40), st.integers(WINDOW - 20, WINDOW + 60)), max_size=60))
def test_the_window_says_what_a_list_of_all_codes_would(counters):
    used, taken, highest = UsedCodes(), set(), 0
    for counter in counters:
        expected = Use.USED if counter in taken else Use.FRESH
        if counter <= highest - WINDOW:
            expected = Use.TOO_OLD
        assert used.use_of(counter) is expected
        if expected is Use.FRESH:
            used = used.with_used(counter)
            taken.add(counter)
            highest = max(highest, counter)
        else:
            with pytest.raises(ValueError, match="again"):
                used.with_used(counter)
    assert used.bits < 1 << WINDOW


def test_the_window_is_kept_as_it_is(broke):
    broke.tap("front")
    for counter in (4, 9, 2):
        broke.type_code("laser", code(counter, 1))

    kept = load_used_codes(broke.agent._wires.records.store)

    assert [counter for counter in range(1, 11) if kept.use_of(counter) is Use.USED] == [2, 4, 9]


def test_a_code_is_not_for_the_card_before_when_the_last_one_was_not_known(broke):
    broke.tap("front")
    broke.tap("front", bytes.fromhex("04998877665544"))

    assert broke.type_code("laser", code(1)) == ("Tap your card first", "Then type the code")
    assert rights(broke).taken_in_minor == 0
