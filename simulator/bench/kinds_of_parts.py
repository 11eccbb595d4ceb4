"""Parts at a controller, and what can be done to them."""

from __future__ import annotations

from dataclasses import replace

from simulator.bench.cards import clone_of, plain_card
from simulator.bench.deeds import Deed, Field, Form, Kind, Target, plain, yes
from simulator.errors import SetupError
from simulator.parts.controller import MachineView
from simulator.parts.display_tube import DisplayTube
from simulator.parts.iso_dep import CommandCard, Tear
from simulator.parts.machine import Fault
from simulator.parts.panels import Panels
from simulator.parts.plugs import VirtualPlug
from simulator.parts.pn532_chip import Pn532Chip
from simulator.parts.wedge import Wedge

TAP_MS = "400"
"""How long a tapped card lies there: what people do."""
COLOURS = {
    (): "dark",
    ("red",): "red",
    ("green",): "green",
    ("blue",): "blue",
    ("green", "red"): "yellow",
    ("blue", "red"): "violet",
    ("blue", "green"): "cyan",
    ("blue", "green", "red"): "white",
}
CARD = Field(name="card", words="Card", kind="card")


def _tap(target: Target, form: Form) -> None:
    chip, card = target.as_a(Pn532Chip), target.stage.box.find(form["card"])
    target.stage.world.hold(chip, card.tag, int(form["hold_ms"]))


def _place(target: Target, form: Form) -> None:
    target.as_a(Pn532Chip).place(target.stage.box.find(form["card"]).tag)


def _tear(target: Target, form: Form) -> None:
    card = target.stage.box.find(form["card"]).tag
    if not isinstance(card, CommandCard):
        raise SetupError(f"{form['card']} takes no commands: there is nothing to tear")
    chip = target.as_a(Pn532Chip)
    card.on_torn = lambda: chip.remove(card)
    card.tear(int(form["commands"]), Tear[form["when"].upper()])
    chip.place(card)


def _take_all(target: Target) -> None:
    chip = target.as_a(Pn532Chip)
    for tag in chip.cards():
        chip.remove(tag)


def _lying(target: Target) -> str:
    names = {card.tag: card.words for card in target.stage.box.cards}
    return ", ".join(names.get(tag, "a card") for tag in target.as_a(Pn532Chip).cards())


def _as_new(target: Target) -> None:
    chip = target.as_a(Pn532Chip)
    _take_all(target)
    chip.set_latency(0)
    if chip.is_hung:
        chip.restart()
    if not chip.is_plugged:
        chip.plug()


READER = Kind(
    name="reader",
    words="reader",
    deeds=(
        Deed(
            name="tap",
            words="Tap the card",
            do=_tap,
            fields=(CARD, Field(name="hold_ms", words="For ms", kind="number", usual=TAP_MS)),
        ),
        Deed(name="place", words="Lay it down", do=_place, fields=(CARD,)),
        plain("remove", "Take all away", _take_all, is_fault=False),
        Deed(
            name="tear",
            words="Tear it away",
            do=_tear,
            fields=(
                CARD,
                Field(name="commands", words="At its command number", kind="number", usual="2"),
                Field(name="when", words="When", kind="choice", choices=("before", "after")),
            ),
            is_fault=True,
        ),
        plain("unplug", "Unplug it", lambda target: target.as_a(Pn532Chip).unplug()),
        plain("plug", "Plug it in", lambda target: target.as_a(Pn532Chip).plug()),
        plain("hang", "Let it hang", lambda target: target.as_a(Pn532Chip).hang()),
        plain("restart", "Restart it", lambda target: target.as_a(Pn532Chip).restart()),
        Deed(
            name="slow",
            words="Answer late",
            do=lambda target, form: target.as_a(Pn532Chip).set_latency(int(form["by_ms"])),
            fields=(Field(name="by_ms", words="By ms", kind="number", usual="100"),),
            is_fault=True,
        ),
    ),
    sees={
        "cards": _lying,
        "plugged": lambda target: yes(target.as_a(Pn532Chip).is_plugged),
        "hangs": lambda target: yes(target.as_a(Pn532Chip).is_hung),
    },
    mend=_as_new,
)


def _type_card(target: Target, form: Form) -> None:
    target.as_a(Wedge).type(target.stage.box.find(form["card"]).tag.uid.hex())


TYPING_READER = Kind(
    name="typing-reader",
    words="reader that types",
    deeds=(
        Deed(name="tap", words="Tap the card", do=_type_card, fields=(CARD,)),
        plain("unplug", "Unplug it", lambda target: target.as_a(Wedge).unplug()),
        plain("plug", "Plug it in", lambda target: target.as_a(Wedge).plug()),
    ),
    sees={"plugged": lambda target: yes(target.as_a(Wedge).is_plugged)},
    mend=lambda target: target.as_a(Wedge).plug(),
)


def _view(target: Target) -> MachineView:
    return target.stage.world.snapshot()[target.controller].machines[target.machine]


def _lamp(target: Target) -> str:
    parts = target.stage.world.controller(target.controller).machines[target.machine].parts
    return "none" if parts.lamps is None else COLOURS[tuple(sorted(_view(target).lamps))]


def _press(target: Target) -> None:
    if not target.stage.world.press(target.controller, target.machine):
        raise SetupError(f"{target.controller} has no power: nobody feels its buttons")


def _type(target: Target, form: Form) -> None:
    if not target.stage.world.type_code(target.controller, target.machine, form["code"]):
        raise SetupError(f"{target.controller} has no power: nobody reads its keypad")


def _fault(target: Target, fault: Fault) -> None:
    target.stage.world.set_fault(target.controller, target.machine, fault)


