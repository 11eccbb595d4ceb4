"""When to tell a plug what, and what to believe of it. Pure: time comes in, messages go out.

A plug is told to be on for a lease only, by its own timer, and told again while it shall
stay on. What it says by itself is believed; what it was only told isn't. When it can't be
reached it isn't off: it is unknown, until its own timer must have ended.
"""

from __future__ import annotations

from hardware.plugs.dialects import Dialect, Publish, Report
from hardware.ports import HEALTH_UNKNOWN, HEALTH_UP, Health, HealthState

ASK_MS = 1_000
"""How often a plug is asked: a session's last minute of use is known to the second."""
RETRY_MS = 1_000
"""A command without effect is sent again after this."""
ANSWER_MS = 4_000
"""A plug that says nothing for this long is gone: four questions were lost."""
CONFIRM_MS = 4_000
"""A plug that was told to be on and doesn't say so for this long doesn't work."""


class Brain:
    """One relay of one plug.

    Args:
        dialect: How it talks.
        where: The broker, for people.
    """

    def __init__(self, dialect: Dialect, where: str) -> None:
        self._dialect = dialect
        self._where = where
        self.drives = False
        """Whether we switch it; otherwise it is only read."""
        self._linked_ms: int | None = None
        self._link_reason = "not connected yet"
        self._is_online = True
        self._heard_ms: int | None = None
        self._asked_ms: int | None = None
        self._trouble = ""
        self._reported: bool | None = None
        self._timer: int | None = None
        self._lease_ms = 0
        self._lease_until_ms = 0
        self._wanted_ms = 0
        self._is_told = False
        self._is_confirmed = False
        self._is_due = False
        self._sent_ms: int | None = None
        self._drives_until_ms = 0
        self._on_since_ms: int | None = None
        self._on_ms_before = 0

    def link_up(self, now_ms: int) -> None:
        """The broker is there: everything else has to be heard anew."""
        self._linked_ms, self._is_online = now_ms, True
        self._forget()

    def link_down(self, reason: str) -> None:
        """The broker is gone."""
        self._linked_ms, self._link_reason = None, reason

    def health(self, now_ms: int) -> Health:
        """Whether the plug can be relied on."""
        if self._linked_ms is None:
            return _down(f"the broker at {self._where} can't be reached: {self._link_reason}")
        if self._trouble:
            return _down(self._trouble)
        if not self._is_online:
            return _down("the plug lost its connection: check its power and its Wi-Fi")
        since_ms = self._linked_ms if self._heard_ms is None else self._heard_ms
        if now_ms - since_ms > ANSWER_MS:
            return _down("the plug doesn't answer: check its kind, topic and channel")
        return HEALTH_UNKNOWN if self._heard_ms is None else HEALTH_UP

    def want_on(self, lease_ms: int, now_ms: int) -> None:
        """Be on until the lease ends."""
        if not self.is_leased(now_ms):
            self._wanted_ms, self._sent_ms = now_ms, None
            self._is_told = self._is_confirmed = False
        self._lease_ms, self._lease_until_ms = lease_ms, now_ms + lease_ms
        self._is_due = True

    def want_off(self) -> None:
        """Be off; trouble of the past is forgotten."""
        if self._lease_until_ms:
            self._sent_ms = None
        self._lease_until_ms = 0
        self._trouble = ""

    def is_leased(self, now_ms: int) -> bool:
        """Whether it shall be on."""
        return now_ms < self._lease_until_ms

    def is_known_off(self) -> bool:
        """Whether it said that it is off, and wasn't told otherwise since."""
        return self._reported is False and not self._lease_until_ms

    def is_on(self, now_ms: int) -> bool:
        """Whether it drives the machine, as far as it said: until its timer must have ended."""
        return self._on_since_ms is not None and now_ms < self._drives_until_ms

    def on_ms(self, now_ms: int) -> int:
        """For how long it was on."""
        if self._on_since_ms is None:
            return self._on_ms_before
        return self._on_ms_before + max(0, min(now_ms, self._drives_until_ms) - self._on_since_ms)

    def hear(self, report: Report, now_ms: int, *, is_old: bool) -> None:
        """Take what a message tells; an old one (retained) only tells who is connected."""
        if report.is_online is not None:
            if self._is_online is not report.is_online:
                self._forget()
            self._is_online = report.is_online
        if is_old:
            return
        if report.timer is not None:
            self._timer = report.timer
        if report.is_on is not None:
            self._heard_ms = now_ms
            self._take_state(report.is_on, now_ms)
        elif report.energy_wh is not None:
            self._heard_ms = now_ms
        if report.trouble and self.drives:
            self._give_up(report.trouble)

    def step(self, now_ms: int) -> list[Publish]:
        """What to send now."""
        if self._linked_ms is None:
            return []
        self._end_lease(now_ms)
        messages: list[Publish] = []
        if self.drives:
            messages += self._drive(now_ms)
        if self._asked_ms is None or now_ms - self._asked_ms >= ASK_MS:
            self._asked_ms = now_ms
            messages += self._dialect.ask()
        return messages

    def _drive(self, now_ms: int) -> list[Publish]:
        is_retry = self._sent_ms is None or now_ms - self._sent_ms >= RETRY_MS
        if self._lease_until_ms and self._is_ignored(now_ms):
            self._give_up("it was told to switch on, and doesn't say that it did")
            is_retry = True
        if self._lease_until_ms:
            return self._drive_on(now_ms, is_retry=is_retry)
        if self._reported is False or not is_retry:
            return []
        self._sent_ms = now_ms
        return self._dialect.off()

    def _drive_on(self, now_ms: int, *, is_retry: bool) -> list[Publish]:
        timer = self._dialect.timer_for(self._lease_ms)
        if timer is not None and timer != self._timer:
            if not is_retry:
                return []
            self._sent_ms = now_ms
            return self._dialect.set_timer(timer)
        if not self._is_due and (self._is_confirmed or not is_retry):
            return []
        left_ms = self._lease_until_ms - now_ms
        self._is_due, self._is_told, self._sent_ms = False, True, now_ms
        if not self._is_confirmed:
            # On its way: what it said before means nothing now.
            self._reported = None
        self._drives_until_ms = now_ms + self._dialect.lasts_ms(left_ms)
        return self._dialect.on(left_ms)

    def _is_ignored(self, now_ms: int) -> bool:
        return not self._is_confirmed and now_ms - self._wanted_ms >= CONFIRM_MS

    def _take_state(self, is_on: bool, now_ms: int) -> None:  # noqa: FBT001 a relay's state
        self._reported = is_on
        if is_on and self._lease_until_ms and self._is_told:
            self._is_confirmed = True
            if self._on_since_ms is None:
                self._on_since_ms = now_ms
        elif not is_on:
            self._stop_counting(now_ms)
            if self._lease_until_ms and self._is_confirmed and self.is_leased(now_ms):
                self._give_up("it went off by itself: its button, its protection, or its timer")

    def _end_lease(self, now_ms: int) -> None:
        if self._lease_until_ms and now_ms >= self._lease_until_ms:
            self._lease_until_ms, self._sent_ms = 0, None

    def _give_up(self, reason: str) -> None:
        self._trouble = reason
        if self._lease_until_ms:
            self._lease_until_ms, self._sent_ms = 0, None

    def _stop_counting(self, now_ms: int) -> None:
        self._on_ms_before = self.on_ms(now_ms)
        self._on_since_ms = None

    def _forget(self) -> None:
        """What was heard before a connection broke may be over."""
        self._heard_ms = self._asked_ms = self._sent_ms = None
        self._reported = self._timer = None


def _down(reason: str) -> Health:
    return Health(HealthState.DOWN, reason)
