"""Routes of commands: start, stop, lock, unlock, identify, resync, restart, update."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from hub.errors import NotFoundError
from hub.fleet import commands
from hub.fleet.commands import Order, SentCommand
from hub.fleet.controllers import get_controller
from hub.people.keys import Scope
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Name, Words
from wire.downlink import Action
from wire.uplink import Outcome

TAG = "Commands"
CardRef = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?$")]


class SendCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a controller.

    Attributes:
        id: Made and stored by who asks: sent again it is obeyed once. Left out: one is made.
        action: What to do.
        machine: Where; empty: the controller itself.
        card: For `start`: reference of the card that pays.
        argument: Further argument, such as a version.
    """

    id: Name | None = None
    action: Action
    machine: Name = ""
    card: CardRef = ""
    argument: Words = ""


class CommandView(msgspec.Struct, frozen=True, kw_only=True):
    """A command and what became of it.

    Attributes:
        id: Its id.
        controller: Which controller.
        action: What to do.
        machine: Where.
        sent_ms: When it was sent.
        expires_ms: When it is void.
        outcome: `done`, `refused`, `failed`, or `unknown`: no answer so far.
        code: Why not.
        detail: The controller's words.
        answered_ms: When its answer was booked.
    """

    id: str
    controller: str
    action: Action
    machine: str
    sent_ms: int
    expires_ms: int
    outcome: Outcome
    code: int
    detail: str
    answered_ms: int | None


def view(sent: SentCommand) -> CommandView:
    """A command as the API shows it."""
    return CommandView(
        id=sent.order.id,
        controller=sent.order.controller,
        action=sent.order.action,
        machine=sent.order.machine,
        sent_ms=sent.sent_ms,
        expires_ms=sent.expires_ms,
        outcome=sent.outcome,
        code=sent.code,
        detail=sent.detail,
        answered_ms=sent.answered_ms,
    )


@write("/controllers/{controller:str}/commands", Scope.COMMANDS_WRITE, tag=TAG, status=202)
def send_command(hub: Hub, controller: PathId, data: JSONBody[SendCommand]) -> CommandView:
    """Send a command; it is void after a minute, and its outcome comes later."""
    order = Order(
        id=data.id if data.id is not None else hub.ids.new("cmd"),
        controller=controller,
        action=data.action,
        machine=data.machine,
        card=data.card,
        argument=data.argument,
    )
    return view(hub.writer.run(lambda tx: commands.send_command(tx, order)))


@read("/controllers/{controller:str}/commands", Scope.FLEET_READ, tag=TAG)
def list_commands(
    hub: Hub, controller: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[CommandView]:
    """List a controller's commands, newest first."""
    place = decode_cursor(after, tuple[int, str])
    with hub.store.read() as connection:
        get_controller(connection, controller)
        rows = commands.list_commands(connection, controller, after=place, limit=limit)
    return page_of(rows, limit, view, lambda row: (row.sent_ms, row.order.id))


@read("/commands/{command:str}", Scope.FLEET_READ, tag=TAG)
def get_command(hub: Hub, command: PathId) -> CommandView:
    """Read one command: what became of it."""
    with hub.store.read() as connection:
        found = commands.find_command(connection, command)
    if found is None:
        raise NotFoundError(f"there is no command {command}")
    return view(found)


ROUTES = (send_command, list_commands, get_command)
