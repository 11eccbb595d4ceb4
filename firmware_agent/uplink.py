"""Sends what the hub has to know: the journal in batches, wants, results, status."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from firmware_agent.core import outbox
from firmware_agent.core.outbox import BatchPlan, Outbox
from firmware_agent.link import Link
from firmware_agent.records import Records
from wire.codec import Format, encode, format_of
from wire.downlink import Ack
from wire.envelope import EVENTS_PER_BATCH_MAX, seal, seal_batch
from wire.keys import HUB, Signer
from wire.machines import Policy
from wire.topics import UP_JOURNAL, UP_RESULT, UP_STATE, UP_STATUS, UP_WANT
from wire.uplink import JournalHeader, Presence, Result, StateView, Status, Want

REPORT_EVERY_MS = 60_000
"""A report without events at least this often: it brings back rights and pages that
were lost on the way, and shows a dead connection."""
BEHIND_REPORT_MS = 5_000
"""While the card list is known to be behind, a lost page is asked for again this soon."""
REPORT_GAP_MS = 200
"""Reports that revisions call for are at least this far apart."""


@dataclass(frozen=True, slots=True)
class Held:
    """Revisions that the controller holds, and the mark of the hub's key."""

    accounts_revision: int = 0
    list_revision: int = 0
    config_version: int = 0
    hub_key: str = ""


