"""What a visitor of the bench can do, from a form to the stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.bench.stage import Stage
from simulator.errors import SetupError
from simulator.parts.machine import Fault
from simulator.parts.tags import Tag
from simulator.proxy import NetworkFault

TAP_MS = 400
"""How long a tapped card lies there: what people do."""
ALL = "all"
"""Stands for every controller, where that makes sense."""

Form = Mapping[str, str]


def obey(stage: Stage, order: str, form: Form) -> None:
    """Do what a form asks for.

    Raises:
        SetupError: There is no such order, or it names what isn't there.
    """
    action = _ORDERS.get(order)
    if action is None:
        raise SetupError(f"there is no order {order!r}")
    try:
        action(stage, form)
    except KeyError as error:
        raise SetupError(f"there is no {error.args[0]!r} at the bench") from None
    except ValueError as error:
        raise SetupError(str(error)) from None


def _tap(stage: Stage, form: Form) -> None:
    card = _card(stage, form)
    stage.world.tap(form["controller"], form["reader"], card, TAP_MS)


def _place(stage: Stage, form: Form) -> None:
    stage.world.place(form["controller"], form["reader"], _card(stage, form))


def _remove(stage: Stage, form: Form) -> None:
    for card in stage.cards:
        stage.world.remove(form["controller"], form["reader"], card.tag)


def _press(stage: Stage, form: Form) -> None:
    stage.world.press(form["controller"], form["button"])


def _code(stage: Stage, form: Form) -> None:
    if not stage.world.type_code(form["controller"], form["machine"], form["code"]):
        raise SetupError(f"{form['controller']} has no power: nobody reads its keypad")


def _reader(stage: Stage, form: Form) -> None:
    move: Callable[[str, str], None] = {
        "unplug": stage.world.unplug,
        "plug": stage.world.plug,
        "hang": stage.world.hang,
        "restart": stage.world.restart,
    }[form["do"]]
    move(form["controller"], form["reader"])


def _machine(stage: Stage, form: Form) -> None:
    stage.world.set_fault(form["controller"], form["machine"], Fault(form["do"]))


def _network(stage: Stage, form: Form) -> None:
    fault = None if form["do"] == "restore" else NetworkFault(form["do"])
    for controller in _controllers(stage, form):
        if fault is None:
            stage.restore_network(controller)
        else:
            stage.disturb_network(controller, fault)


def _power(stage: Stage, form: Form) -> None:
    move = {"cut": stage.cut_power, "restore": stage.restore_power}[form["do"]]
    for controller in _controllers(stage, form):
        move(controller)


_ORDERS: dict[str, Callable[[Stage, Form], None]] = {
    "tap": _tap,
    "place": _place,
    "remove": _remove,
    "press": _press,
    "code": _code,
    "reader": _reader,
    "machine": _machine,
    "network": _network,
    "power": _power,
}


def _controllers(stage: Stage, form: Form) -> tuple[str, ...]:
    names = tuple(plan.id for plan in stage.site.controllers)
    if form["controller"] == ALL:
        return names
    if form["controller"] not in names:
        raise KeyError(form["controller"])
    return (form["controller"],)


def _card(stage: Stage, form: Form) -> Tag:
    for card in stage.cards:
        if card.id == form["card"]:
            return card.tag
    raise KeyError(form["card"])
