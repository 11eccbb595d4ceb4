"""Everything between the deciding thread and the hub."""

from __future__ import annotations

import logging

from firmware_agent.core.effects import Answer
from firmware_agent.core.inputs import (
    AccountsCame,
    AlarmChanged,
    CommandCame,
    ConfigCame,
    LimitsCame,
    LinkChanged,
)
from firmware_agent.core.model import Alarm
from firmware_agent.core.paying import limit_of
from firmware_agent.decider import Decider
from firmware_agent.downlink import Downlink
from firmware_agent.errors import StoreError
from firmware_agent.link import Down, LinkEvent, Up
from firmware_agent.live import LivePublisher
from firmware_agent.records import Records, keep_document
from firmware_agent.timekeeper import Timekeeper
from firmware_agent.uplink import BEHIND_REPORT_MS, REPORT_GAP_MS, Held, Uplink
from wire.downlink import Accounts, Ack, Action, Command, ListPage
from wire.errors import Code, TariffError, WireError
from wire.events import ClockState
from wire.ids import IdSource
from wire.keys import HUB
from wire.machines import Config
from wire.succession import follow, key_mark
from wire.topics import DOWN_CONFIG, DOWN_KEY
from wire.uplink import Outcome, Presence, Result
from wire.usage import zone

_log = logging.getLogger(__name__)

HUB_KEYS_DOCUMENT = "hub_keys"
"""Name under which the hub's keys since the enrolment are kept, as received and signed."""
CONFIG_DOCUMENT = "config"
"""Name under which the configuration is kept, as received and signed."""


