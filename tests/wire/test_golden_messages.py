"""Messages as they were once written must read the same for ever.

`tests/data/golden/v1.json` is only ever appended to: a controller in the field may
have journalled these very bytes years ago.
"""

from __future__ import annotations

import json
import pathlib

import pytest

from wire import downlink, enrolment, events, machines, tariff, uplink
from wire.codec import Format, decode, decode_event, encode
from wire.errors import DecodeError
from wire.money import EUR
from wire.proof import Proof
from wire.usage import Segment

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "golden" / "v1.json"
AT = events.Stamp(wall_ms=1_790_000_000_000, mono_ms=5_000, boot_id="boo_1")
FACTS = {
    "at": AT,
    "session": "ses_1",
    "machine": "washer-1",
    "account": "acc_1",
    "card": "0f" * 16,
    "tariff": "wash",
    "tariff_version": 2,
    "started": AT,
}
TOTALS = events.Totals(spent=350, released=150, taken_in=0, unbacked=20)
TARIFF = tariff.Tariff(
    id="wash",
    version=2,
    name="Wash",
    unit=EUR,
    start_fee_micros=500_000,
    minimum_minor=50,
    cap_minor=1_000,
    time=tariff.Measure(
        unit="ms", per=60_000, first=60_000, next=60_000, tiers=(tariff.Tier(100_000),)
    ),
    quantity=tariff.Measure(
        unit="Wh", per=1_000, free=100, tiers=(tariff.Tier(300_000, 5_000), tariff.Tier(250_000))
    ),
    bands=(
        tariff.Band(
            name="night", from_minute=1_320, to_minute=360, time_tiers=(tariff.Tier(50_000),)
        ),
    ),
    timezone="Europe/Berlin",
    tax_rate_ppm=190_000,
)
SAMPLES = {
    "boot": events.Boot(seq=1, at=AT, version="0.1.0"),
    "session_started": events.SessionStarted(seq=2, local_minor=700, online=True, **FACTS),
    "session_progress": events.SessionProgress(
        seq=3, usage=(Segment(-1, 60_000, 40),), charge_minor=60, **FACTS
    ),
    "session_ended": events.SessionEnded(
        seq=4,
        ended=AT,
        reason=events.Ended.TAP,
        usage=(Segment(-1, 60_000, 40), Segment(0, 30_000, 5)),
        charge_minor=370,
        backed_minor=350,
        unbacked_minor=20,
        totals=TOTALS,
        **FACTS,
    ),
    "released": events.Released(seq=5, at=AT, account="acc_1", amount_minor=150, totals=TOTALS),
    "cash_taken": events.CashTaken(
        seq=6, at=AT, cash="csh_1", machine="m", account="acc_1", amount_minor=200, totals=TOTALS
    ),
    "code_redeemed": events.CodeRedeemed(
        seq=12, at=AT, code=17, machine="m", account="acc_1", card="0f" * 16,
        amount_minor=1_000, totals=TOTALS,
    ),
    "cash_taken_after_it_was_held": events.CashTaken(
        seq=6, at=AT, cash="csh_2", machine="m", account="acc_1", amount_minor=200, totals=TOTALS,
        card="0f" * 16, acceptor="coins", device_seq=17, holding="hld_1",
    ),
    "cash_held": events.CashHeld(
        seq=15, at=AT, holding="hld_1", machine="m", acceptor="coins", device_seq=17, unit="EUR",
        amount_minor=100, held_minor=300,
    ),
    "cash_unclaimed": events.CashUnclaimed(
        seq=16, at=AT, holding="hld_1", machine="m", unit="EUR", amount_minor=300
    ),
    "session_that_vended": events.SessionEnded(
        seq=17, ended=AT, reason=events.Ended.VEND_UNKNOWN, usage=(Segment(-1, 0, 150),),
        charge_minor=150, unbacked_minor=150, totals=TOTALS, mode="vend", **FACTS
    ),
    "session_of_a_program": events.SessionStarted(seq=18, mode="cycle", program="short", **FACTS),
    "vend_outcome_late": events.VendOutcome(
        seq=19, at=AT, session="ses_1", outcome="failure", machine="snacks", account="acc_1",
        item="12", detail="jammed", late=True,
    ),
    "session_out_of_time": events.SessionEnded(
        seq=13, ended=AT, reason=events.Ended.TIME_LIMIT, totals=TOTALS, **FACTS
    ),
    "session_at_its_limit": events.SessionEnded(
        seq=14, ended=AT, reason=events.Ended.LIMIT_REACHED, totals=TOTALS, **FACTS
    ),
    "card_refused": events.CardRefused(seq=7, at=AT, machine="m", card="0f" * 16, code=101),
    "session_started_proved": events.SessionStarted(
        seq=2,
        proof=Proof(method="sun", level=1, key_version=2, counter=77),
        **FACTS,
    ),
    "card_refused_proved": events.CardRefused(
        seq=7,
        at=AT,
        machine="m",
        card="0f" * 16,
        code=201,
        proof=Proof(method="ev2", level=2, key_version=1),
    ),
    "machine_fault": events.MachineFault(seq=8, at=AT, machine="m", code=501, detail="silent"),
    "vend_outcome": events.VendOutcome(seq=9, at=AT, session="ses_1", outcome="unknown"),
    "config_applied": events.ConfigApplied(seq=10, at=AT, version=3),
    "clock_adjusted": events.ClockAdjusted(
        seq=11, at=AT, offset_ms=-90_000, was=events.ClockState.RTC
    ),
    "tariff": TARIFF,
    "config": machines.Config(
        receiver="wash-1",
        version=3,
        site="riverside",
        machines=(machines.Machine(id="washer-1", name="Washer 1", mode=machines.Mode.CYCLE),),
        tariffs=(TARIFF,),
    ),
    "journal_header": uplink.JournalHeader(
        sender="wash-1", receiver="hub", epoch="epo_1", first_seq=1, count=2,
        prev_hash="00" * 32, head_hash="11" * 32, accounts_revision=4, last_seq=9,
    ),
    "want": uplink.Want(
        sender="wash-1", receiver="hub", request="wnt_1", epoch="epo_1", session="ses_1",
        machine="washer-1", account="acc_1", card="0f" * 16, amount_minor=500,
    ),
    "status": uplink.Status(state=uplink.Presence.ONLINE, boot_id="boo_1", version="0.1.0"),
    "state": uplink.StateView(
        at_ms=1, machines=(uplink.MachineView(machine="washer-1", state="running"),)
    ),
    "result": uplink.Result(
        sender="wash-1", receiver="hub", id="cmd_1", outcome=uplink.Outcome.DONE
    ),
    "ack": downlink.Ack(
        receiver="wash-1", epoch="epo_1", through_seq=9, head_hash="22" * 32, hub_time_ms=7
    ),
    "accounts": downlink.Accounts(
        receiver="wash-1",
        epoch="epo_1",
        revision=5,
        rights=(downlink.Right(account="acc_1", granted_minor=500, floor_minor=200, as_of_seq=9),),
        page=downlink.ListPage(
            from_revision=0,
            upto_revision=1,
            last_revision=1,
            entries=(downlink.CardEntry(card="0f" * 16, account="acc_1", floor_minor=200),),
        ),
        answers=(downlink.WantAnswer(request="wnt_1", granted_minor=500),),
    ),
    "card_entry_of_a_member": downlink.CardEntry(
        card="0f" * 16, account="acc_2", unit="EUR", member="mem_1", limit_minor=1_500,
        purses={"PTS": "acc_3"},
    ),
    "machine_with_choices": machines.Machine(
        id="door-1", name="Door", mode=machines.Mode.ACCESS,
        cycle=machines.Cycle(
            programs=(machines.Program(id="short", name="Short", tariff="s", duration_ms=9),),
            may_stop=True, cancel_within_ms=5,
        ),
        access=machines.Access(open_ms=5_000, priced=True, door_ms_max=9),
        vend=machines.Vend(choose_ms=1, outcome_ms=2),
        cash=machines.Cash(unit="JPY", pay_in_ms=1, hold_ms=2, balance_max_minor=3),
    ),
    "command_out_of_service": downlink.Command(
        receiver="wash-1", id="cmd_2", action=downlink.Action.RETIRE, machine="m", expires_ms=9,
        detail="belt torn",
    ),
    "command": downlink.Command(
        receiver="wash-1", id="cmd_1", action=downlink.Action.STOP, machine="m", expires_ms=9
    ),
    "enrolment_reply": enrolment.EnrolmentReply(
        controller="wash-1", partition="p07", site="riverside", hub_public_key="AA==",
        card_salt="AA==",
        broker=enrolment.BrokerAccess(host="127.0.0.1", port=1883, username="wash-1", password="x"),
    ),
    "enrolment_reply_with_codes": enrolment.EnrolmentReply(
        controller="wash-1", partition="p07", site="riverside", hub_public_key="AA==",
        card_salt="AA==", code_key="AA==",
        broker=enrolment.BrokerAccess(host="127.0.0.1", port=1883, username="wash-1", password="x"),
    ),
}  # fmt: skip


