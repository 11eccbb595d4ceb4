"""What takes money at the bench: coin and note acceptors, and a vending machine."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.money.specs import CashSpec
from simulator.bench.deeds import Deed, Field, Form, Kind, Target, plain, yes
from simulator.errors import SetupError
from simulator.parts.cash_room import Acceptor, CashRoom
from simulator.parts.cash_spec import EURO_NOTES, EUROS
from simulator.parts.cctalk_wire import VirtualCctalkBus
from simulator.parts.coin_slot import VirtualPulseAcceptor
from simulator.parts.vending import Outcome, VirtualVendingMachine

_CENTS_PER_EURO = 100
_LETTERS = 2
"""A ccTalk name is two letters of a country, a value, and an issue code."""


@dataclass(slots=True)
class Slot:
    """A slot that money is put into, by value.

    Attributes:
        acceptor: What is behind it.
        line: Where its plug is: its bus, or itself.
        numbers: What it takes, by value in cents: the acceptor's own number.
        pulse_minor: What a pulse is worth, for one that takes any number of them; 0: none.
        returned: How often what was put in came out again.
    """

    acceptor: Acceptor
    line: VirtualCctalkBus | VirtualPulseAcceptor
    numbers: dict[int, int]
    pulse_minor: int = 0
    returned: int = 0

    def insert(self, value_minor: int) -> None:
        """Put a coin or note in.

        Raises:
            SetupError: There is none of that value.
        """
        number = self.numbers.get(value_minor, 0)
        if self.pulse_minor and value_minor % self.pulse_minor == 0:
            number = value_minor // self.pulse_minor
        if number < 1:
            known = ", ".join(map(str, self.numbers)) or f"multiples of {self.pulse_minor}"
            raise SetupError(f"nothing is worth {value_minor} cents here; there is {known}")
        if not self.acceptor.insert(number):
            self.returned += 1


def slot_of(room: CashRoom, spec: CashSpec) -> Slot:
    """The slot of an acceptor as the controller's file has it."""
    acceptor = room.acceptors[spec.id]
    if spec.driver == "coin_pulse":
        numbers = {value: number for number, value in enumerate(spec.values, 1) if value}
        return Slot(acceptor, room.slots[spec.id], numbers, spec.pulse_minor)
    names, worth = (EURO_NOTES, _CENTS_PER_EURO) if spec.kind == "note" else (EUROS, 1)
    numbers = {int(name[_LETTERS:-1]) * worth: number for number, name in enumerate(names, 1)}
    bus = next(bus for bus in room.buses.values() if bus.has(acceptor))
    return Slot(acceptor, bus, numbers)


def _slot(target: Target) -> Slot:
    return target.as_a(Slot)


def _insert(target: Target, form: Form) -> None:
    _slot(target).insert(int(form["value_minor"]))


def _lose_answers(target: Target, form: Form) -> None:
    line = _slot(target).line
    if not isinstance(line, VirtualCctalkBus):
        raise SetupError("an acceptor that pulses gives no answers")
    line.lose_answers = int(form["count"])


def _as_new(target: Target) -> None:
    slot = _slot(target)
    if slot.acceptor.is_jammed:
        slot.acceptor.mend()
    if isinstance(slot.line, VirtualCctalkBus):
        slot.line.lose_answers = 0
    slot.line.plug()


ACCEPTOR = Kind(
    name="acceptor",
    words="acceptor",
    deeds=(
        Deed(
            name="insert",
            words="Put money in",
            do=_insert,
            fields=(Field(name="value_minor", words="Cents", kind="number"),),
        ),
        plain("jam", "Let it stick", lambda target: _slot(target).acceptor.jam()),
        plain("mend", "Make it as new", _as_new),
        plain("unplug", "Unplug it", lambda target: _slot(target).line.unplug()),
        plain("plug", "Plug it in", lambda target: _slot(target).line.plug()),
        Deed(
            name="lose-answers",
            words="Lose its next answers",
            do=_lose_answers,
            fields=(Field(name="count", words="So many", kind="number", usual="1"),),
            is_fault=True,
        ),
    ),
    sees={
        "accepts": lambda target: yes(_slot(target).acceptor.accepts),
        "taken": lambda target: len(_slot(target).acceptor.taken),
        "returned": lambda target: _slot(target).returned,
    },
    mend=_as_new,
)


def _vending(target: Target) -> VirtualVendingMachine:
    return target.as_a(VirtualVendingMachine)


def _choose(target: Target, form: Form) -> None:
    machine = _vending(target)
    if form["item"] not in machine.prices:
        raise SetupError(f"it sells {', '.join(machine.prices)}, not {form['item']!r}")
    if not machine.choose(form["item"]):
        raise SetupError(f"it doesn't react: it is {machine.stage.value}, funds {machine.funds}")


def _next(target: Target, form: Form) -> None:
    _vending(target).outcome = Outcome(form["outcome"])


def _finish(target: Target, form: Form) -> None:
    _vending(target).finish(Outcome(form["outcome"]))


def _vend_as_new(target: Target) -> None:
    machine = _vending(target)
    machine.outcome = Outcome.SUCCESS
    machine.is_deaf = False
    if not machine.is_on:
        machine.switch(on=True)
    if not machine.is_plugged:
        machine.plug()
    machine.finish(Outcome.FAILURE)


_OUTCOME = Field(
    name="outcome",
    words="Outcome",
    kind="choice",
    choices=tuple(outcome.value for outcome in Outcome),
)

VEND = Kind(
    name="vending",
    words="vending machine",
    deeds=(
        Deed(
            name="choose",
            words="Choose it",
            do=_choose,
            fields=(Field(name="item", words="Item"),),
        ),
        plain(
            "take-back",
            "Press the return lever",
            lambda target: _vending(target).take_back(),
            is_fault=False,
        ),
        Deed(
            name="next",
            words="Let its next vend end so",
            do=_next,
            fields=(_OUTCOME,),
            is_fault=True,
        ),
        Deed(
            name="finish",
            words="Let a silent one end so",
            do=_finish,
            fields=(_OUTCOME,),
            is_fault=True,
        ),
        plain("switch-off", "Switch it off", lambda target: _vending(target).switch(on=False)),
        plain("switch-on", "Switch it on", lambda target: _vending(target).switch(on=True)),
        plain("unplug", "Unplug its adapter", lambda target: _vending(target).unplug()),
        plain("plug", "Plug it in", lambda target: _vending(target).plug()),
    ),
    sees={
        "stage": lambda target: _vending(target).stage.value.lower(),
        "funds": lambda target: str(_vending(target).funds),
        "given": lambda target: len(_vending(target).given),
    },
    mend=_vend_as_new,
)
