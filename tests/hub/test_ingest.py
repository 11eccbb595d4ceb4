"""Batches from controllers, booked on a real database."""

from __future__ import annotations

import pytest
from desk import card_of

from simulator.light_controller import LightController
from wire import topics
from wire.codec import Format, encode
from wire.errors import Code
from wire.events import MachineFault
from wire.keys import Signer


@pytest.fixture
def washer(desk):
    controller = desk.add_controller("pi-1", "washer")
    desk.add_account("ann", 2_000)
    controller.boot()
    return controller


def a_session(controller, name="ses_1", shares=(0, 500)):
    controller.start(name, "ann", "washer")
    controller.wall_ms += 3_600_000
    controller.end(name, "ann", "washer", shares, minutes=sum(shares) // 10)


def test_a_session_is_charged_once_however_often_it_comes(desk, washer):
    a_session(washer)

    for _ in range(3):
        desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.balance("EUR:revenue/washer") == 420
    assert desk.balance("EUR:tax/190000") == 80
    assert desk.rows("SELECT state, charge_minor, tax_minor FROM sessions") == [("ended", 500, 80)]
    assert desk.alarm_codes() == []
    assert desk.faults() == []


def test_a_controller_on_a_metered_link_speaks_messagepack(desk, washer):
    washer.format = Format.MSGPACK
    washer.begin("epo_packed")
    washer.boot()
    a_session(washer)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.faults() == []


def test_the_ack_says_what_is_committed(desk, washer):
    a_session(washer)
    desk.journal(washer)

    desk.step()

    ack = desk.taken("pi-1", topics.DOWN_ACK)[-1]
    assert (ack.epoch, ack.through_seq) == (washer.epoch, 3)
    assert ack.head_hash == washer.hashes[3].hex()


def test_a_batch_that_begins_earlier_is_trimmed(desk, washer):
    a_session(washer, "ses_1")
    desk.journal(washer)
    a_session(washer, "ses_2")

    desk.journal(washer, washer.batch(2, 5))

    assert desk.wallet("ann") == 1_000
    assert desk.rows("SELECT through_seq FROM journals") == [(5,)]


def test_a_gap_books_nothing_raises_an_alarm_and_is_cleared_when_filled(desk, washer):
    a_session(washer)
    desk.journal(washer, washer.batch(1, 1))

    desk.journal(washer, washer.batch(3, 3))
    assert desk.wallet("ann") == 2_000
    assert desk.alarm_codes() == [Code.JOURNAL_GAP]
    assert desk.rows("SELECT through_seq, gap_seq FROM journals") == [(1, 3)]
    desk.step()
    assert desk.taken("pi-1", topics.DOWN_ACK)[-1].through_seq == 1

    desk.journal(washer, washer.batch(2, 3))
    assert desk.wallet("ann") == 1_500
    assert desk.alarm_codes() == []
    assert desk.rows("SELECT through_seq, gap_seq FROM journals") == [(3, None)]


def test_a_gap_before_the_first_batch_of_a_journal_is_cleared_when_that_comes(desk, washer):
    a_session(washer)

    desk.journal(washer, washer.batch(2, 3))
    assert desk.alarm_codes() == [Code.JOURNAL_GAP]

    desk.journal(washer, washer.batch(1, 3))
    assert desk.alarm_codes() == []
    assert desk.wallet("ann") == 1_500


def test_a_forged_batch_is_nothing_but_an_alarm(desk, washer):
    a_session(washer)
    thief = Signer(b"t" * 32, "pi-1")

    desk.journal(washer, washer.batch(1, 3, signer=thief))
    desk.step()

    assert desk.rows("SELECT count(*) FROM events") == [(0,)]
    assert desk.taken("pi-1", topics.DOWN_ACK) == []
    assert desk.alarm_codes() == [Code.SIGNATURE_INVALID]


def test_one_controller_cannot_speak_for_another(desk, washer):
    other = desk.add_controller("pi-2", "dryer")
    a_session(washer)

    desk.deliver(other, topics.UP_JOURNAL, washer.batch(1, 3))

    assert desk.rows("SELECT count(*) FROM events") == [(0,)]
    assert desk.alarm_codes() == [Code.SIGNATURE_INVALID]


def test_a_changed_byte_refuses_the_batch_whole_and_is_kept_apart(desk, washer):
    a_session(washer)
    payload = washer.batch(1, 3).replace(b'"charge_minor":500', b'"charge_minor":100')

    desk.journal(washer, payload)
    desk.step()

    assert desk.wallet("ann") == 2_000
    assert desk.taken("pi-1", topics.DOWN_ACK) == []
    assert desk.alarm_codes() == [Code.JOURNAL_CORRUPT]
    assert desk.rows("SELECT controller FROM quarantine") == [("pi-1",)]
    desk.journal(washer)
    assert desk.wallet("ann") == 1_500


def test_a_restored_older_journal_is_quarantined_until_a_person_decides(desk, washer):
    a_session(washer)
    desk.journal(washer)
    desk.step()
    desk.taken("pi-1", topics.DOWN_ACK)
    washer.events, washer.hashes = washer.events[:1], washer.hashes[:2]
    a_session(washer, "ses_other", (0, 300))

    desk.journal(washer, washer.batch(2, 3))
    a_session(washer, "ses_third", (0, 300))
    desk.journal(washer, washer.batch(4, 5))
    desk.step()

    assert desk.wallet("ann") == 1_500
    assert desk.rows("SELECT state FROM controllers") == [("quarantined",)]
    assert desk.alarm_codes() == [Code.JOURNAL_FORK]
    assert len(desk.rows("SELECT id FROM quarantine")) == 2
    assert desk.taken("pi-1", topics.DOWN_ACK) == []
    assert desk.faults() == []


def test_a_new_journal_is_taken_and_the_old_ones_rights_are_at_risk(desk, washer):
    a_session(washer)
    desk.journal(washer)

    washer.begin("epo_2")
    washer.boot()
    a_session(washer, "ses_2", (0, 100))
    desk.journal(washer)

    assert desk.wallet("ann") == 1_400
    assert desk.alarm_codes() == [Code.JOURNAL_CORRUPT]
    assert desk.rows("SELECT epoch FROM controllers") == [("epo_2",)]


def test_facts_of_the_old_journal_are_still_booked(desk, washer):
    a_session(washer)
    late = washer.batch(1, 3)
    desk.journal(washer, washer.batch(1, 1))
    washer.begin("epo_2")
    washer.boot()
    desk.journal(washer)

    desk.journal(washer, late)

    assert desk.wallet("ann") == 1_500
    assert desk.rows("SELECT epoch FROM controllers") == [("epo_2",)]
    assert desk.faults() == []


def test_what_costs_more_than_the_wallet_has_is_overrun_never_a_negative_wallet(desk, washer):
    a_session(washer, shares=(0, 2_700))

    desk.journal(washer)

    assert (desk.wallet("ann"), desk.overrun("ann")) == (0, 700)
    assert desk.rows("SELECT unbacked_minor, overrun_minor FROM sessions") == [(2_700, 700)]
    assert desk.faults() == []


def test_more_backed_than_the_hub_granted_is_unbacked_and_an_alarm(desk, washer):
    a_session(washer, shares=(500, 0))

    desk.journal(washer)

    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_500, 0)
    assert desk.rows("SELECT backed_minor, unbacked_minor FROM sessions") == [(0, 500)]
    assert desk.alarm_codes() == [Code.BEYOND_RIGHTS]
    assert desk.faults() == []