class Uplink:
    """What goes up.

    Args:
        records: The journal that is sent.
        link: The way.
        signer: Signs as this controller.
        boot: This start, and the agent's version.
        format_: How payloads are encoded.
        rarer: How many times rarer than usual it reports without need.
    """

    def __init__(
        self,
        records: Records,
        link: Link,
        signer: Signer,
        boot: tuple[str, str],
        format_: Format = Format.JSON,
        rarer: int = 1,
    ) -> None:
        self.rarer = rarer
        self._records = records
        self._link = link
        self._signer = signer
        self._boot_id, self._version = boot
        self._format = format_
        self._outbox = Outbox(acked=records.journal.acked_seq, sent=records.journal.acked_seq)
        self._report_ms: int | None = None
        self._told = Held()
        self._acked_ms = records.journal.acked_ms
        self.sound_seq: int | None = None

    def sign_with(self, signer: Signer) -> None:
        """Sign with another key from now on."""
        self._signer = signer

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._outbox.is_up

    @property
    def waiting(self) -> int:
        """Events that the hub hasn't acknowledged."""
        return max(0, self._last_seq - self._outbox.acked)

    def went_up(self, held: Held, wall_ms: int, mono_ms: int) -> None:
        """A connection is there: say so, and report."""
        self._outbox = outbox.connected(self._outbox, mono_ms)
        self.send_status(held, wall_ms)
        self.report(held, wall_ms, mono_ms)

    def went_down(self) -> None:
        """The connection is gone."""
        self._outbox = outbox.disconnected(self._outbox)
        self._report_ms = None

    def appended(self, mono_ms: int) -> None:
        """Events were journalled."""
        self._outbox = outbox.appended(self._outbox, mono_ms)

    def acknowledge(self, ack: Ack, mono_ms: int) -> str:
        """Take an ack of this epoch; a complaint when it can't be of this journal."""
        journal = self._records.journal
        is_news = ack.hub_time_ms > self._acked_ms
        self._acked_ms = max(self._acked_ms, ack.hub_time_ms)
        if ack.through_seq < self._outbox.acked and is_news:
            return self._go_back_to(ack, mono_ms)
        if ack.through_seq <= self._outbox.acked:
            return ""
        if ack.through_seq > journal.head_seq:
            return (
                f"the hub has booked {ack.through_seq} events of this journal, and it has"
                f" {journal.head_seq}: an older copy was restored"
            )
        known = journal.hash_at(ack.through_seq)
        if known is None or known.hex() != ack.head_hash:
            return f"the hub has booked another event {ack.through_seq} than this journal has"
        journal.acknowledge(ack.through_seq, self._acked_ms)
        self._outbox = outbox.acknowledged(self._outbox, ack.through_seq, mono_ms)
        return ""

    def _go_back_to(self, ack: Ack, mono_ms: int) -> str:
        """The hub knows less than it once acknowledged: its backup was restored."""
        known = self._records.journal.hash_at(ack.through_seq)
        if known is None:
            return (
                f"the hub has lost events after {ack.through_seq}, and they are pruned here:"
                " restore a newer backup of the hub"
            )
        if known.hex() != ack.head_hash:
            return f"the hub has booked another event {ack.through_seq} than this journal has"
        self._records.journal.acknowledge(ack.through_seq, self._acked_ms)
        self._outbox = outbox.unacknowledged(self._outbox, ack.through_seq, mono_ms)
        return ""

    def resend(self, mono_ms: int) -> None:
        """Send everything again that isn't acknowledged."""
        self._outbox = outbox.go_back(self._outbox, mono_ms)

    def pump(self, policy: Policy, held: Held, wall_ms: int, mono_ms: int) -> None:
        """Send what is due."""
        self._outbox = outbox.tick(self._outbox, mono_ms)
        size = min(policy.batch_events_max, EVENTS_PER_BATCH_MAX)
        limited = Policy(batch_events_max=size, batch_wait_ms=policy.batch_wait_ms)
        while plan := outbox.next_batch(self._outbox, self._last_seq, mono_ms, limited):
            count = self._send_batch(plan, held, wall_ms)
            if count == 0:
                break
            plan = BatchPlan(plan.first_seq, count)
            self._outbox = outbox.sent(self._outbox, plan, self._last_seq, mono_ms)
        if not self.is_up:
            return
        # While a long list comes in, its pages' reports say enough.
        if held != self._told and not self._records.cards.is_behind:
            self.send_status(held, wall_ms)
            self.report_soon(mono_ms)
        if self._report_ms is not None and mono_ms >= self._report_ms:
            self.report(held, wall_ms, mono_ms)

    def flush(self, held: Held, wall_ms: int, mono_ms: int) -> None:
        """Send what there is, without waiting for more."""
        now = Policy(batch_events_max=EVENTS_PER_BATCH_MAX, batch_wait_ms=0)
        self.pump(now, held, wall_ms, mono_ms)

    def due_ms(self, policy: Policy) -> int | None:
        """Monotonic time when there is something to send; None: not before an event."""
        times = [self._report_ms] if self._report_ms is not None else []
        batch_ms = outbox.due_ms(self._outbox, self._last_seq, policy)
        if batch_ms is not None:
            times.append(batch_ms)
        return min(times, default=None)

    def report(self, held: Held, wall_ms: int, mono_ms: int) -> None:
        """Say what the controller holds, in a signed batch without events."""
        if not self.is_up:
            return
        journal = self._records.journal
        header = self._header(BatchPlan(journal.head_seq + 1, 0), held, wall_ms)
        self._publish_batch(header, ())
        behind = self._records.cards.is_behind
        self._report_ms = mono_ms + (BEHIND_REPORT_MS if behind else REPORT_EVERY_MS * self.rarer)

    def report_soon(self, mono_ms: int, wait_ms: int = REPORT_GAP_MS) -> None:
        """Report before long: what the controller holds has changed."""
        soon_ms = mono_ms + wait_ms
        if self._report_ms is None or self._report_ms > soon_ms:
            self._report_ms = soon_ms

    def send_want(self, want: Want) -> bool:
        """Ask for rights; False: there is no connection."""
        return self._link.publish(UP_WANT, seal(want, self._signer, self._format), qos=1)

    def send_result(self, result: Result) -> bool:
        """Say how a command ended; False: there is no connection."""
        return self._link.publish(UP_RESULT, seal(result, self._signer, self._format), qos=1)

    def send_status(self, held: Held, wall_ms: int, state: Presence = Presence.ONLINE) -> bool:
        """Say that the agent runs, or that it ends."""
        status = self.status(held, wall_ms, state)
        self._told = held
        return self._link.publish(UP_STATUS, encode(status, self._format), qos=1, retain=True)

    def send_state(self, view: StateView) -> bool:
        """Publish the live view."""
        return self._link.publish(UP_STATE, encode(view, self._format), qos=0, retain=True)

    def status(self, held: Held, wall_ms: int, state: Presence) -> Status:
        """What is said about the agent; the will is the same with `offline`."""
        return Status(
            state=state,
            boot_id=self._boot_id,
            version=self._version,
            accounts_revision=held.accounts_revision,
            list_revision=held.list_revision,
            config_version=held.config_version,
            at_ms=wall_ms,
        )

    @property
    def _last_seq(self) -> int:
        """Last seq that may be sent; a broken journal is sent up to its break."""
        head_seq = self._records.journal.head_seq
        return head_seq if self.sound_seq is None else min(head_seq, self.sound_seq)

    def _send_batch(self, plan: BatchPlan, held: Held, wall_ms: int) -> int:
        """Send the batch, or its beginning of one format; returns how many events."""
        rows = self._records.journal.rows(plan.first_seq, plan.count)
        if not rows or rows[0].seq != plan.first_seq:
            return 0
        format_ = format_of(rows[0].data)
        rows = list(takewhile(lambda row: format_of(row.data) is format_, rows))
        plan = BatchPlan(plan.first_seq, len(rows))
        header = self._header(plan, held, wall_ms, rows[-1].hash)
        went = self._publish_batch(header, tuple(row.data for row in rows))
        return len(rows) if went else 0

    def _publish_batch(self, header: JournalHeader, events: tuple[bytes, ...]) -> bool:
        # Events travel as they were journalled, also when the wire's format has changed.
        format_ = format_of(events[0]) if events else self._format
        payload = seal_batch(header, events, self._signer, format_)
        return self._link.publish(UP_JOURNAL, payload, qos=1)

    def _header(
        self, plan: BatchPlan, held: Held, wall_ms: int, head: bytes | None = None
    ) -> JournalHeader:
        journal = self._records.journal
        previous = journal.known_hash(plan.first_seq - 1)
        return JournalHeader(
            sender=journal.controller,
            receiver=HUB,
            epoch=journal.epoch,
            first_seq=plan.first_seq,
            count=plan.count,
            prev_hash=previous.hex(),
            head_hash=(head if head is not None else previous).hex(),
            accounts_revision=held.accounts_revision,
            list_revision=held.list_revision,
            config_version=held.config_version,
            last_seq=journal.head_seq,
            sent_ms=wall_ms,
            hub_key=held.hub_key,
        )
