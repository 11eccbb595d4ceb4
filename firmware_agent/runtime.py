"""The one thread that decides: drain what came, decide, commit, act.

`step` does everything that is due and says for how long it may be left alone; whoever
runs it waits for that long, or for the inbox to wake it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from firmware_agent.code_reader import CodeReader
from firmware_agent.core.allowance import Rights
from firmware_agent.core.due import next_due_ms
from firmware_agent.core.effects import (
    Answer,
    Append,
    ApproveVend,
    DenyVend,
    Effect,
    EndOffer,
    OfferFunds,
    Pulse,
    Restart,
    SendReport,
    SendWant,
    SwitchOff,
    SwitchOn,
)
from firmware_agent.core.inputs import (
    AlarmChanged,
    CardForgotten,
    CardsClashed,
    CardTapped,
    Input,
    ReaderChanged,
    ShutDown,
    Ticked,
)
from firmware_agent.core.language import ONLY_ENGLISH, Languages
from firmware_agent.core.model import ControllerState
from firmware_agent.decider import Decider
from firmware_agent.downlink import Downlink
from firmware_agent.errors import StoreError
from firmware_agent.housekeeping import FreeBytes, Housekeeping
from firmware_agent.hub_side import HubSide
from firmware_agent.inbox import PARTS_MAX, Inbox
from firmware_agent.kiosk.desk import Desk
from firmware_agent.link import Link
from firmware_agent.machine_side import MachineSide, Pace, input_of_pin
from firmware_agent.money_side import MoneySide
from firmware_agent.parts import Parts
from firmware_agent.people_side import PeopleSide
from firmware_agent.records import Records
from firmware_agent.recovery import read_held_cash, read_open_sessions, settle_open
from firmware_agent.timekeeper import Timekeeper
from firmware_agent.uplink import Uplink
from hardware.money.ports import MoneyEvent
from hardware.ports import (
    ButtonPressed,
    CardPresent,
    CardsSeveral,
    DigitsTyped,
    InputChanged,
    PartEvent,
    ReaderDown,
    ReaderUp,
)
from wire.codes import TYPED_LENGTH_MAX
from wire.downlink import CardEntry
from wire.ids import IdSource, card_ref, is_random_uid
from wire.proof import Proof
from wire.uplink import Presence

_log = logging.getLogger(__name__)

EVENTS_PER_STEP_MAX = 100
"""Part events per step; the rest waits for the next, after outputs were renewed."""
IDLE_MS_MIN = 5
"""Whatever is overdue, the processor isn't burnt for it; taps wake the thread anyway."""
FLUSH_MS = 2_000
"""At a shutdown: time for the last events to reach the broker. What doesn't is sent
after the next start."""


@dataclass(frozen=True, slots=True)
class Wires:
    """What a runtime is joined to.

    Attributes:
        records: What is kept.
        parts: Open parts.
        link: The way to the hub.
        uplink: What goes up on it.
        downlink: Opens what comes down.
        time: Tells the time.
        ids: Names sessions.
        card_salt: For card references.
        code_key: For offline codes; None: this controller enrolled before there were any.
        version: Of the agent.
        wake: Set when something came.
        free_bytes: Room on the disk; None: asks the system.
        languages: In which people are spoken to.
        usual_language: Tag of the one while nobody's card is there.
        desk: The kiosk's side; None: there is no kiosk.
    """

    records: Records
    parts: Parts
    link: Link
    uplink: Uplink
    downlink: Downlink
    time: Timekeeper
    ids: IdSource
    card_salt: bytes
    version: str
    wake: threading.Event
    free_bytes: FreeBytes | None = None
    code_key: bytes | None = None
    languages: Languages = ONLY_ENGLISH
    usual_language: str = "en"
    desk: Desk | None = None


