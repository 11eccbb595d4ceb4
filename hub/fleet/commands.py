"""Commands to controllers: made once, void after a minute, their outcome booked.

A lost answer is not a no: a command without one stays `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update

from hub.errors import ConflictError, InputError
from hub.fleet import controllers
from hub.fleet.controllers import ControllerState
from hub.fleet.machines import machines_of
from hub.ledger.writer import Tx
from hub.store.tables.fleet import commands
from wire.downlink import Action, Command
from wire.errors import Code
from wire.topics import COMMAND_EXPIRY_S
from wire.uplink import Outcome, Result

ARGUMENT_LENGTH_MAX = 512
MS_PER_S = 1_000
_AT_MACHINES = frozenset(
    {Action.START, Action.STOP, Action.LOCK, Action.UNLOCK, Action.RETIRE, Action.RETURN}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person asks of a controller.

    Attributes:
        id: Made by who asks, stored before sending.
        controller: Which.
        action: What to do.
        machine: Where; empty: the controller itself.
        card: For `start`: reference of the card that pays.
        argument: Further argument, such as a version.
    """

    id: str
    controller: str
    action: Action
    machine: str = ""
    card: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCommand:
    """A command and what became of it; `answered_ms` None: no answer so far."""

    order: Order
    sent_ms: int
    expires_ms: int
    outcome: Outcome
    code: int
    detail: str
    answered_ms: int | None


def send_command(tx: Tx, order: Order) -> SentCommand:
    """Send a command once this transaction is committed. The same id again: as it is.

    Raises:
        NotFoundError: No such controller.
        InputError: The machine isn't the controller's, or something is missing.
        ConflictError: The id names another command, or the controller isn't active.
    """
    existing = find_command(tx.connection, order.id)
    if existing is not None:
        if existing.order != order:
            raise ConflictError(f"{order.id} is another command already", Code.ID_CONFLICT)
        return existing
    _check(tx.connection, order)
    expires_ms = tx.now_ms + COMMAND_EXPIRY_S * MS_PER_S
    tx.connection.execute(
        insert(commands).values(
            id=order.id,
            controller=order.controller,
            action=order.action.value,
            machine=order.machine,
            card=order.card,
            argument=order.argument,
            sent_ms=tx.now_ms,
            expires_ms=expires_ms,
        )
    )
    tx.touch("command", order.id)
    return SentCommand(
        order=order,
        sent_ms=tx.now_ms,
        expires_ms=expires_ms,
        outcome=Outcome.UNKNOWN,
        code=0,
        detail="",
        answered_ms=None,
    )


def book_result(tx: Tx, result: Result) -> bool:
    """Book a controller's answer, the first one only; False: it answers nothing of ours."""
    mine = (commands.c.id == result.id) & (commands.c.controller == result.sender)
    booked = tx.connection.execute(
        update(commands)
        .where(mine & commands.c.answered_ms.is_(None))
        .values(
            outcome=result.outcome.value,
            code=result.code,
            detail=result.detail,
            answered_ms=tx.now_ms,
        )
    )
    if booked.rowcount == 0:
        return False
    tx.touch("result", result.id)
    return True


def find_command(connection: Connection, command_id: str) -> SentCommand | None:
    """Read a command, or None."""
    row = connection.execute(select(commands).where(commands.c.id == command_id)).first()
    return None if row is None else _sent(row)


def list_commands(
    connection: Connection, controller: str, *, after: tuple[int, str] | None, limit: int
) -> list[SentCommand]:
    """A controller's commands, newest first, one more than `limit` if there are more."""
    query = (
        select(commands)
        .where(commands.c.controller == controller)
        .order_by(commands.c.sent_ms.desc(), commands.c.id.desc())
    )
    if after is not None:
        same = (commands.c.sent_ms == after[0]) & (commands.c.id < after[1])
        query = query.where((commands.c.sent_ms < after[0]) | same)
    return [_sent(row) for row in connection.execute(query.limit(limit + 1))]


def body_of(sent: SentCommand) -> Command:
    """The message that carries a command."""
    order = sent.order
    return Command(
        receiver=order.controller,
        id=order.id,
        action=order.action,
        machine=order.machine,
        card=order.card,
        expires_ms=sent.expires_ms,
        sent_ms=sent.sent_ms,
        detail=order.argument,
    )


def _check(connection: Connection, order: Order) -> None:
    found = controllers.get_controller(connection, order.controller)
    if found.state is not ControllerState.ACTIVE:
        raise ConflictError(f"{found.id} is {found.state}: it obeys nothing", Code.STATE_CONFLICT)
    if order.action in _AT_MACHINES and order.machine not in {
        machine.id for machine in machines_of(connection, order.controller)
    }:
        raise InputError(f"{order.action} needs a machine of {order.controller}")
    if order.action is Action.START and not order.card:
        raise InputError("start needs the card that pays")
    if len(order.argument) > ARGUMENT_LENGTH_MAX:
        raise InputError(f"an argument is at most {ARGUMENT_LENGTH_MAX} characters")


def _sent(row: Row[tuple[object, ...]]) -> SentCommand:
    return SentCommand(
        order=Order(
            id=row.id,
            controller=row.controller,
            action=Action(row.action),
            machine=row.machine,
            card=row.card,
            argument=row.argument,
        ),
        sent_ms=row.sent_ms,
        expires_ms=row.expires_ms,
        outcome=Outcome(row.outcome),
        code=row.code,
        detail=row.detail,
        answered_ms=row.answered_ms,
    )