def test_an_unknown_kind_is_kept_and_flagged_and_what_follows_is_booked(desk, washer):
    stamp = encode(washer.stamp())
    washer.append_bytes(b'{"kind":"sang_a_song","seq":2,"at":' + stamp + b',"song":"x"}')
    a_session(washer)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.alarm_codes() == [Code.EVENT_UNKNOWN]
    kinds = [row[0] for row in desk.rows("SELECT kind FROM events ORDER BY seq")]
    assert kinds == ["boot", "sang_a_song", "session_started", "session_ended"]


@pytest.mark.parametrize("data", [b"{}", b"[1,2]", b'{"kind":"boot","seq":99}'])
def test_an_event_that_cannot_be_read_does_not_hold_up_the_journal(desk, washer, data):
    washer.append_bytes(data)
    a_session(washer)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.alarm_codes() == [Code.BODY_MALFORMED]


NONSENSE = (b"", b"{", b"null", b"\xff" * 9, b"[" * 4_000, b'{"header":1}', b"x" * 2_000_000)


def test_nonsense_on_any_topic_harms_nothing(desk, washer):
    a_session(washer)

    for leaf in sorted(topics.LEAVES_UP):
        for payload in NONSENSE:
            desk.deliver(washer, leaf, payload)
    desk.journal(washer)

    assert desk.wallet("ann") == 1_500


