"""What is sent to the hub and when: a window of batches, and go-back-N.

The journal is the outbox. `acked` is what the hub has committed, `sent` how far this
connection has sent. A lost batch or ack shows itself as an ack that doesn't move:
then sending goes back to `acked`. Sending twice is harmless, the hub knows its seq.

A batch is larger than what some links carry before the connection counts as dead. So
batches halve while nothing moves, and grow again with each ack: doubling up to the size
at which the trouble began, by one beyond it (as RFC 5681 does with TCP's window).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wire.envelope import EVENTS_PER_BATCH_MAX
from wire.machines import Policy

WINDOW_BATCHES = 8
"""Batches on the way at once: enough to fill a slow link, little enough to send again."""
RESEND_MS = 5_000
"""Without a moving ack for this long, what is on the way counts as lost."""
RESEND_MS_MAX = 60_000
"""The wait doubles up to this: a hub that is down isn't flooded when it comes back."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where sending stands.

    Attributes:
        acked: Last seq that the hub has committed.
        sent: Last seq sent on this connection, ≥ `acked`.
        is_up: Whether there is a connection.
        progress_ms: Monotonic time of the last moving ack, or of the first sending.
        resend_ms: How long an ack may stand still.
        waiting_ms: Monotonic time since when an unsent event waits; None: none does.
        batch_max: Events in a batch at most, by what the link carried so far; ≥ 1.
        batch_calm: Up to here `batch_max` doubles with each ack.
        has_moved: Whether an ack moved on this connection.
    """

    acked: int = 0
    sent: int = 0
    is_up: bool = False
    progress_ms: int = 0
    resend_ms: int = RESEND_MS
    waiting_ms: int | None = None
    batch_max: int = EVENTS_PER_BATCH_MAX
    batch_calm: int = EVENTS_PER_BATCH_MAX
    has_moved: bool = False


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch to be sent: `count` events from `first_seq` on."""

    first_seq: int
    count: int


def connected(outbox: Outbox, now_ms: int) -> Outbox:
    """A connection is there: everything not acknowledged is sent (again)."""
    return replace(
        outbox,
        sent=outbox.acked,
        is_up=True,
        progress_ms=now_ms,
        resend_ms=RESEND_MS,
        waiting_ms=now_ms,
        has_moved=False,
    )


def disconnected(outbox: Outbox) -> Outbox:
    """The connection is gone, and with it what was on the way."""
    if outbox.sent > outbox.acked and not outbox.has_moved:
        outbox = _smaller(outbox)
    return replace(outbox, is_up=False, sent=outbox.acked)


def appended(outbox: Outbox, now_ms: int) -> Outbox:
    """An event was journalled."""
    return outbox if outbox.waiting_ms is not None else replace(outbox, waiting_ms=now_ms)


def acknowledged(outbox: Outbox, through_seq: int, now_ms: int) -> Outbox:
    """The hub has committed through a seq; one that is known already changes nothing."""
    if through_seq <= outbox.acked:
        return outbox
    step = outbox.batch_max if outbox.batch_max < outbox.batch_calm else 1
    return replace(
        outbox,
        acked=through_seq,
        sent=max(outbox.sent, through_seq),
        progress_ms=now_ms,
        resend_ms=RESEND_MS,
        batch_max=min(outbox.batch_max + step, EVENTS_PER_BATCH_MAX),
        has_moved=True,
    )


def unacknowledged(outbox: Outbox, through_seq: int, now_ms: int) -> Outbox:
    """The hub has no more than this, though it once had: send all after it again."""
    return go_back(replace(outbox, acked=min(outbox.acked, through_seq)), now_ms)


def go_back(outbox: Outbox, now_ms: int) -> Outbox:
    """Send everything again that isn't acknowledged."""
    return replace(outbox, sent=outbox.acked, progress_ms=now_ms, waiting_ms=now_ms)


def tick(outbox: Outbox, now_ms: int) -> Outbox:
    """Go back when the ack has stood still for too long."""
    on_the_way = outbox.is_up and outbox.sent > outbox.acked
    if not on_the_way or now_ms - outbox.progress_ms < outbox.resend_ms:
        return outbox
    later_ms = min(outbox.resend_ms * 2, RESEND_MS_MAX)
    return replace(go_back(_smaller(outbox), now_ms), resend_ms=later_ms)


def next_batch(outbox: Outbox, last_seq: int, now_ms: int, policy: Policy) -> BatchPlan | None:
    """The batch to send now; None: nothing, or not yet."""
    size = _size(outbox, policy)
    unsent = last_seq - outbox.sent
    if not outbox.is_up or unsent <= 0:
        return None
    if outbox.sent - outbox.acked >= size * WINDOW_BATCHES:
        return None
    waited_ms = 0 if outbox.waiting_ms is None else now_ms - outbox.waiting_ms
    if unsent < size and waited_ms < policy.batch_wait_ms:
        return None
    return BatchPlan(outbox.sent + 1, min(unsent, size))


def sent(outbox: Outbox, plan: BatchPlan, last_seq: int, now_ms: int) -> Outbox:
    """A batch was handed to the connection."""
    through = plan.first_seq + plan.count - 1
    is_first = outbox.sent == outbox.acked
    return replace(
        outbox,
        sent=through,
        progress_ms=now_ms if is_first else outbox.progress_ms,
        waiting_ms=None if through >= last_seq else outbox.waiting_ms,
    )


def due_ms(outbox: Outbox, last_seq: int, policy: Policy) -> int | None:
    """Monotonic time when there is something to do; None: not before an event."""
    if not outbox.is_up:
        return None
    times = []
    window_full = outbox.sent - outbox.acked >= _size(outbox, policy) * WINDOW_BATCHES
    if last_seq > outbox.sent and outbox.waiting_ms is not None and not window_full:
        times.append(outbox.waiting_ms + policy.batch_wait_ms)
    if outbox.sent > outbox.acked:
        times.append(outbox.progress_ms + outbox.resend_ms)
    return min(times, default=None)


def _size(outbox: Outbox, policy: Policy) -> int:
    """Events in a full batch now."""
    return max(1, min(policy.batch_events_max, outbox.batch_max))


def _smaller(outbox: Outbox) -> Outbox:
    half = max(1, outbox.batch_max // 2)
    return replace(outbox, batch_max=half, batch_calm=half)