MACHINE = Kind(
    name="machine",
    words="machine",
    deeds=(
        plain("press", "Press its button", _press, is_fault=False),
        Deed(
            name="type",
            words="Type it",
            do=_type,
            fields=(Field(name="code", words="Top-up code"),),
        ),
        plain("jam", "Jam it", lambda target: _fault(target, Fault.JAM)),
        plain("mend", "Mend it", lambda target: _fault(target, Fault.NONE)),
    ),
    sees={
        "relay": lambda target: "closed" if _view(target).relay else "open",
        "running": lambda target: yes(_view(target).running),
        "lamp": _lamp,
        "buzzer": lambda target: "sounds" if _view(target).buzzer else "silent",
        "display": lambda target: "\n".join(_view(target).display),
        "fault": lambda target: _view(target).fault,
        "used": lambda target: _view(target).pulses,
    },
    mend=lambda target: _fault(target, Fault.NONE),
)


MACHINE_WITHOUT_BUTTON = replace(
    MACHINE, deeds=tuple(deed for deed in MACHINE.deeds if deed.name != "press")
)


def _stand(target: Target) -> int:
    return target.stage.world.controller(target.controller).machines[target.machine].count


_SILENCE = plain("silence", "Let it be silent", lambda target: _fault(target, Fault.SILENT))
_ANSWER = plain("answer", "Let it answer", lambda target: _fault(target, Fault.NONE))

PULSES = Kind(
    name="pulses",
    words="meter that gives pulses",
    deeds=(_SILENCE, _ANSWER),
    mend=lambda target: _fault(target, Fault.NONE),
)
METER = Kind(
    name="meter",
    words="meter with a count",
    deeds=(
        _SILENCE,
        _ANSWER,
        plain("back", "Turn it back", lambda target: _fault(target, Fault.BACKWARDS)),
        plain("exchange", "Exchange it", lambda target: _fault(target, Fault.EXCHANGED)),
        Deed(
            name="turn",
            words="Turn it",
            do=lambda target, form: target.stage.world.turn_meter_to(
                target.controller, target.machine, int(form["to"])
            ),
            fields=(Field(name="to", words="To", kind="number"),),
            is_fault=True,
        ),
    ),
    sees={"stands": _stand},
    mend=lambda target: _fault(target, Fault.NONE),
)


def _socket(target: Target) -> VirtualPlug:
    return target.as_a(VirtualPlug)  # type: ignore[type-abstract]  # any maker's


def _plug_in_again(target: Target) -> None:
    plug = _socket(target)
    plug.is_mute, plug.obeys = False, True
    plug.plug()
    plug.restore()


def _deafen(target: Target) -> None:
    _socket(target).is_mute = True


def _disobey(target: Target) -> None:
    _socket(target).obeys = False


PLUG = Kind(
    name="plug",
    words="switched socket",
    deeds=(
        plain(
            "press",
            "Press its own button",
            lambda target: _socket(target).press(),
            is_fault=False,
        ),
        plain("unplug", "Pull it out", lambda target: _socket(target).unplug()),
        plain("cut", "Take its network away", lambda target: _socket(target).cut()),
        plain("deafen", "Let it hear nothing", _deafen),
        plain("weld", "Let its relay stick", _disobey),
        plain("mend", "Make it as new", _plug_in_again),
    ),
    sees={"relay": lambda target: "closed" if _socket(target).is_on else "open"},
    mend=_plug_in_again,
)


def _light_tube(target: Target) -> None:
    tube = target.as_a(DisplayTube)
    if not tube.is_plugged:
        tube.plug()


def _light_panel(target: Target) -> None:
    panels = target.as_a(Panels)
    if not panels.is_plugged(target.machine):
        panels.plug_in(target.machine)


TUBE = Kind(
    name="tube",
    words="display at a serial port",
    deeds=(
        plain("unplug", "Unplug it", lambda target: target.as_a(DisplayTube).unplug()),
        plain("plug", "Plug it in", lambda target: target.as_a(DisplayTube).plug()),
    ),
    sees={"display": lambda target: "\n".join(target.as_a(DisplayTube).lines)},
    mend=_light_tube,
)
PANEL = Kind(
    name="panel",
    words="display at an I2C bus",
    deeds=(
        plain("unplug", "Unplug it", lambda target: target.as_a(Panels).pull_out(target.machine)),
        plain("plug", "Plug it in", lambda target: target.as_a(Panels).plug_in(target.machine)),
    ),
    sees={
        "plugged": lambda target: yes(target.as_a(Panels).is_plugged(target.machine)),
        "display": lambda target: "\n".join(target.as_a(Panels).lines(target.machine)),
        "lit": lambda target: target.as_a(Panels).lit(target.machine),
        "drawn": lambda target: target.as_a(Panels).drawn(target.machine),
    },
    mend=_light_panel,
)


def _clone(target: Target, form: Form) -> None:
    box = target.stage.box
    name = form["name"] or f"{form['card']}-copy"
    box.add(clone_of(box.find(form["card"]), name))


def _make(target: Target, form: Form) -> None:
    target.stage.box.add(plain_card(form["uid"], form["name"]))


CARDS = Kind(
    name="cards",
    words="box of cards",
    deeds=(
        Deed(
            name="clone",
            words="Copy its UID",
            do=_clone,
            fields=(CARD, Field(name="name", words="Call the copy", usual="")),
        ),
        Deed(
            name="make",
            words="Make a card",
            do=_make,
            fields=(Field(name="name", words="Name"), Field(name="uid", words="UID in hex")),
        ),
    ),
    sees={"count": lambda target: len(target.stage.box.cards)},
)
