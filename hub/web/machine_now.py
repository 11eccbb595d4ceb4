"""How a machine is right now, in words, with the time at which the hub heard it. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.fleet.live import LiveController
from wire.machines import Machine
from wire.uplink import MachineView as Reported

STALE_AFTER_MS = 30_000
"""Controllers report every few seconds; after this a figure is called old."""


class Shape(StrEnum):
    """What a person does about it: nothing, wait, look, or go there."""

    FREE = "free"
    RUNNING = "running"
    FAULT = "fault"
    OFFLINE = "offline"


_WORDS = {
    "free": (Shape.FREE, "free"),
    "asking": (Shape.RUNNING, "asking the hub"),
    "choosing": (Shape.RUNNING, "someone chooses"),
    "starting": (Shape.RUNNING, "starting"),
    "running": (Shape.RUNNING, "running"),
    "paused": (Shape.RUNNING, "paused"),
    "stopping": (Shape.RUNNING, "stopping"),
    "locked": (Shape.FAULT, "locked"),
    "out_of_service": (Shape.FAULT, "out of service"),
    "fault": (Shape.FAULT, "fault"),
}
"""The states of a controller's machines; one of a later version is shown as it is."""


class MachineNow(msgspec.Struct, frozen=True, kw_only=True):
    """How a machine is.

    Attributes:
        shape: `free`, `running`, `fault` or `offline`.
        state: The controller's word for it; empty: none was heard.
        words: The same for people.
        session: Running session, or empty.
        account: Who pays, or empty.
        charge_minor: Charge so far.
        time_ms: Time used.
        quantity: Units used.
        unit: Unit of `quantity`.
        left_ms: Time left of a cycle, when known.
        detail: Fault, or why it is locked.
        since_ms: Since when it is so, by the controller's clock.
        as_of_ms: When the hub heard it; 0: never.
    """

    shape: Shape
    state: str = ""
    words: str
    session: str = ""
    account: str = ""
    charge_minor: int = 0
    time_ms: int = 0
    quantity: int = 0
    unit: str = ""
    left_ms: int = 0
    detail: str = ""
    since_ms: int = 0
    as_of_ms: int = 0


def machine_now(machine: Machine, live: LiveController, now_ms: int) -> MachineNow:
    """Join what a machine should be with what its controller says of it.

    Args:
        machine: Its definition.
        live: What is known of its controller.
        now_ms: The hub's clock.
    """
    reported = _reported(machine, live)
    if reported is None:
        return MachineNow(shape=Shape.OFFLINE, words="not heard yet", as_of_ms=live.state_ms)
    shape, words = _shape(reported)
    if is_silent(live, now_ms):
        shape, words = Shape.OFFLINE, "silent"
    return MachineNow(
        shape=shape,
        state=reported.state,
        words=words,
        session=reported.session,
        account=reported.account,
        charge_minor=reported.charge_minor,
        time_ms=reported.time_ms,
        quantity=reported.quantity,
        unit=reported.unit,
        left_ms=reported.left_ms,
        detail=reported.detail or machine.out_of_service,
        since_ms=reported.since_ms,
        as_of_ms=live.state_ms,
    )


def is_silent(live: LiveController, now_ms: int) -> bool:
    """Tell whether what is known of a controller is too old to be called live."""
    return not live.online or now_ms - live.state_ms > STALE_AFTER_MS


def _reported(machine: Machine, live: LiveController) -> Reported | None:
    views = () if live.state is None else live.state.machines
    return next((view for view in views if view.machine == machine.id), None)


def _shape(reported: Reported) -> tuple[Shape, str]:
    return _WORDS.get(reported.state) or (Shape.FREE, reported.state.replace("_", " "))
