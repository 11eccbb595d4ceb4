"""The auditor says nothing of a day that went right, and finds what is spoiled in its records."""

from __future__ import annotations

import pytest
from audited import Fact, Records, begun, found_in, kinds_of, live_through

from simulator.trials.audit import Invariant


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Records:
    """What is left of a day that went right, and of its hub."""
    folder = tmp_path_factory.mktemp("day")
    with begun(folder / "lived") as day:
        live_through(day)
        assert day.found == []
        assert day.auditor.check_end() == []
        return day.records.copy(folder / "kept")


@pytest.fixture
def records(kept, tmp_path) -> Records:
    return kept.copy(tmp_path / "spoiled")


def test_a_day_that_went_right_has_nothing_to_find(records):
    assert found_in(records) == []


def test_the_day_had_everything_in_it(kept):
    """Else silence would mean little: charges of every kind, and all of it known to the model."""
    kinds = {fact.kind for fact in kept.facts}
    assert kinds >= {"relay_on", "relay_off", "cut", "healed", "exposure_shown", "cash_in"}
    hub = found_in_hub(kept)
    assert hub >= {"top_up", "session", "grant", "release", "cash", "refund", "payout"}


def found_in_hub(records: Records) -> set[str]:
    from simulator.trials.audit.hub_file import HubFile

    hub = HubFile(records.hub)
    hub.look()
    hub.close()
    return {item.kind for item in hub.items.values()}


