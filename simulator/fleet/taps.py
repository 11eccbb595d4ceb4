"""People who tap at a fleet: a want, its answer, a session, its ack.

Times are counted from when somebody was to tap, not from when we came to it: a driver
that falls behind must not make the hub look quick.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from simulator.fleet.crowd import account_of, card_of, machine_of
from simulator.fleet.lines import Lines
from simulator.light_controller import MS_PER_MINUTE, LightController
from wire.codec import encode
from wire.downlink import Accounts, Ack
from wire.envelope import peek
from wire.machines import Config
from wire.topics import (
    DOWN_ACCOUNTS,
    DOWN_ACK,
    DOWN_CONFIG,
    UP_JOURNAL,
    UP_STATUS,
    UP_WANT,
)
from wire.uplink import Presence, Status

WANT_MINOR = 300
MINUTES = 5
PRICE_MINOR = 5
"""Five minutes at a cent."""
WANT_S = 5.0
"""After this the person has gone; what is granted later is given back."""
RESEND_S, RESEND_S_MAX = 5.0, 60.0
"""As an agent: without an ack for this long the journal is sent again, then after twice as
long, and so on: a hub that meets everybody at once isn't flooded."""
LOOK_S = 0.1
"""Whoever waits is looked after this often."""
REPORT_S = 0.2
"""As an agent: that new rights have come is reported this soon."""
TRIES_MAX = 20
"""Random controllers tried for one that is free, before the tap is left out."""


@dataclass(slots=True)
class Counts:
    """What happened.

    Attributes:
        taps: People who tapped.
        busy: Taps left out, since every controller tried was in use.
        granted: Answers that granted all that was wanted.
        refused: Answers that granted less.
        unanswered: Wants without an answer in time.
        late: Answers that came after that.
        sessions: Sessions journalled.
        charged_minor: What they cost.
        answer_ms: From the tap to the allowance, each.
        booked_ms: From the journalled session to its ack, each.
    """

    taps: int = 0
    busy: int = 0
    granted: int = 0
    refused: int = 0
    unanswered: int = 0
    late: int = 0
    sessions: int = 0
    charged_minor: int = 0
    answer_ms: list[float] = field(default_factory=list)
    booked_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Standing:
    """Where one controller stands.

    Times are monotonic seconds; `request` is the want that waits, or empty.
    """

    voice: LightController
    request: str = ""
    tapped_s: float = 0.0
    acked: int = 0
    sent_s: float = 0.0
    resend_s: float = RESEND_S
    ended: dict[int, float] = field(default_factory=dict)
    configured: bool = False
    report_s: float | None = None


