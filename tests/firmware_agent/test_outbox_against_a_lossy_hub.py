"""Window and go-back-N: whatever is lost, everything arrives, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from firmware_agent.core import outbox
from firmware_agent.core.outbox import RESEND_MS_MAX, WINDOW_BATCHES, BatchPlan, Outbox
from firmware_agent.mqtt_link import STUCK_MS
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
        while plan := outbox.next_batch(box, 5, now_ms, POLICY):
            sendings += [now_ms] if plan.first_seq == 1 else []
            box = outbox.sent(box, plan, 5, now_ms)
    gaps = [later - earlier for earlier, later in pairwise(sendings)]

    # A batch that isn't full waits for others first.
    assert all(b >= a - POLICY.batch_wait_ms for a, b in pairwise(gaps)), gaps
    assert max(gaps) <= RESEND_MS_MAX + 2_000
    assert len(sendings) < 20


def test_an_old_ack_changes_nothing():
    box = outbox.acknowledged(outbox.connected(Outbox(), 0), 7, 100)

    assert outbox.acknowledged(box, 5, 200) is box


class NarrowLink:
    """Carries so many events a second, in order, and gives up what takes too long."""

    def __init__(self, events_per_s: int) -> None:
        self._ms_per_event = 1_000 // events_per_s
        self._queue: deque[tuple[int, BatchPlan]] = deque()
        self._free_ms = 0

    def send(self, plan: BatchPlan, now_ms: int) -> None:
        self._queue.append((now_ms, plan))

    def arrived(self, now_ms: int) -> Iterator[BatchPlan]:
        while self._queue:
            sent_ms, plan = self._queue[0]
            through_ms = max(self._free_ms, sent_ms) + plan.count * self._ms_per_event
            if through_ms > now_ms:
                return
            self._free_ms = through_ms
            self._queue.popleft()
            yield plan

    def is_stuck(self, now_ms: int) -> bool:
        return bool(self._queue) and now_ms - self._queue[0][0] >= STUCK_MS

    def cut(self, now_ms: int) -> None:
        self._queue.clear()
        self._free_ms = now_ms


@pytest.mark.parametrize("events_per_s", [1, 3, 10])
def test_a_backlog_gets_through_a_link_that_never_carries_a_whole_batch_in_time(events_per_s):
    policy = Policy(batch_events_max=100, batch_wait_ms=100)
    link, box, booked, last_seq = NarrowLink(events_per_s), Outbox(), 0, 1_000
    box = outbox.connected(box, 0)
    # Whatever is sent twice, a tenth of what the link can carry must be news.
    for now_ms in range(0, last_seq * 1_000 // events_per_s * 10, 100):
        for plan in link.arrived(now_ms):
            if plan.first_seq <= booked + 1:
                booked = max(booked, plan.first_seq + plan.count - 1)
                box = outbox.acknowledged(box, booked, now_ms)
        if link.is_stuck(now_ms):
            link.cut(now_ms)
            box = outbox.connected(outbox.disconnected(box), now_ms)
        box = outbox.tick(box, now_ms)
        while plan := outbox.next_batch(box, last_seq, now_ms, policy):
            box = outbox.sent(box, plan, last_seq, now_ms)
            link.send(plan, now_ms)
        if box.acked == last_seq:
            break

    assert box.acked == last_seq


def test_batches_are_large_again_soon_after_a_hub_was_silent():
    policy = Policy(batch_events_max=100, batch_wait_ms=0)
    box, now_ms = outbox.connected(Outbox(), 0), 0
    box = outbox.sent(box, BatchPlan(1, 100), 5_000, 0)
    while now_ms < 3_600_000:
        now_ms += 1_000
        box = outbox.tick(box, now_ms)
        while plan := outbox.next_batch(box, 5_000, now_ms, policy):
            box = outbox.sent(box, plan, 5_000, now_ms)
    batches = 0
    while box.acked < 5_000:
        plan = outbox.next_batch(box, 5_000, now_ms, policy) or BatchPlan(box.acked + 1, 1)
        box = outbox.sent(box, plan, 5_000, now_ms)
        box = outbox.acknowledged(box, plan.first_seq + plan.count - 1, now_ms)
        batches += 1

    assert batches <= 150