SPOILED_BOOKS = {
    "a balance that nobody moved": (
        Invariant.FOLDED,
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE code = 'EUR:wallet/ann'",
        "EUR:wallet/ann",
    ),
    "money from nowhere": (
        Invariant.CONSERVED,
        "UPDATE ledger_accounts SET balance = balance + 7 WHERE code = 'EUR:revenue/washer'",
        "come to 7",
    ),
    "an amount that changed": (
        Invariant.FOLDED,
        "UPDATE transfers SET amount = amount + 1 WHERE item = 'top_ann'",
        "EUR:cash/counter",
    ),
    "a transfer into another unit": (
        Invariant.CONSERVED,
        (
            "UPDATE ledger_accounts SET unit = 'USD', code = 'USD:wallet/bob'"
            " WHERE code = 'EUR:wallet/bob'"
        ),
        "USD:wallet/bob",
    ),
    "a limit that is gone": (
        Invariant.LIMITED,
        "UPDATE ledger_accounts SET balance_min = NULL WHERE code = 'EUR:escrow/ann'",
        "EUR:escrow/ann",
    ),
    "a limit that was passed on the way": (
        Invariant.LIMITED,
        "UPDATE ledger_accounts SET balance_min = 400 WHERE code = 'EUR:wallet/bob'",
        "below its limit 400",
    ),
    "an item without its transfers": (
        Invariant.SINGLE,
        "DELETE FROM transfers WHERE item = 'pay_1'",
        "pay_1 moves nothing",
    ),
    "a transfer without its item": (
        Invariant.SINGLE,
        "DELETE FROM items WHERE id = 'top_bob_2'",
        "top_bob_2",
    ),
    "a payout of another sum": (
        Invariant.SINGLE,
        "UPDATE transfers SET amount = 401 WHERE item = 'pay_1'",
        "pay_1 moves 401",
    ),
    "a refund that was booked as more than the charge": (
        Invariant.SINGLE,
        "UPDATE transfers SET amount = amount + 200 WHERE item = 'rfd_1'",
        "ses_pi-1_1 moved 200",
    ),
    "given money that was paid out": (
        Invariant.LIMITED,
        (
            "UPDATE transfers SET debit = (SELECT id FROM ledger_accounts"
            " WHERE code = 'EUR:escrow/ann') WHERE item = 'pay_1'"
        ),
        "pay_1 is a payout",
    ),
    "a right that was overdrawn": (
        Invariant.BACKED,
        "UPDATE allowances SET spent_minor = spent_minor + 1000 WHERE account = 'ann'",
        "overdrawn",
    ),
    "a right that nothing stands behind": (
        Invariant.BACKED,
        "UPDATE allowances SET granted_minor = granted_minor + 10 WHERE account = 'ann'",
        "rights of ann",
    ),
    "a top-up that was booked as more than was asked for": (
        Invariant.SAME_LEDGER,
        "UPDATE payments SET amount_minor = amount_minor - 1 WHERE id = 'top_ann'",
        "ann is worth",
    ),
    "an overrun beside money to spend": (
        Invariant.SAME_LEDGER,
        "UPDATE ledger_accounts SET balance = -1 WHERE code = 'EUR:overrun/bob'",
        "bob owes 1 beyond its rights",
    ),
    "a session that was charged to the wrong one": (
        Invariant.BOOKED_ONCE,
        (
            "UPDATE transfers SET debit = (SELECT id FROM ledger_accounts"
            " WHERE code = 'EUR:wallet/ann') WHERE item = 'ses_pi-2_1'"
            " AND debit = (SELECT id FROM ledger_accounts WHERE code = 'EUR:wallet/bob')"
        ),
        "EUR:wallet/ann pays",
    ),
    "a fact that isn't booked": (
        Invariant.BOOKED_ONCE,
        "DELETE FROM items WHERE id = 'ses_pi-1_2'",
        "ses_pi-1_2 charged 300, nothing is booked",
    ),
    "a charge that no machine made": (
        Invariant.BOOKED_ONCE,
        "UPDATE items SET kind = 'session' WHERE id = 'top_ann'",
        "top_ann",
    ),
    "coins that were booked as less": (
        Invariant.BOOKED_ONCE,
        "UPDATE transfers SET amount = 5 WHERE item = 'csh_1'",
        "csh_1 brought 50, 5 is booked",
    ),
    "an event that is gone": (
        Invariant.GAPS_SHOWN,
        "DELETE FROM events WHERE controller = 'pi-1' AND seq = 3",
        "pi-1",
    ),
    "an event that is another": (
        Invariant.GAPS_SHOWN,
        (
            "UPDATE events SET body = CAST(replace(body, 'boot_id', 'boot_if') AS BLOB)"
            " WHERE controller = 'pi-1' AND seq = 2"
        ),
        "event 2 of pi-1",
    ),
    "a gap that isn't there": (
        Invariant.GAPS_SHOWN,
        "UPDATE journals SET gap_seq = 99 WHERE controller = 'pi-2'",
        "pi-2",
    ),
    "money that nobody waits for": (
        Invariant.DRAINED,
        "UPDATE allowances SET granted_minor = granted_minor + 10 WHERE account = 'ann'",
        "10 of ann",
    ),
    "a price list that says otherwise": (
        Invariant.CHARGED,
        "UPDATE tariffs SET definition = replace(definition, '100000', '110000')",
        "its use costs",
    ),
}


@pytest.mark.parametrize("what", SPOILED_BOOKS)
def test_a_spoiled_book_is_found(records, what):
    invariant, sql, words = SPOILED_BOOKS[what]
    records.spoil(sql)

    breaches = [one for one in found_in(records) if one.invariant is invariant]

    assert any(words in one.words for one in breaches), breaches


def test_a_confirmed_request_that_is_not_booked_is_found(records):
    asked = (("id", "top_lost"), ("action", "top_up"), ("account", "ann"), ("minor", 5))
    at_ms = records.facts[-1].at_ms
    records.facts.append(Fact(at_ms, "staff_asked", "staff", asked))
    answered = (("id", "top_lost"), ("outcome", "done"))
    records.facts.append(Fact(at_ms, "staff_answered", "staff", answered))

    found = found_in(records)

    assert [one.words for one in found] == ["top_lost was confirmed to staff, and isn't booked"]


