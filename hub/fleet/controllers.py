"""Controllers: the Raspberry Pis, how far each may be trusted, and what each holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from hub.errors import ConflictError, InputError, NotFoundError
from hub.fleet import sites
from hub.fleet.alarms import clear_alarm
from hub.ledger.writer import Tx
from hub.store.tables.fleet import controllers
from wire.errors import Code
from wire.ids import is_name
from wire.keys import HUB
from wire.topics import partition_of

REASON_LENGTH_MAX = 500
NAMES_TAKEN = frozenset({HUB, "broker", "beat"})
"""A controller's name is its user at the broker, and whom its certificate and messages
name: the hub's, the broker's and the one in the hub's own topics are not to be had."""
_FIND = select(controllers).where(controllers.c.id == bindparam("name"))
_KEY = select(controllers.c.public_key).where(controllers.c.id == bindparam("name"))


class ControllerState(StrEnum):
    """How a controller stands with the hub."""

    WAITING = "waiting"  # not enrolled yet
    ACTIVE = "active"
    QUARANTINED = "quarantined"  # its journal contradicts itself: a person decides
    REVOKED = "revoked"  # stolen or retired: nothing of it is booked any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller as the hub knows it.

    Attributes:
        id: Its name, also its MQTT user.
        site: Where it stands.
        partition: Its part of the topics, for ever.
        state: How it stands with the hub.
        public_key: Its Ed25519 key, base64; empty: not enrolled.
        code_public_key: The one that it enrolled with: its key of offline codes follows from it.
        epoch: Its current journal; empty: none seen.
        accounts_revision: Newest revision of rights made for it.
        reported_revision: What it said it holds.
        held_revision: What it surely holds, see `docs/protocol.md`.
        held_list_revision: Revision of the card list that it surely holds.
        reported_list_revision: What it said it holds.
        config_version: Newest configuration made for it.
        reported_config: What it said it holds.
        has_acceptor: Whether it may take cash.
        quarantine_reason: Why it is quarantined.
        enrolled_ms: When it was enrolled; None: it isn't.
        heard_ms: When a signed message of it came last; None: never.
    """

    id: str
    site: str
    partition: str
    state: ControllerState
    public_key: str
    code_public_key: str
    epoch: str
    accounts_revision: int
    reported_revision: int
    held_revision: int
    held_list_revision: int
    reported_list_revision: int
    config_version: int
    reported_config: int
    has_acceptor: bool
    quarantine_reason: str
    enrolled_ms: int | None
    heard_ms: int | None


def add_controller(tx: Tx, name: str, site: str, *, has_acceptor: bool = False) -> Controller:
    """Add a controller that is to be enrolled. The same again: as it is.

    Raises:
        InputError: The name can't be one.
        NotFoundError: No such site.
        ConflictError: It stands at another site already.
    """
    if not is_name(name):
        raise InputError("a controller's name is lower case, digits and _ . -, at most 64")
    if name in NAMES_TAKEN:
        raise InputError(f"{name} is the name of something else: choose another")
    sites.get_site(tx.connection, site)
    existing = find_controller(tx.connection, name)
    if existing is not None:
        if existing.site != site:
            raise ConflictError(f"{name} stands at {existing.site} already", Code.STATE_CONFLICT)
        return existing
    tx.connection.execute(
        insert(controllers).values(
            id=name, site=site, partition=partition_of(name), has_acceptor=int(has_acceptor)
        )
    )
    tx.touch("controller", name)
    return get_controller(tx.connection, name)


def get_controller(connection: Connection, name: str) -> Controller:
    """Read a controller.

    Raises:
        NotFoundError: No such controller.
    """
    found = find_controller(connection, name)
    if found is None:
        raise NotFoundError(f"there is no controller {name}")
    return found


def find_controller(connection: Connection, name: str) -> Controller | None:
    """Read a controller, or None."""
    row = connection.execute(_FIND, {"name": name}).first()
    return None if row is None else _controller(row)


def public_key_of(connection: Connection, name: str) -> str:
    """A controller's key, base64; empty: it isn't enrolled, or not known."""
    return connection.execute(_KEY, {"name": name}).scalar() or ""


def list_controllers(
    connection: Connection, *, site: str = "", after: str = "", limit: int
) -> list[Controller]:
    """Controllers in the order of names, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        site: Only there; empty: everywhere.
        after: Name that the page follows; empty: from the start.
        limit: Page size.
    """
    query = select(controllers).where(controllers.c.id > after).order_by(controllers.c.id)
    if site:
        query = query.where(controllers.c.site == site)
    return [_controller(row) for row in connection.execute(query.limit(limit + 1))]


def quarantine(tx: Tx, name: str, reason: str) -> None:
    """Stop trusting a controller's journal until a person decides."""
    _set_state(tx, name, ControllerState.QUARANTINED, reason)


def release(tx: Tx, name: str) -> Controller:
    """Trust a quarantined controller again, because a person looked at it.

    What it sends is checked as before: a journal that still contradicts the booked
    one is quarantined again; a new journal is taken.

    Raises:
        NotFoundError: No such controller.
        ConflictError: It isn't quarantined.
    """
    found = get_controller(tx.connection, name)
    if found.state is not ControllerState.QUARANTINED:
        raise ConflictError(f"{name} is {found.state}, not quarantined", Code.STATE_CONFLICT)
    _set_state(tx, name, ControllerState.ACTIVE, "")
    clear_alarm(tx, Code.JOURNAL_FORK, name)
    clear_alarm(tx, Code.CONTROLLER_QUARANTINED, name)
    return get_controller(tx.connection, name)


def revoke(tx: Tx, name: str) -> Controller:
    """Shut a controller out: stolen or retired. Its rights stay visible, at risk.

    Raises:
        NotFoundError: No such controller.
    """
    get_controller(tx.connection, name)
    _set_state(tx, name, ControllerState.REVOKED, "")
    return get_controller(tx.connection, name)


def set_acceptor(tx: Tx, name: str, *, has_acceptor: bool) -> Controller:
    """Say whether a controller may take cash.

    Raises:
        NotFoundError: No such controller.
    """
    get_controller(tx.connection, name)
    tx.connection.execute(
        update(controllers).where(controllers.c.id == name).values(has_acceptor=int(has_acceptor))
    )
    tx.touch("controller", name)
    return get_controller(tx.connection, name)


def _set_state(tx: Tx, name: str, state: ControllerState, reason: str) -> None:
    tx.connection.execute(
        update(controllers)
        .where(controllers.c.id == name)
        .values(state=state.value, quarantine_reason=reason[:REASON_LENGTH_MAX])
    )
    tx.touch("controller", name)


def _controller(row: Row[tuple[object, ...]]) -> Controller:
    return Controller(
        id=row.id,
        site=row.site,
        partition=row.partition,
        state=ControllerState(row.state),
        public_key=row.public_key,
        code_public_key=row.code_public_key,
        epoch=row.epoch,
        accounts_revision=row.accounts_revision,
        reported_revision=row.reported_revision,
        held_revision=row.held_revision,
        held_list_revision=row.held_list_revision,
        reported_list_revision=row.reported_list_revision,
        config_version=row.config_version,
        reported_config=row.reported_config,
        has_acceptor=bool(row.has_acceptor),
        quarantine_reason=row.quarantine_reason,
        enrolled_ms=row.enrolled_ms,
        heard_ms=row.heard_ms,
    )