def test_a_flood_of_nonsense_is_one_alarm(desk, washer):
    for _ in range(50):
        desk.deliver(washer, topics.UP_JOURNAL, b"{")

    assert desk.rows("SELECT code, count FROM alarms") == [(Code.BODY_MALFORMED, 1)]


def test_facts_of_an_unknown_account_are_booked_to_a_blocked_one(desk, washer):
    washer.start("ses_1", "nobody", "washer")
    washer.end("ses_1", "nobody", "washer", (0, 500), minutes=50)
    washer.start("ses_2", "../etc/passwd", "washer")
    washer.end("ses_2", "../etc/passwd", "washer", (0, 100), minutes=10)

    desk.journal(washer)

    assert desk.overrun("nobody") == 500
    assert desk.balance("EUR:revenue/washer") + desk.balance("EUR:tax/190000") == 600
    assert Code.ACCOUNT_UNKNOWN in desk.alarm_codes()
    assert desk.rows("SELECT count(*) FROM accounts WHERE state = 'blocked'") == [(2,)]
    assert desk.faults() == []


def test_facts_of_a_closed_account_are_booked(desk, washer):
    from hub.people.accounts import close_account

    a_session(washer)
    desk.run(lambda tx: close_account(tx, "ann"))

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500


def test_a_session_id_used_by_two_controllers_charges_both(desk, washer):
    other = desk.add_controller("pi-2", "dryer")
    a_session(washer, "ses_1", (0, 500))
    other.start("ses_1", "ann", "dryer")
    other.wall_ms += 3_600_000
    other.end("ses_1", "ann", "dryer", (0, 100), minutes=10)

    desk.journal(washer)
    desk.journal(other)

    assert desk.wallet("ann") == 1_400
    assert desk.rows("SELECT id, charge_minor FROM sessions ORDER BY id") == [
        ("ses_1", 500),
        ("ses_1@pi-2/epo_pi-2", 100),
    ]
    assert desk.alarm_codes() == [Code.ID_CONFLICT]
    assert desk.faults() == []


def test_a_price_that_the_hub_does_not_agree_with_is_booked_and_shown(desk, washer):
    washer.start("ses_1", "ann", "washer")
    washer.wall_ms += 3_600_000
    washer.end("ses_1", "ann", "washer", (0, 600), minutes=50)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_400
    assert desk.rows("SELECT charge_minor, rerated_minor FROM sessions") == [(600, 500)]
    assert desk.alarm_codes() == [Code.PRICE_DIFFERS]


def test_a_released_session_costs_nothing_and_raises_nothing(desk, washer):
    washer.start("ses_1", "ann", "washer")
    washer.end("ses_1", "ann", "washer", (0, 0))

    desk.journal(washer)

    assert desk.wallet("ann") == 2_000
    assert desk.alarm_codes() == []
    assert desk.faults() == []


def test_more_time_used_than_passed_is_shown(desk, washer):
    washer.start("ses_1", "ann", "washer")
    washer.end("ses_1", "ann", "washer", (0, 500), minutes=50, started=washer.stamp())

    desk.journal(washer)

    assert desk.alarm_codes() == [Code.TIME_IMPLAUSIBLE]


