"""One step while it is being worked out: the state as it becomes, and the effects.

Used inside `controller.step` only; what leaves the step is immutable again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from firmware_agent.core.allowance import Balance, Rights, local_balance
from firmware_agent.core.effects import Append, Effect
from firmware_agent.core.model import (
    NOBODY,
    ControllerState,
    MachineState,
    Moment,
    Notice,
    ReaderState,
    Shown,
)
from firmware_agent.core.paying import CardLimit
from firmware_agent.core.session import State, Trigger, advance
from wire.downlink import CardEntry
from wire.errors import Code
from wire.events import AnyEvent, CardRefused, MachineFault
from wire.money import EUR, Unit

NOTICE_MS = 4_000
"""Long enough to read two short lines, short enough for the next person in a queue."""
REFUSALS_PER_MINUTE_MAX = 10
"""Refused taps journalled per reader: someone who plays with a card must not fill a disk.
More than that are shown to the person and not recorded."""
MINUTE_MS = 60_000

E = TypeVar("E", bound=AnyEvent)


class Turn:
    """A step in the making.

    Args:
        state: Before the step.
        moment: When it happens.
    """

    def __init__(self, state: ControllerState, moment: Moment) -> None:
        self.state = state
        self.moment = moment
        self.effects: list[Effect] = []

    def emit(self, *effects: Effect) -> None:
        """Want something done."""
        self.effects += effects

    def append(self, type_: type[E], **fields: object) -> E:
        """Journal an event with the next seq."""
        seq = self.state.last_seq + 1
        event = type_(seq=seq, at=self.moment.stamp, **fields)  # type: ignore[arg-type]
        self.state = replace(self.state, last_seq=seq)
        self.emit(Append(event))
        return event

    def machine(self, machine: str) -> MachineState:
        """A machine as it is now."""
        return self.state.machines[machine]

    def put(self, machine: MachineState) -> MachineState:
        """Keep a machine's new state."""
        self.state = replace(self.state, machines={**self.state.machines, machine.id: machine})
        return machine

    def move(self, machine: MachineState, trigger: Trigger) -> MachineState:
        """Take a step of the table and keep it.

        Raises:
            IllegalEvent: The table has no such step.
        """
        return self.put_state(machine, advance(machine.state, trigger))

    def put_state(self, machine: MachineState, state: State) -> MachineState:
        """Keep a machine in another state."""
        return self.put(replace(machine, state=state, since_ms=self.moment.wall_ms))

    def reader(self, reader: str) -> ReaderState:
        """A reader as it is now."""
        return self.state.readers.get(reader, ReaderState(reader))

    def put_reader(self, reader: ReaderState) -> ReaderState:
        """Keep a reader's new state."""
        self.state = replace(self.state, readers={**self.state.readers, reader.id: reader})
        return reader

    def rights(self, account: str) -> Rights:
        """Rights of an account in play.

        Raises:
            KeyError: Nobody brought them; guessing none would lose totals.
        """
        return self.state.accounts[account]

    def put_rights(self, rights: Rights) -> None:
        """Keep rights of an account in play."""
        self.state = replace(self.state, accounts={**self.state.accounts, rights.account: rights})

    def bring_rights(self, brought: tuple[Rights, ...]) -> None:
        """Keep rights that an input brought; those in play are newer and stay."""
        for rights in brought:
            if rights.account not in self.state.accounts:
                self.put_rights(rights)

    def put_limit(self, card: str, limit: CardLimit | None) -> None:
        """Keep the limit of a card in play; None: it has none."""
        if limit is None and card not in self.state.limits:
            return
        limits = {name: one for name, one in self.state.limits.items() if name != card}
        if limit is not None:
            limits[card] = limit
        self.state = replace(self.state, limits=limits)

    def balance(self, entry: CardEntry) -> Balance:
        """What is left for a card."""
        open_minor = self.state.open_minor(entry.account)
        return local_balance(self.rights(entry.account), entry.floor_minor, open_minor)

    def notice(
        self,
        machine: MachineState,
        *,
        code: Code | None = None,
        words: str = "",
        then: str = "",
        amount_minor: int = 0,
        unit: Unit = EUR,
    ) -> MachineState:
        """Tell the person at a machine something for a few seconds."""
        notice = Notice(self.moment.mono_ms + NOTICE_MS, code, words, then, amount_minor, unit)
        return self.put(replace(machine, notice=notice))

    def notice_at_reader(self, reader: str, code: Code | None, words: str = "") -> None:
        """Tell the person at a shared reader something for a few seconds."""
        notice = Notice(self.moment.mono_ms + NOTICE_MS, code, words)
        self.put_reader(replace(self.reader(reader), notice=notice))

    def fault(self, machine: str, code: Code, detail: str = "", *, cleared: bool = False) -> None:
        """Journal that something misbehaves, or no longer does."""
        if self.may_append:
            self.append(
                MachineFault, machine=machine, code=int(code), detail=detail, cleared=cleared
            )

    @property
    def may_append(self) -> bool:
        """Whether events can be journalled now."""
        return self.state.alarm is None or self.state.alarm.writable

    def record_refusal(
        self,
        reader: str,
        machine: str,
        code: Code,
        *,
        shown: Shown = NOBODY,
        short_minor: int = 0,
    ) -> None:
        """Journal a refused tap, within the reader's limit."""
        held = self.reader(reader)
        if self.moment.mono_ms - held.refusals_from_ms >= MINUTE_MS:
            held = replace(held, refusals_from_ms=self.moment.mono_ms, refusals=0)
        if held.refusals < REFUSALS_PER_MINUTE_MAX and self.may_append:
            self.append(
                CardRefused,
                machine=machine,
                card=shown.card,
                code=int(code),
                account=shown.account,
                short_minor=short_minor,
                proof=shown.proof,
            )
        self.put_reader(replace(held, refusals=held.refusals + 1))
