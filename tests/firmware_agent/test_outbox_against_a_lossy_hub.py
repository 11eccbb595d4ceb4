"""Window and go-back-N: whatever is lost, everything arrives, in order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from firmware_agent.core import outbox
from firmware_agent.core.outbox import RESEND_MS_MAX, WINDOW_BATCHES, Outbox
from wire.machines import Policy

POLICY = Policy(batch_events_max=10, batch_wait_ms=1_000)


@given(
    last_seq=st.integers(1, 400),
    losses=st.lists(st.sampled_from(["ok", "batch lost", "ack lost", "cut"]), max_size=60),
)
def test_everything_arrives_once_and_in_order(last_seq, losses):
    box, now_ms, booked = outbox.connected(Outbox(), 0), 0, 0
    fates = iter(losses)
    for _ in range(20_000):
        now_ms += 500
        box = outbox.tick(box, now_ms)
        while plan := outbox.next_batch(box, last_seq, now_ms, POLICY):
            box = outbox.sent(box, plan, last_seq, now_ms)
            fate = next(fates, "ok")
            if fate == "cut":
                box = outbox.connected(outbox.disconnected(box), now_ms)
                break
            if fate != "batch lost" and plan.first_seq <= booked + 1:
                booked = max(booked, plan.first_seq + plan.count - 1)
            if fate == "ok":
                box = outbox.acknowledged(box, booked, now_ms)
            assert box.sent - box.acked <= POLICY.batch_events_max * (WINDOW_BATCHES + 1)
        if box.acked == last_seq:
            break

    assert booked == box.acked == last_seq


def test_events_wait_for_others_but_not_for_long():
    box = outbox.appended(outbox.connected(Outbox(), 0), 0)
    assert outbox.next_batch(box, 3, 999, POLICY) is None
    assert outbox.next_batch(box, 10, 0, POLICY) is not None
    plan = outbox.next_batch(box, 3, 1_000, POLICY)

    assert plan is not None
    assert (plan.first_seq, plan.count) == (1, 3)


def test_nothing_is_sent_without_a_connection():
    assert outbox.next_batch(Outbox(waiting_ms=0), 100, 10_000, POLICY) is None
    assert outbox.due_ms(Outbox(waiting_ms=0), 100, POLICY) is None


def test_a_silent_hub_is_asked_less_and_less_often():
    box, now_ms, sendings = outbox.connected(Outbox(), 0), 0, []
    while now_ms < 600_000:
        now_ms += 1_000
        box = outbox.tick(box, now_ms)
        if plan := outbox.next_batch(box, 5, now_ms, POLICY):
            sendings.append(now_ms)
            box = outbox.sent(box, plan, 5, now_ms)
    gaps = [later - earlier for earlier, later in pairwise(sendings)]

    assert gaps == sorted(gaps)
    assert max(gaps) <= RESEND_MS_MAX + 2_000
    assert len(sendings) < 20


def test_an_old_ack_changes_nothing():
    box = outbox.acknowledged(outbox.connected(Outbox(), 0), 7, 100)

    assert outbox.acknowledged(box, 5, 200) is box