def test_cash_counts_against_the_controllers_till(desk):
    box = desk.add_controller("pi-3", "charger", has_acceptor=True)
    desk.add_account("ann")
    box.boot()
    box.cash("csh_1", "ann", "charger", 700)
    box.start("ses_1", "ann", "charger")
    box.wall_ms += 3_600_000
    box.end("ses_1", "ann", "charger", (500, 0), minutes=50)
    box.release("ann", 200)

    desk.journal(box)

    assert desk.balance("EUR:cash/pi-3") == -700
    assert (desk.escrow("ann"), desk.wallet("ann")) == (0, 200)
    assert desk.alarm_codes() == []
    assert desk.faults() == []


def test_cash_from_a_controller_without_acceptor_is_booked_in_suspense(desk, washer):
    washer.cash("csh_1", "ann", "washer", 700)

    desk.journal(washer)

    assert desk.balance("EUR:suspense/") == -700
    assert desk.escrow("ann") == 700
    assert desk.alarm_codes() == [Code.BEYOND_RIGHTS]
    assert desk.faults() == []


def test_a_fault_is_open_until_the_machine_says_it_is_over(desk, washer):
    code = int(Code.FEEDBACK_MISSING)
    washer.append(MachineFault, machine="washer", code=code, detail="no feedback")
    desk.journal(washer)
    assert desk.alarm_codes() == [Code.FEEDBACK_MISSING]

    washer.append(MachineFault, machine="washer", code=code, cleared=True)
    desk.journal(washer, washer.batch(3, 3))

    assert desk.alarm_codes() == []


def test_a_controller_that_nobody_enrolled_is_not_heard(desk):
    stranger = LightController("pi-9", b"9" * 32, "epo_9")
    stranger.boot()

    desk.journal(stranger)

    assert desk.rows("SELECT count(*) FROM journals") == [(0,)]
    assert desk.rows("SELECT controller, subject FROM alarms") == [("", "unknown")]


def test_a_revoked_controller_is_not_heard(desk, washer):
    from hub.fleet import controllers

    a_session(washer)
    desk.run(lambda tx: controllers.revoke(tx, "pi-1"))

    desk.journal(washer)
    desk.step()

    assert desk.wallet("ann") == 2_000
    assert desk.taken("pi-1", topics.DOWN_ACK) == []


def test_backed_and_unbacked_share_the_tax_exactly(desk, washer):
    desk.deliver(
        washer,
        topics.UP_WANT,
        washer.want("req_1", "ann", card_of("ann"), "washer", 333),
    )
    desk.journal(washer)
    desk.deliver(
        washer,
        topics.UP_WANT,
        washer.want("req_2", "ann", card_of("ann"), "washer", 333),
    )
    a_session(washer, shares=(333, 667))

    desk.journal(washer, washer.batch(2, 3))

    assert desk.balance("EUR:tax/190000") == 160
    assert desk.balance("EUR:revenue/washer") == 840
    assert (desk.wallet("ann"), desk.escrow("ann")) == (1_000, 0)
    assert desk.faults() == []


def test_an_event_with_a_nul_is_kept_and_flagged_and_holds_nothing_up(desk, washer):
    at = washer.stamp()
    fault = MachineFault(seq=washer.last_seq + 1, at=at, machine="a\0b", code=501, detail="\0")
    washer.append_bytes(encode(fault))
    a_session(washer)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.alarm_codes() == [Code.BODY_MALFORMED]


def test_an_event_with_a_code_that_no_database_holds_holds_nothing_up(desk, washer):
    fault = MachineFault(
        seq=washer.last_seq + 1, at=washer.stamp(), machine="washer", code=10**12, detail="odd"
    )
    washer.append_bytes(encode(fault))
    a_session(washer)

    desk.journal(washer)

    assert desk.wallet("ann") == 1_500
    assert desk.alarm_codes() == [Code.BODY_MALFORMED]
