"""The auditor finds what goes wrong while it watches: contacts, outages, journals as they grow."""

from __future__ import annotations

import pytest
from audited import Records, begun, found_in, kinds_of

from simulator.trials.audit import Auditor, Invariant
from wire.events import ConfigApplied, Ended


def test_what_changes_after_its_commit_is_found_in_the_end(day):
    day.look()
    copy = day.records.copy(day.records.folder.parent / "changed")
    auditor = watching(copy)
    assert auditor.check_now() == []
    copy.spoil("UPDATE items SET reason = 'x', ref = 'other' WHERE id = 'top_ann'")

    found = auditor.check_end()
    auditor.close()

    assert [one.invariant for one in found] == [Invariant.SINGLE]


@pytest.fixture
def day(tmp_path):
    with begun(tmp_path / "lived") as day:
        yield day


def watching(records: Records):
    return Auditor(records.observation())


def test_a_relay_without_a_journalled_session_is_found(day):
    day.see("relay_on", "pi-1", machine="washer", pulses=0)

    found = day.auditor.check_now()

    assert kinds_of(found) == {Invariant.JOURNAL_FIRST}
    assert "washer at pi-1" in found[0].words


def test_a_relay_that_was_welded_is_no_fault_of_the_journal(day):
    day.see("part", "pi-1", machine="washer", fault="relay", begins=1)
    day.see("relay_on", "pi-1", machine="washer", pulses=0)

    assert day.auditor.check_now() == []


@pytest.mark.parametrize(("minutes", "word"), [(5, "was charged for"), (25, "ran for")])
def test_use_that_did_not_happen_so_is_found(day, minutes, word):
    """Ten minutes are journalled, and the contact was closed for less, or for more."""
    till = day.tills["pi-1"]
    till.start("ses_odd", "ann", "washer")
    day.write("pi-1")
    day.see("relay_on", "pi-1", machine="washer", pulses=0)
    day.desk.clock.advance(minutes * 60_000)
    day.see("relay_off", "pi-1", machine="washer", pulses=0)
    till.end("ses_odd", "ann", "washer", (0, 100), minutes=10)
    day.write("pi-1")
    day.sync()

    found = day.auditor.check_now()

    assert kinds_of(found) == {Invariant.CHARGED}
    assert word in found[0].words


def test_spending_beyond_what_was_shown_is_found(day):
    for account in ("ann", "bob"):
        shown = day.desk.exposure(account)["pi-2"]
        day.see("exposure_shown", "pi-2", account=account, minor=shown)
    day.see("cut", "pi-2")
    day.use("pi-2", "bob", 51)
    assert kinds_of(day.auditor.check_now()) == {Invariant.EXPOSED}

    day.see("healed", "pi-2")
    day.sync()

    found = day.auditor.check_end()
    assert kinds_of(found) == {Invariant.EXPOSED}
    assert "pi-2 spent 510 of bob" in found[0].words


def test_a_controller_that_begins_anew_is_trusted_again(day):
    till = day.tills["pi-1"]
    day.see("disk", "pi-1", fault="lost_tail")
    day.records.spoil("UPDATE meta SET value = 'epo_other' WHERE key = 'epoch'", disk="pi-1")
    day.see("healed", "pi-1")
    day.see("disk", "pi-1", fault="begun_anew")
    day.records.spoil("UPDATE meta SET value = ? WHERE key = 'epoch'", till.epoch, disk="pi-1")
    assert day.auditor.check_now() == [], "what happened before is over"
    till.append(ConfigApplied, version=3)
    till.append(ConfigApplied, version=2)

    assert "configuration 2 after 3" in the_only_one(journalled(day), Invariant.SINGLE)


def test_a_clone_is_not_held_against_the_journal_of_the_other(day):
    day.records.names.append("pi-1-clone")
    day.records.disk("pi-1-clone").write_bytes(day.records.disk("pi-1").read_bytes())

    assert found_in(day.records) == []


def test_a_relay_that_stays_on_after_its_session_is_found(day):
    till = day.tills["pi-1"]
    till.start("ses_on", "ann", "washer")
    day.write("pi-1")
    day.see("relay_on", "pi-1", machine="washer", pulses=0)
    assert day.auditor.check_now() == []
    till.end("ses_on", "ann", "washer", (0, 0))
    day.write("pi-1")

    found = day.auditor.check_now()

    assert kinds_of(found) == {Invariant.JOURNAL_FIRST}
    assert "stays on" in found[0].words


def test_rights_that_are_given_back_in_the_middle_of_a_session_are_found(day):
    day.want("pi-1", "ann", 500)
    till = day.tills["pi-1"]
    till.start("ses_on", "ann", "washer")
    till.release("ann", till.backed("ann"))
    till.end("ses_on", "ann", "washer", (0, 0))

    assert "while ses_on is open" in the_only_one(journalled(day), Invariant.BACKED)


def test_a_session_that_a_start_forgets_is_found(day):
    till = day.tills["pi-1"]
    till.start("ses_on", "ann", "washer")
    till.boot()

    assert "ses_on was open at a start, and isn't settled" in the_only_one(journalled(day))


def test_a_cut_session_that_is_charged_beyond_its_checkpoint_is_found(day):
    till = day.tills["pi-1"]
    till.start("ses_on", "ann", "washer")
    till.boot()
    till.end("ses_on", "ann", "washer", (0, 20), minutes=2, reason=Ended.POWER_LOST)

    assert "its last checkpoint says 0" in the_only_one(journalled(day))


def test_an_older_configuration_that_is_applied_again_is_found(day):
    till = day.tills["pi-1"]
    till.append(ConfigApplied, version=3)
    till.append(ConfigApplied, version=2)

    found = journalled(day)
    assert "applies configuration 2 after 3" in the_only_one(found, Invariant.SINGLE)


def journalled(day) -> list:
    day.sync()
    return day.auditor.check_now()


def the_only_one(found, invariant=Invariant.POWER_CUT) -> str:
    assert [one.invariant for one in found] == [invariant]
    return found[0].words


def test_an_acknowledgement_that_a_crash_belied_is_found_at_once(day):
    day.see("crashed", "hub")
    assert day.auditor.check_now() == []
    day.records.spoil("UPDATE meta SET value = 50 WHERE key = 'acked_seq'", disk="pi-2")
    day.see("started", "hub")
    day.records.spoil("UPDATE meta SET value = 0 WHERE key = 'acked_seq'", disk="pi-2")

    assert "pi-2 was told that 50 are booked" in the_only_one(day.auditor.check_now())


def test_what_was_seen_before_an_auditor_came_counts_once(day):
    day.see("cash_in", "counter", account="ann", minor=300)
    auditor = watching(day.records)
    day.see("cash_out", "counter", account="ann", minor=300)
    auditor.saw(day.records.observation().facts[-1])

    found = auditor.check_end()
    auditor.close()

    assert Invariant.DRAWER not in kinds_of(found)