class Taps:
    """Drives a fleet. Used by one thread.

    Args:
        voices: The controllers.
        seed: Who taps where and when.
        bare: Whether people only want and use nothing: nothing is journalled.
    """

    def __init__(
        self, voices: tuple[LightController, ...], seed: int, *, bare: bool = False
    ) -> None:
        self._bare = bare
        self.counts = Counts()
        self._rng = random.Random(f"{seed} taps")
        self._all = [_Standing(voice) for voice in voices]
        self._of = {one.voice.name: one for one in self._all}
        self._waiting: dict[str, _Standing] = {}
        self._unacked: dict[str, _Standing] = {}
        self._to_report: dict[str, _Standing] = {}
        self._lines: Lines | None = None
        self._looked_s = 0.0

    @property
    def greeted(self) -> int:
        """Controllers whose start the hub has acknowledged, and which have their machines."""
        return sum(one.acked > 0 and one.configured for one in self._all)

    @property
    def unacked(self) -> int:
        """Controllers whose journal isn't acknowledged to its end."""
        return len(self._unacked)

    def attach(self, lines: Lines) -> None:
        """Speak by these connections."""
        self._lines = lines

    def greet(self, voice: LightController) -> None:
        """Say that a controller is there, and journal its start."""
        status = Status(state=Presence.ONLINE, boot_id=voice.stamp().boot_id, version="light")
        self._send(voice, UP_STATUS, encode(status))
        voice.boot()
        self._send_journal(self._of[voice.name])

    def tap(self, due_s: float) -> None:
        """Let someone tap who was to tap at `due_s`."""
        for _ in range(TRIES_MAX):
            one = self._rng.choice(self._all)
            if not one.request and not one.ended:
                break
        else:
            self.counts.busy += 1
            return
        self.counts.taps += 1
        voice, account = one.voice, account_of(one.voice.name)
        one.request, one.tapped_s = f"req-{voice.name}-{self.counts.taps}", due_s
        self._waiting[one.request] = one
        machine = machine_of(voice.name)
        want = voice.want(one.request, account, card_of(account), machine, WANT_MINOR)
        self._send(voice, UP_WANT, want)

    def heard(self, controller: str, leaf: str, payload: bytes) -> None:
        """Take a message from the hub."""
        one = self._of[controller]
        if leaf == DOWN_ACK:
            self._acked(one, peek(payload, Ack).through_seq)
        elif leaf == DOWN_ACCOUNTS:
            self._rights(one, peek(payload, Accounts))
        elif leaf == DOWN_CONFIG:
            one.voice.config_version = peek(payload, Config).version
            one.configured = True
            self._report_soon(one)

    def look_after(self) -> None:
        """Give up wants that nobody answers, send journals again, report what came."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for one in [one for one in self._waiting.values() if now_s - one.tapped_s > WANT_S]:
            self.counts.unanswered += 1
            del self._waiting[one.request]
            one.request = ""
        for one in self._unacked.values():
            if now_s - one.sent_s > one.resend_s:
                self._send_journal(one)
                one.resend_s = min(2 * one.resend_s, RESEND_S_MAX)
        for name, one in list(self._to_report.items()):
            if one.report_s is None or now_s >= one.report_s:
                self._to_report.pop(name)
                if one.report_s is not None:
                    self._send(one.voice, UP_JOURNAL, one.voice.report())
                    one.report_s = None

    def _acked(self, one: _Standing, through_seq: int) -> None:
        now_s = time.monotonic()
        if through_seq > one.acked:
            one.acked, one.resend_s = through_seq, RESEND_S
        if one.acked >= one.voice.last_seq:
            self._unacked.pop(one.voice.name, None)
        for seq in [seq for seq in one.ended if seq <= one.acked]:
            self.counts.booked_ms.append((now_s - one.ended.pop(seq)) * 1_000)

    def _rights(self, one: _Standing, body: Accounts) -> None:
        for answer in body.answers:
            self._answered(one, answer.request, answer.granted_minor)
        if self._bare:
            return
        page, is_news = body.page, False
        if page is not None and page.from_revision == one.voice.list_revision:
            one.voice.list_revision = page.upto_revision
            is_news = True
        if body.rights and body.revision > one.voice.accounts_revision:
            one.voice.accounts_revision = body.revision
            is_news = True
        if is_news:
            self._report_soon(one)

    def _report_soon(self, one: _Standing) -> None:
        if not self._bare:
            one.report_s = time.monotonic() + REPORT_S
            self._to_report[one.voice.name] = one

    def _answered(self, one: _Standing, request: str, granted_minor: int) -> None:
        account = account_of(one.voice.name)
        if request != one.request:
            self.counts.late += 1
            if granted_minor and not self._bare:
                one.voice.release(account, granted_minor)
                self._send_journal(one)
            return
        self.counts.answer_ms.append((time.monotonic() - one.tapped_s) * 1_000)
        self._waiting.pop(request, None)
        one.request = ""
        if granted_minor < WANT_MINOR:
            self.counts.refused += 1
        else:
            self.counts.granted += 1
        if self._bare:
            return
        if granted_minor >= PRICE_MINOR:
            self._use(one, f"ses_{request}", account)
        if granted_minor > PRICE_MINOR:
            one.voice.release(account, granted_minor - PRICE_MINOR)
        one.ended[one.voice.last_seq] = time.monotonic()
        self._send_journal(one)

    def _use(self, one: _Standing, session: str, account: str) -> None:
        voice = one.voice
        machine = machine_of(voice.name)
        voice.start(session, account, machine, card=card_of(account))
        voice.wall_ms += MINUTES * MS_PER_MINUTE
        voice.end(
            session, account, machine, (PRICE_MINOR, 0), minutes=MINUTES, card=card_of(account)
        )
        del voice.started[session]
        self.counts.sessions += 1
        self.counts.charged_minor += PRICE_MINOR

    def _send_journal(self, one: _Standing) -> None:
        one.sent_s = time.monotonic()
        one.report_s = None
        self._unacked[one.voice.name] = one
        for payload in one.voice.batches(one.acked):
            self._send(one.voice, UP_JOURNAL, payload)

    def _send(self, voice: LightController, leaf: str, payload: bytes) -> None:
        if self._lines is not None:
            self._lines.publish(voice, leaf, payload)