class Runtime:
    """A controller at work.

    Args:
        wires: What it is joined to.
        state: Of the controller, as configured, nothing open.
        pace: How often machines are looked at.
    """

    def __init__(self, wires: Wires, state: ControllerState, pace: Pace) -> None:
        self._wires = wires
        self._time = wires.time
        self._decider = Decider(wires.records, state, wires.time.moment)
        self._decider.act = self._act
        self._machines = MachineSide(wires.parts, pace)
        self._money = MoneySide(wires.parts, wires.ids, self._decider.feed)
        self._people = PeopleSide(wires.parts, wires.languages, wires.usual_language)
        self._hub = HubSide(
            self._decider,
            wires.records,
            wires.uplink,
            wires.downlink,
            time=wires.time,
            ids=wires.ids,
        )
        self._codes = CodeReader(wires.records, wires.code_key)
        self._chores = Housekeeping(
            self._decider, wires.records, self._recover, wires.free_bytes, pace.rarer
        )
        self._inbox: Inbox[PartEvent] = Inbox(wires.wake, PARTS_MAX)
        self._pace = pace
        self._actions = self._list_actions()
        self._has_recovered = False
        self._shown: ControllerState | None = None
        self.wants_restart = False

    @property
    def state(self) -> ControllerState:
        """What is known and decided."""
        return self._decider.state

    def start(self) -> None:
        """Settle what was open, then let parts and network report."""
        if self.state.alarm is None:
            self._recover()
        elif self.state.alarm is not None:
            self._decider.feed(AlarmChanged(self.state.alarm))
        for given in (*self._machines.opening_inputs(), *self._money.opening_inputs()):
            self._decider.feed(given)
        self._resume_money()
        self._wires.parts.start(self._inbox.put)
        moment = self._time.moment()
        will = self._wires.uplink.status(self._hub.held(), moment.wall_ms, Presence.OFFLINE)
        self._wires.link.start(will)

    def step(self) -> int:
        """Do everything that is due; returns for how many ms nothing will be."""
        for event in self._inbox.take(EVENTS_PER_STEP_MAX):
            self._take_part(event)
        self._take_pressed()
        for news in self._wires.link.poll():
            self._hub.take(news)
        self._feed_all(self._machines.look(self.state, self._time.moment().mono_ms))
        self._decider.feed(Ticked())
        self._money.look(self.state)
        self._hub.pump()
        if self.state is not self._shown:
            self._shown = self.state
            self._people.refresh(self.state, self._time.moment())
            self._draw()
        elif self._desk_due():
            self._draw()
        self._chores.step(self._time.moment())
        return self._idle_ms()

    def type_digits(self, machine: str, digits: str) -> None:
        """Digits were typed at a machine; from any thread."""
        moment_ms = self._mono_ms()
        self._inbox.put(DigitsTyped(machine, digits[:TYPED_LENGTH_MAX], moment_ms))

    def shut_down(self) -> None:
        """Settle every session, switch everything off, and say goodbye."""
        moment = self._time.moment()
        for machine in self.state.machines.values():
            if machine.session is not None:
                self._machines.switch_off(machine.id)
                self._decider.feed(self._machines.read(machine.id, moment.mono_ms))
        self._decider.feed(ShutDown())
        self._machines.all_off()
        self._people.refresh(self.state, self._time.moment())
        self._hub.say_goodbye()
        self._wires.link.flush(FLUSH_MS)

    def _resume_money(self) -> None:
        try:
            self._money.resume(self._wires.records.cash_seq)
        except StoreError as error:
            self._decider.fail(error)

    def _recover(self) -> bool:
        """Journal the start and settle what was open; False: it couldn't be written."""
        if self._has_recovered:
            return True
        records, state = self._wires.records, self.state
        first_seq = records.journal.head_seq + 1
        try:
            events, held = read_open_sessions(records), read_held_cash(records)
            rights = {event.account: records.accounts.load(event.account) for event in events}
        except StoreError as error:
            self._decider.fail(error)
            return False
        specs = {m.id: m.spec for m in state.machines.values() if m.spec is not None}
        boot = (self._time.moment(), self._wires.version)
        settled = settle_open(state, events, rights, specs, boot, held)
        self._has_recovered = self._decider.take(*settled)
        if self._has_recovered:
            self._hub.begin(first_seq)
        return self._has_recovered

    def _take_part(self, event: PartEvent) -> None:
        if isinstance(event, MoneyEvent):
            self._money.take(event)
            return
        try:
            given = self._input_of(event)
        except StoreError as error:
            self._decider.fail(error)
            return
        if given is not None:
            self._decider.feed(given)

    def _input_of(self, event: PartEvent) -> Input | None:
        """What a part's event means to the core; None: nothing."""
        if isinstance(event, CardPresent):
            return self._tap(event)
        if isinstance(event, ButtonPressed | InputChanged):
            return input_of_pin(event, self.state.machines)
        if isinstance(event, DigitsTyped):
            return self._codes.read(self.state, event, self._time.moment())
        if isinstance(event, CardsSeveral):
            self._tell_desk(event.reader, None)
            return CardsClashed(event.reader)
        if isinstance(event, ReaderDown):
            return ReaderChanged(event.reader, event.reason or "no answer")
        return ReaderChanged(event.reader) if isinstance(event, ReaderUp) else None

    def _tap(self, event: CardPresent) -> CardTapped:
        session = self._wires.ids.new("ses")
        if is_random_uid(event.uid):
            self._tell_desk(event.reader, None)
            return CardTapped(event.reader, "", None, (), event.level, session)
        card = card_ref(self._wires.card_salt, event.uid)
        entry, rights, spent = self._wires.records.look_up(card)
        is_copy = entry is not None and event.level < entry.level
        # What may be a copy of a UID isn't shown its owner's balance.
        hidden = is_copy and not self.state.policy.takes_unproved_cards
        self._tell_desk(event.reader, None if hidden else entry, rights)
        tapped = CardTapped(event.reader, card, entry, rights, event.level, session, spent)
        return replace(tapped, proof=_proof_of(event), proof_lost=event.proof_lost)

    def _take_pressed(self) -> None:
        """What was pressed on the kiosk's screen."""
        desk = self._wires.desk
        if desk is None:
            return
        for given in desk.take(self.state, self._mono_ms()):
            if isinstance(given, CardForgotten):
                self._decider.feed(given)
            else:
                self._take_part(given)

    def _tell_desk(
        self, reader: str, entry: CardEntry | None, rights: tuple[Rights, ...] = ()
    ) -> None:
        if self._wires.desk is not None:
            self._wires.desk.tapped(reader, entry, rights, self._mono_ms())

    def _desk_due(self) -> bool:
        desk = self._wires.desk
        return desk is not None and desk.is_due(self._mono_ms())

    def _draw(self) -> None:
        if self._wires.desk is not None:
            self._wires.desk.refresh(self.state, self._time.moment())

    def _feed_all(self, inputs: list[Input]) -> None:
        for given in inputs:
            self._decider.feed(given)

    def _act(self, effect: Effect) -> None:
        action = self._actions.get(type(effect))
        if action is not None:
            action(effect)

    def _list_actions(self) -> dict[type, Callable[[Any], object]]:
        return {
            Append: lambda _: self._wires.uplink.appended(self._mono_ms()),
            SwitchOn: lambda effect: self._switch_on(effect.machine),
            Pulse: lambda effect: self._switch_on(effect.machine, effect.pulse_ms),
            SwitchOff: lambda effect: self._switch_off(effect.machine),
            OfferFunds: self._money.tell,
            ApproveVend: self._money.tell,
            DenyVend: self._money.tell,
            EndOffer: self._money.tell,
            SendWant: lambda effect: self._wires.uplink.send_want(effect.want),
            Answer: self._hub.answer,
            SendReport: self._report,
            Restart: self._restart,
        }

    def _switch_on(self, machine: str, pulse_ms: int = 0) -> None:
        self._feed_all(self._machines.switch_on(machine, self._mono_ms(), pulse_ms))

    def _switch_off(self, machine: str) -> None:
        self._feed_all(self._machines.end_use(machine, self._mono_ms()))

    def _report(self, effect: SendReport) -> None:
        mono_ms = self._mono_ms()
        if effect.from_acked:
            self._wires.uplink.resend(mono_ms)
        self._wires.uplink.report_soon(mono_ms)

    def _restart(self, _: Restart) -> None:
        _log.warning("restarting, as the hub asked")
        self.wants_restart = True

    def _mono_ms(self) -> int:
        return self._time.moment().mono_ms

    def _idle_ms(self) -> int:
        desk = self._wires.desk
        if len(self._inbox) or self.wants_restart or (desk is not None and desk.waiting):
            return 0
        now_ms = self._mono_ms()
        times = (
            self._machines.due_ms(self.state),
            next_due_ms(self.state),
            self._hub.due_ms(),
            self._chores.due_ms(),
            desk.due_ms if desk is not None else None,
        )
        due_ms = min((time for time in times if time is not None), default=now_ms)
        return min(max(due_ms - now_ms, IDLE_MS_MIN), self._pace.idle_ms)


def _proof_of(event: CardPresent) -> Proof | None:
    """What a card proved, as events tell it; None: its UID only."""
    found = event.proof
    if found is None:
        return None
    return Proof(
        method=found.method,
        level=event.level,
        key_version=found.key_version,
        counter=found.counter,
    )