class HubSide:
    """Takes what came down, and keeps what goes up going.

    Args:
        decider: Decides.
        records: What is kept.
        uplink: What goes up.
        downlink: Opens what came down.
        time: Learns the hub's time.
        ids: Names sessions that commands start.
    """

    def __init__(
        self,
        decider: Decider,
        records: Records,
        uplink: Uplink,
        downlink: Downlink,
        time: Timekeeper,
        ids: IdSource,
    ) -> None:
        self._decider = decider
        self._records = records
        self._uplink = uplink
        self._downlink = downlink
        self._time = time
        self._ids = ids
        self._live = LivePublisher(uplink)
        self._deferred: bytes | None = None
        self._first_seq: int | None = None

    def begin(self, first_seq: int) -> None:
        """This start journals from this seq on; the first ack through it is surely of today."""
        self._first_seq = first_seq

    def take(self, event: LinkEvent) -> None:
        """Something happened on the connection."""
        moment = self._time.moment()
        if isinstance(event, Up):
            self._uplink.went_up(self.held(), moment.wall_ms, moment.mono_ms)
            self._live.forget()
            self._decider.feed(LinkChanged(online=True))
        elif isinstance(event, Down):
            self._uplink.went_down()
            self._decider.feed(LinkChanged(online=False))
        else:
            self._take_message(event.leaf, event.payload)

    def pump(self) -> None:
        """Send what is due, and the live view."""
        if self._deferred is not None and self._decider.state.alarm is None:
            self._take_message(DOWN_CONFIG, self._deferred)
        moment, state = self._time.moment(), self._decider.state
        try:
            self._uplink.pump(state.policy, self.held(), moment.wall_ms, moment.mono_ms)
        except StoreError as error:
            self._decider.fail(error)
        self._live.publish(state, moment)

    def due_ms(self) -> int | None:
        """Monotonic time when there is something to send."""
        if not self._uplink.is_up:
            return None
        policy = self._decider.state.policy
        times = (self._uplink.due_ms(policy), self._live.due_ms)
        return min((time for time in times if time is not None), default=None)

    def held(self) -> Held:
        """Revisions that the controller holds."""
        state = self._decider.state
        return Held(
            state.accounts_revision,
            self._records.cards.revision,
            state.config_version,
            key_mark(self._downlink.hub_key),
        )

    def say_goodbye(self) -> None:
        """Send what is left, and that the agent ends."""
        moment, held = self._time.moment(), self.held()
        if self._uplink.is_up:
            try:
                self._uplink.flush(held, moment.wall_ms, moment.mono_ms)
            except StoreError as error:
                _log.error("the last events can't be read: %s", error)
            self._live.publish(self._decider.state, moment, now=True)
            self._uplink.send_status(held, moment.wall_ms, Presence.OFFLINE)

    def answer(self, effect: Answer) -> None:
        """Tell the hub how a command ended."""
        result = Result(
            sender=self._records.journal.controller,
            receiver=HUB,
            id=effect.command,
            outcome=effect.outcome,
            code=effect.code,
            detail=effect.detail[:512],
            at_ms=self._time.moment().wall_ms,
        )
        self._uplink.send_result(result)

    def _take_message(self, leaf: str, payload: bytes) -> None:
        body = None if leaf == DOWN_KEY else self._downlink.open(leaf, payload)
        try:
            if leaf == DOWN_KEY:
                self._take_keys(payload)
            elif isinstance(body, Ack):
                self._take_ack(body)
            elif isinstance(body, Accounts):
                self._take_accounts(body)
            elif isinstance(body, Config):
                self._take_config(body, payload)
            elif isinstance(body, Command):
                self._take_command(body)
        except StoreError as error:
            self._decider.fail(error)

    def _take_ack(self, ack: Ack) -> None:
        if ack.epoch != self._records.journal.epoch:
            return
        if self._first_seq is not None and ack.through_seq >= self._first_seq:
            self._learn(ack.hub_time_ms)
        complaint = self._uplink.acknowledge(ack, self._time.moment().mono_ms)
        if complaint and self._decider.state.alarm is None:
            _log.critical("nothing is authorised: %s", complaint)
            words = f"{complaint}. Nothing is authorised: call the operator"
            self._decider.feed(AlarmChanged(Alarm(Code.JOURNAL_FORK, words)))

    def _take_accounts(self, accounts: Accounts) -> None:
        if accounts.epoch != self._records.journal.epoch:
            return
        if self._time.moment().clock is ClockState.SYNCED:
            self._learn(accounts.hub_time_ms)
        if accounts.page is not None:
            self._take_page(accounts.page)
        if accounts.rights or accounts.answers:
            load = self._records.accounts.load
            pairs = tuple((right, load(right.account)) for right in accounts.rights)
            self._decider.feed(AccountsCame(accounts.revision, pairs, accounts.answers))

    def _take_keys(self, payload: bytes) -> None:
        """Believe the hub's newest key, if the one that is believed leads to it."""
        try:
            keys = follow(payload, self._downlink.hub_key)
        except WireError as error:
            self._downlink.drop(Code.BODY_MALFORMED, f"{DOWN_KEY}: {error}")
            return
        if not keys:
            return
        # Kept first: the hub would have to be asked again after every start.
        self._records.commit((), keep_document(HUB_KEYS_DOCUMENT, payload))
        self._downlink.trust(keys[-1])
        _log.warning("the hub signs with a new key from now on: %s", key_mark(keys[-1]))

    def _take_page(self, page: ListPage) -> None:
        mono_ms = self._time.moment().mono_ms
        is_applied = self._records.cards.apply(page)
        if is_applied:
            self._tell_limits(page)
            # The next page comes on a report: a long list is fetched without pauses.
            wait_ms = 0 if self._records.cards.is_behind else REPORT_GAP_MS
            self._uplink.report_soon(mono_ms, wait_ms)
        elif self._records.cards.is_behind:
            self._uplink.report_soon(mono_ms, BEHIND_REPORT_MS)

    def _tell_limits(self, page: ListPage) -> None:
        """Let sessions know what their cards may cost from now on."""
        in_play = self._decider.state.cards_in_play()
        limits = {
            entry.card: limit_of(entry, self._records.cards.spent_minor(entry.card))
            for entry in page.entries
            if entry.card in in_play
        }
        if limits:
            self._decider.feed(LimitsCame(limits))

    def _take_config(self, config: Config, payload: bytes) -> None:
        held = self._decider.state.config_version
        self._deferred = None
        if config.version <= held:
            if config.version < held:
                self._downlink.drop(Code.VERSION_STALE, f"configuration {config.version} < {held}")
            return
        complaint = config_complaint(config)
        if complaint:
            self._downlink.drop(Code.BODY_MALFORMED, f"configuration {config.version}: {complaint}")
            return
        alarm = self._decider.state.alarm
        can_keep = alarm is None or alarm.writable
        write = keep_document(CONFIG_DOCUMENT, payload)
        if not can_keep or not self._decider.feed(ConfigCame(config), write):
            # Nobody sends it again on this connection: it is taken when it can be kept.
            self._deferred = payload

    def _take_command(self, command: Command) -> None:
        known = self._records.command(command.id)
        if known is not None:
            self._downlink.drop(Code.MESSAGE_REPLAYED, f"command {command.id}")
            self.answer(Answer(command.id, known.outcome, known.code, known.detail))
            return
        moment = self._time.moment()
        if moment.clock is not ClockState.SYNCED:
            words = "the hub's time isn't known yet"
            code = int(Code.CLOCK_UNSYNCED)
            self.answer(Answer(command.id, Outcome.REFUSED, code, words))
            return
        if moment.wall_ms > command.expires_ms:
            self._downlink.drop(Code.MESSAGE_EXPIRED, f"command {command.id}")
            return
        self._records.begin_command(command.id)
        card = command.card if command.action is Action.START else ""
        entry, rights, spent = self._records.look_up(card)
        self._decider.feed(CommandCame(command, entry, rights, self._ids.new("ses"), spent))

    def _learn(self, hub_ms: int) -> None:
        """Take the hub's time, out of a message that can't be of an earlier start.

        Whoever repeats an old one must not turn back the clock: what has expired would be
        good again. So the first is an ack of something that was journalled in this start.
        """
        shifted = self._time.learn(hub_ms)
        if shifted is not None:
            _log.warning("the clock was off by %d ms", shifted.offset_ms)
            self._decider.feed(shifted)


def config_complaint(config: Config) -> str:
    """What makes a configuration unusable; empty when nothing does."""
    ids = [machine.id for machine in config.machines]
    if len(set(ids)) != len(ids):
        return "a machine is named twice"
    try:
        for tariff in config.tariffs:
            zone(tariff.timezone)
    except TariffError as error:
        return str(error)
    return ""
