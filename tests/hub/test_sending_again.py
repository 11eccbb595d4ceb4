"""What a controller doesn't take is sent again, ever more rarely, until it moves."""

from __future__ import annotations

from hub.sent import RESEND_MS, RESEND_MS_MAX, Sent

HELD, MOVED = (4, 9, 2), (5, 9, 2)


def sends(sent, duration_ms, send):
    """How often something is sent that is tried every second."""
    count = 0
    for now_ms in range(0, duration_ms, 1_000):
        if not sent.is_recent(sent.revision_ms, now_ms):
            sent, count = send(sent, now_ms), count + 1
    return sent, count


def test_it_is_sent_again_soon_and_then_ever_more_rarely():
    sent, count = sends(Sent().hearing(HELD), 3_600_000, lambda one, now: one.with_rights(7, now))

    assert sent.wait_ms == RESEND_MS_MAX
    assert count < 3_600_000 / RESEND_MS_MAX + 10
    assert count > 3_600_000 / RESEND_MS_MAX - 10


def test_a_controller_that_moves_is_waited_for_as_at_first():
    sent, _ = sends(Sent().hearing(HELD), 600_000, lambda one, now: one.with_rights(7, now))

    assert sent.hearing(HELD).wait_ms == RESEND_MS_MAX
    assert sent.hearing(MOVED).wait_ms == RESEND_MS


def test_what_is_new_is_no_repetition():
    sent = Sent().hearing(HELD)
    for number in range(10):
        sent = sent.with_rights(number, 0).with_page(number, 0).with_config(number, 0)

    assert sent.wait_ms == RESEND_MS
    assert sent.with_page(9, 0).wait_ms == 2 * RESEND_MS
    assert sent.with_config(9, 0).wait_ms == 2 * RESEND_MS