def golden() -> dict[str, object]:
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_golden_message_still_reads_as_it_did(name):
    stored = json.dumps(golden()[name]).encode()

    assert decode(stored, type(SAMPLES[name])) == SAMPLES[name]


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("format_", list(Format))
def test_a_message_survives_its_round_trip(name, format_):
    sample = SAMPLES[name]

    assert decode(encode(sample, format_), type(sample)) == sample
    if isinstance(sample, events.Event):
        assert decode_event(encode(sample, format_)) == sample


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_field_of_a_later_version_is_ignored(name):
    later = {**golden()[name], "of_a_later_version": {"deep": [1]}}

    assert decode(json.dumps(later).encode(), type(SAMPLES[name])) == SAMPLES[name]


def test_an_event_of_a_later_kind_is_kept_and_a_broken_known_one_refused():
    event = {**golden()["boot"], "kind": "brand_new"}

    unknown = decode_event(json.dumps(event).encode())

    assert isinstance(unknown, events.UnknownEvent)
    assert unknown.kind == "brand_new"
    with pytest.raises(DecodeError, match="boot"):
        decode_event(json.dumps({**golden()["boot"], "version": 5}).encode())


def test_an_end_for_a_reason_of_a_later_version_is_still_an_end():
    later = {**golden()["session_ended"], "reason": "swallowed_by_a_whale"}

    event = decode_event(json.dumps(later).encode())

    assert event.reason is events.Ended.UNKNOWN
    assert event.charge_minor == golden()["session_ended"]["charge_minor"]


def test_every_kind_of_event_has_a_golden_message():
    kinds = {sample.__struct_config__.tag for sample in SAMPLES.values()}

    assert {kind.__struct_config__.tag for kind in events.AnyEvent.__args__} <= kinds