def test_a_refused_request_that_is_booked_is_found(records):
    for place, fact in enumerate(records.facts):
        if fact.kind == "staff_answered" and ("id", "pay_1") in fact.what:
            what = (("id", "pay_1"), ("outcome", "refused"))
            records.facts[place] = fact._replace(what=what)

    assert kinds_of(found_in(records)) == {Invariant.SINGLE}


@pytest.mark.parametrize("kind", ["cash_in", "cash_out"])
def test_cash_that_the_witness_did_not_see_is_found(records, kind):
    records.forget(kind)

    assert kinds_of(found_in(records)) == {Invariant.DRAWER}


def test_a_disk_that_lost_its_last_events_is_found(records):
    records.spoil("DELETE FROM journal WHERE seq > 5", disk="pi-1")

    found = [one for one in found_in(records) if one.invariant is Invariant.POWER_CUT]

    assert any("pi-1 lost events 6 to" in one.words for one in found), found


def test_a_disk_that_holds_an_event_twice_is_found(records):
    records.spoil(
        "INSERT INTO journal (seq, data, hash) SELECT max(seq) + 1, (SELECT data FROM journal"
        " WHERE CAST(data AS TEXT) LIKE '%session_started%'), zeroblob(32) FROM journal",
        disk="pi-1",
    )

    found = [one.words for one in found_in(records) if one.invariant is Invariant.POWER_CUT]

    assert any("once more" in words for words in found), found


def test_an_acknowledgement_of_what_the_hub_has_not_is_found(records):
    records.spoil("UPDATE meta SET value = 1000 WHERE key = 'acked_seq'", disk="pi-2")

    found = [one.words for one in found_in(records) if one.invariant is Invariant.POWER_CUT]

    assert len(found) == 1
    assert "pi-2 was told that 1000 are booked" in found[0]


def test_a_right_that_the_hub_never_gave_is_found(records):
    records.spoil("UPDATE rights SET granted = granted + 50 WHERE account = 'ann'", disk="pi-1")

    assert kinds_of(found_in(records)) == {Invariant.BACKED}


def test_totals_that_are_not_the_journals_are_found(records):
    records.spoil("UPDATE rights SET unbacked = unbacked + 1", disk="pi-2")

    assert kinds_of(found_in(records)) == {Invariant.BACKED}


def test_events_that_never_reach_the_hub_are_found(records):
    records.spoil(
        "INSERT INTO journal (seq, data, hash) SELECT max(seq) + 1,"
        """ CAST('{"kind":"boot","seq":99}' AS BLOB), zeroblob(32) FROM journal""",
        disk="pi-2",
    )

    found = [one.words for one in found_in(records) if one.invariant is Invariant.GAPS_SHOWN]

    assert len(found) == 1
    assert "nothing is shown" in found[0]


def test_a_floor_of_an_account_that_is_closed_is_found(records):
    records.spoil("UPDATE accounts SET state = 'closed' WHERE id = 'ann'")
    records.spoil("UPDATE rights SET floor = 100 WHERE account = 'ann'", disk="pi-1")

    assert kinds_of(found_in(records)) == {Invariant.EXPOSED}


def test_a_journal_that_branched_off_and_is_still_trusted_is_found(records):
    at_ms = records.facts[-1].at_ms
    records.facts.append(Fact(at_ms, "disk", "pi-1", (("fault", "lost_tail"),)))
    records.spoil("DELETE FROM journal WHERE seq > 5", disk="pi-1")
    assert found_in(records) == [], "it is behind, and has said nothing else yet"
    records.spoil(
        "INSERT INTO journal (seq, data, hash) SELECT 6,"
        """ CAST('{"kind":"boot","seq":6}' AS BLOB), zeroblob(32)""",
        disk="pi-1",
    )

    found = [one.words for one in found_in(records) if one.invariant is Invariant.POWER_CUT]

    assert len(found) == 1
    assert "pi-1 has other events up to 6 than the hub" in found[0]
