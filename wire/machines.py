"""What the hub tells a controller about its machines: modes, prices, policies.

The controller's own file says how a machine is wired; this says what it means.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from wire.bounds import Millis, Minor, Seq
from wire.tariff import Tariff

PRICE_UNIT = "price"
"""Base unit of a vend's quantity: the price that the vending machine asks, in minor units.
A tariff that asks one minor unit per `PRICE_UNIT` passes it on; others give discounts."""
SERVICE_PERMISSION = "service"
"""Who has this permission takes machines out of service with a tap, and back; such a card
starts nothing."""


class Mode(StrEnum):
    """How use of a machine becomes a charge."""

    METERED = "metered"
    CYCLE = "cycle"
    VEND = "vend"
    ACCESS = "access"
    REVALUE = "revalue"


class HubDown(StrEnum):
    """What a tap may rest on when the hub doesn't answer."""

    DENY = "deny"
    BACKED_ONLY = "backed_only"
    BACKED_THEN_FLOOR = "backed_then_floor"


class AtZero(StrEnum):
    """What happens when a running session has used up its right."""

    STOP = "stop"
    FINISH_CYCLE = "finish_cycle"
    PROMPT_TOP_UP = "prompt_top_up"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One of the programs that a customer may choose from.

    Attributes:
        id: Name, as in events.
        name: What people read.
        tariff: Tariff id for everyone; empty: the machine's.
        duration_ms: How long it takes; 0: as long as the cycle.
    """

    id: str
    name: str
    tariff: str = ""
    duration_ms: Millis = 0


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """How a fixed program is started and watched.

    Attributes:
        pulse_ms: Length of the start pulse; 0 holds the output for the whole cycle.
        feedback_within_ms: Within this the machine's own feedback must come, or the
            charge is released; 0: the machine has no feedback.
        duration_ms: The cycle's length; with feedback, the longest it may take.
        programs: What the customer chooses from; the first is chosen until they do.
        may_stop: Whether the customer may end it early; then they pay for the time that it
            ran, by the tariff. Only where the output is held: what a pulse started runs on.
        cancel_within_ms: Ended early within this, it costs nothing.
    """

    pulse_ms: Millis = 200
    feedback_within_ms: Millis = 10_000
    duration_ms: Millis = 3_600_000
    programs: tuple[Program, ...] = ()
    may_stop: bool = False
    cancel_within_ms: Millis = 0


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How a door, a locker or a permission is given.

    Attributes:
        open_ms: For how long a tap opens; 0: until the card is tapped again.
        priced: Whether an entry costs what the tariff asks at a start; otherwise it is free.
        door_ms_max: A door that says that it is open for longer than this is an alarm.
    """

    open_ms: Millis = 0
    priced: bool = False
    door_ms_max: Millis = 60_000


class Cash(msgspec.Struct, frozen=True, kw_only=True):
    """How coins and notes are taken at a machine that has acceptors.

    Attributes:
        unit: Unit of the coins and notes.
        pay_in_ms: For how long after a tap, or after the last coin, money is for that card.
        hold_ms: For how long money that came without a card waits for one.
        balance_max_minor: No more is accepted where the balance, as far as the controller
            knows it, would pass this; 0: no limit.
    """

    unit: str = "EUR"
    pay_in_ms: Millis = 60_000
    hold_ms: Millis = 120_000
    balance_max_minor: Minor = 0


class Vend(msgspec.Struct, frozen=True, kw_only=True):
    """How a vending machine is paid for.

    Attributes:
        choose_ms: For how long after a tap something can be chosen.
        outcome_ms: For how long its word on whether it gave something is awaited; then the
            outcome is unknown.
    """

    choose_ms: Millis = 60_000
    outcome_ms: Millis = 120_000


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine of a controller.

    Attributes:
        id: Name of the machine, unique at the operator.
        name: What people read.
        kind: What it is: `washer`, `laser`, `shower`, …
        mode: How it charges.
        tariff: Tariff id for everyone not named below.
        tariff_by_group: Tariff id by the account's price group.
        want_minor: Backed right asked for at the start of a session and each time
            it runs low.
        hub_down: Policy when the hub doesn't answer.
        at_zero: What happens when the right is used up.
        reserve_minor: Part of the right kept for `finish_cycle`.
        idle_ms: Without a metered unit for this long a session ends; 0: never.
        session_ms_max: A session ends after this long whatever happens.
        cycle: For mode `cycle`, and for `vend` where nothing but a pulse asks for goods.
        access: For mode `access`.
        vend: For mode `vend`.
        cash: For mode `revalue`, and wherever there are acceptors.
        permission: Name of the permission that the card's owner needs; empty: none.
        deposit_minor: Deposit that the account must have paid; 0: none.
        locked: No sessions may start.
        out_of_service: Why it is out of service; empty: it is in service.
    """

    id: str
    name: str
    kind: str = "machine"
    mode: Mode = Mode.METERED
    tariff: str = ""
    tariff_by_group: dict[str, str] = {}
    want_minor: Minor = 500
    hub_down: HubDown = HubDown.BACKED_THEN_FLOOR
    at_zero: AtZero = AtZero.STOP
    reserve_minor: Minor = 0
    idle_ms: Millis = 0
    session_ms_max: Millis = 24 * 3_600_000
    cycle: Cycle = Cycle()
    access: Access = Access()
    vend: Vend = Vend()
    cash: Cash = Cash()
    permission: str = ""
    deposit_minor: Minor = 0
    locked: bool = False
    out_of_service: str = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of a controller as a whole.

    Attributes:
        want_timeout_ms: How long a tap waits for the hub.
        checkpoint_ms: How often a running session is checkpointed.
        low_percent: More is asked for when this share of the right is left.
        state_ms: How often the live view is published.
        batch_events_max: Events in one batch at most.
        batch_wait_ms: How long an event may wait for others.
        takes_unproved_cards: Whether a card that is listed as proving itself may start
            without its proof, on backed rights only. For the time in which readers are
            changed: until it is off again, a copy of such a card's UID is as good.
    """

    want_timeout_ms: Millis = 1_500
    checkpoint_ms: Millis = 10_000
    low_percent: Seq = 30
    state_ms: Millis = 2_000
    batch_events_max: Seq = 100
    batch_wait_ms: Millis = 1_000
    takes_unproved_cards: bool = False


class Config(msgspec.Struct, frozen=True, kw_only=True, tag="config", tag_field="kind"):
    """The configuration of one controller: body of `down/config`.

    Attributes:
        receiver: The controller.
        version: Rises with each change; an older one is refused.
        site: Where it stands.
        timezone: IANA name of the site's time zone.
        machines: Its machines.
        tariffs: Every version that its machines can start with.
        policy: Its rules.
    """

    receiver: str
    version: Seq
    site: str = ""
    timezone: str = "UTC"
    machines: tuple[Machine, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    policy: Policy = Policy()


def tariff_id_for(machine: Machine, group: str, own: dict[str, str]) -> str:
    """Which tariff prices a session: the account's own, its group's, or everyone's.

    Args:
        machine: The machine.
        group: The account's price group.
        own: The account's own prices: machine id or machine kind to tariff id.
    """
    return (
        own.get(machine.id)
        or own.get(machine.kind)
        or machine.tariff_by_group.get(group)
        or machine.tariff
    )
