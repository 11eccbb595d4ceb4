"""Routes of machines: what they are, and how they are right now."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.fleet import machines
from hub.fleet.machines import PlacedMachine
from hub.people.keys import Scope
from hub.web.machine_now import MachineNow, machine_now
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, remove, write
from wire.bounds import Minor, Name, Words
from wire.machines import Access, AtZero, Cash, Cycle, HubDown, Machine, Mode, Vend

TAG = "Machines"
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Length = Annotated[int, msgspec.Meta(ge=0, le=31 * 86_400_000)]
PriceGroups = Annotated[dict[Name, Name], msgspec.Meta(max_length=64)]


class ProgramBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that a customer may choose; see `wire.machines.Program`.

    Attributes:
        id: Name, as in events.
        name: What people read.
        tariff: Tariff id for everyone; empty: the machine's.
        duration_ms: How long it takes; 0: as long as the cycle.
    """

    id: Name
    name: Label
    tariff: Name = ""
    duration_ms: Length = 0


Programs = Annotated[tuple[ProgramBody, ...], msgspec.Meta(max_length=machines.PROGRAMS_MAX)]


class CycleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a fixed program is started and watched; see `wire.machines.Cycle`.

    Attributes:
        pulse_ms: Length of the start pulse; 0 holds the output for the whole cycle.
        feedback_within_ms: Within this the machine's own feedback must come, or the
            charge is released; 0: the machine has no feedback.
        duration_ms: The cycle's length; with feedback, the longest it may take.
        programs: What the customer chooses from; the first is chosen until they do.
        may_stop: Whether the customer may end it early, and pay for the time that it ran.
        cancel_within_ms: Ended early within this, it costs nothing.
    """

    pulse_ms: Length = Cycle().pulse_ms
    feedback_within_ms: Length = Cycle().feedback_within_ms
    duration_ms: Length = Cycle().duration_ms
    programs: Programs = ()
    may_stop: bool = False
    cancel_within_ms: Length = 0


class AccessBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a door, a locker or a permission is given; see `wire.machines.Access`.

    Attributes:
        open_ms: For how long a tap opens; 0: until the card is tapped again.
        priced: Whether an entry costs what the tariff asks at a start; otherwise it is free.
        door_ms_max: A door that says that it is open for longer than this is an alarm.
    """

    open_ms: Length = Access().open_ms
    priced: bool = False
    door_ms_max: Length = Access().door_ms_max


class VendBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a vending machine is paid for; see `wire.machines.Vend`.

    Attributes:
        choose_ms: For how long after a tap something can be chosen.
        outcome_ms: For how long its word on whether it gave something is awaited.
    """

    choose_ms: Length = Vend().choose_ms
    outcome_ms: Length = Vend().outcome_ms


class CashBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How coins and notes are taken; see `wire.machines.Cash`.

    Attributes:
        unit: Unit of the coins and notes.
        pay_in_ms: For how long after a tap, or after the last coin, money is for that card.
        hold_ms: For how long money that came without a card waits for one.
        balance_max_minor: No more is accepted where the balance, as far as the controller
            knows it, would pass this; 0: no limit.
    """

    unit: Name = Cash().unit
    pay_in_ms: Length = Cash().pay_in_ms
    hold_ms: Length = Cash().hold_ms
    balance_max_minor: Minor = 0


class MachineBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine of a controller; see `wire.machines.Machine`.

    Attributes:
        controller: Which controller switches it.
        id: Name of the machine, unique at the operator.
        name: What people read.
        kind: What it is: `washer`, `laser`, `shower`.
        mode: How it charges.
        tariff: Tariff id for everyone not named below.
        tariff_by_group: Tariff id by the account's price group.
        want_minor: Backed right asked for at the start and each time it runs low.
        hub_down: What a tap may rest on when the hub doesn't answer.
        at_zero: What happens when the right is used up.
        reserve_minor: Part of the right kept for `finish_cycle`.
        idle_ms: Without a metered unit for this long a session ends; 0: never.
        session_ms_max: A session ends after this long whatever happens.
        cycle: For mode `cycle`, and for `vend` by a pulse.
        access: For mode `access`.
        vend: For mode `vend`.
        cash: For mode `revalue`, and wherever there are acceptors.
        permission: Name of the permission that is needed; empty: none.
        deposit_minor: Deposit that the account must have paid; 0: none.
        locked: No sessions may start.
        out_of_service: Why it is out of service; empty: it is in service.
    """

    controller: Name
    id: Name
    name: Label
    kind: Name = "machine"
    mode: Mode = Mode.METERED
    tariff: Name = ""
    tariff_by_group: PriceGroups = {}
    want_minor: Minor = 500
    hub_down: HubDown = HubDown.BACKED_THEN_FLOOR
    at_zero: AtZero = AtZero.STOP
    reserve_minor: Minor = 0
    idle_ms: Length = 0
    session_ms_max: Length = 24 * 3_600_000
    cycle: CycleBody = CycleBody()
    access: AccessBody = AccessBody()
    vend: VendBody = VendBody()
    cash: CashBody = CashBody()
    permission: Name = ""
    deposit_minor: Minor = 0
    locked: bool = False
    out_of_service: Words = ""


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """A machine.

    Attributes:
        controller: Which controller switches it.
        definition: What it is.
        now: How it is right now, as far as the hub has heard.
    """

    controller: str
    definition: Machine
    now: MachineNow


def view(hub: Hub, placed: PlacedMachine) -> MachineView:
    """A machine as the API shows it."""
    live = hub.live.of(placed.controller)
    return MachineView(
        controller=placed.controller,
        definition=placed.machine,
        now=machine_now(placed.machine, live, hub.clock.now().wall_ms),
    )


@read("/machines", Scope.FLEET_READ, tag=TAG)
def list_machines(
    hub: Hub, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[MachineView]:
    """List machines in the order of ids."""
    place = decode_cursor(after, tuple[str])
    with hub.store.read() as connection:
        rows = machines.list_machines(connection, after=place[0] if place else "", limit=limit)
    return page_of(rows, limit, lambda row: view(hub, row), lambda row: (row.machine.id,))


@read("/machines/{machine:str}", Scope.FLEET_READ, tag=TAG)
def get_machine(hub: Hub, machine: PathId) -> MachineView:
    """Read one machine."""
    with hub.store.read() as connection:
        return view(hub, machines.get_machine(connection, machine))


@write("/machines", Scope.FLEET_WRITE, tag=TAG)
def put_machine(hub: Hub, data: JSONBody[MachineBody]) -> MachineView:
    """Add a machine to a controller, or change it; its configuration follows."""
    machine = msgspec.convert(data, Machine, from_attributes=True)
    placed = hub.writer.run(lambda tx: machines.put_machine(tx, data.controller, machine))
    return view(hub, placed)


@remove("/machines/{machine:str}", Scope.FLEET_WRITE, tag=TAG)
def remove_machine(hub: Hub, machine: PathId) -> None:
    """Take a machine away from its controller; its sessions stay."""
    hub.writer.run(lambda tx: machines.remove_machine(tx, machine))


ROUTES = (list_machines, get_machine, put_machine, remove_machine)
