"""Routes of controllers: how each is, its enrolment codes, and what a person decides."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import JSONBody, QueryParameter

from hub.fleet import controllers, enrolment
from hub.fleet.controllers import Controller, ControllerState
from hub.ledger.writer import Tx
from hub.people.keys import Scope
from hub.web.machine_now import is_silent
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, read, write
from wire.bounds import Name

TAG = "Controllers"
OnlySite = Annotated[
    str, QueryParameter(max_length=64, required=False, description="Only of this site.")
]


class ControllerView(msgspec.Struct, frozen=True, kw_only=True):
    """A controller.

    Attributes:
        id: Its name, also its MQTT user.
        site: Where it stands.
        partition: Its part of the topics.
        state: `waiting`, `active`, `quarantined` or `revoked`.
        quarantine_reason: Why it is quarantined.
        has_acceptor: Whether it may take cash.
        enrolled_ms: When it was enrolled.
        heard_ms: When a signed message of it came last.
        online: Whether its agent is connected, as far as the broker knows.
        silent: Whether what is known of it is too old to be called live.
        version: Version of its agent.
        outbox_events: Events that it said the hub hasn't acknowledged.
        clock: Trust in its clock; empty: not heard.
        alarm: Why it authorises nothing, or empty.
        live_ms: When the hub heard the five above; 0: never.
        rights_revision: Newest revision of rights made for it.
        rights_held: Revision that it surely holds.
        card_list_held: Revision of the card list that it surely holds.
        config_version: Newest configuration made for it.
        config_reported: What it said it holds.
    """

    id: str
    site: str
    partition: str
    state: ControllerState
    quarantine_reason: str
    has_acceptor: bool
    enrolled_ms: int | None
    heard_ms: int | None
    online: bool
    silent: bool
    version: str
    outbox_events: int
    clock: str
    alarm: str
    live_ms: int
    rights_revision: int
    rights_held: int
    card_list_held: int
    config_version: int
    config_reported: int


class AddController(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A controller that is to be enrolled.

    Attributes:
        id: Its name, also its MQTT user.
        site: Where it stands.
        has_acceptor: Whether it may take cash.
    """

    id: Name
    site: Name
    has_acceptor: bool = False


class EnrolmentCode(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time code; it is shown once and stored nowhere.

    Attributes:
        controller: Whom it lets in.
        code: What is typed at the controller.
        expires_ms: When it ends.
    """

    controller: str
    code: str
    expires_ms: int


def view(hub: Hub, controller: Controller) -> ControllerView:
    """A controller as the API shows it."""
    live = hub.live.of(controller.id)
    state = live.state
    return ControllerView(
        id=controller.id,
        site=controller.site,
        partition=controller.partition,
        state=controller.state,
        quarantine_reason=controller.quarantine_reason,
        has_acceptor=controller.has_acceptor,
        enrolled_ms=controller.enrolled_ms,
        heard_ms=controller.heard_ms,
        online=live.online,
        silent=is_silent(live, hub.clock.now().wall_ms),
        version=live.version,
        outbox_events=0 if state is None else state.outbox_events,
        clock="" if state is None else state.clock.value,
        alarm="" if state is None else state.alarm,
        live_ms=max(live.state_ms, live.status_ms),
        rights_revision=controller.accounts_revision,
        rights_held=controller.held_revision,
        card_list_held=controller.held_list_revision,
        config_version=controller.config_version,
        config_reported=controller.reported_config,
    )


@read("/controllers", Scope.FLEET_READ, tag=TAG)
def list_controllers(
    hub: Hub, site: OnlySite = "", after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[ControllerView]:
    """List controllers in the order of names."""
    place = decode_cursor(after, tuple[str])
    with hub.store.read() as connection:
        rows = controllers.list_controllers(
            connection, site=site, after=place[0] if place else "", limit=limit
        )
    return page_of(rows, limit, lambda row: view(hub, row), lambda row: (row.id,))


@read("/controllers/{controller:str}", Scope.FLEET_READ, tag=TAG)
def get_controller(hub: Hub, controller: PathId) -> ControllerView:
    """Read one controller."""
    with hub.store.read() as connection:
        return view(hub, controllers.get_controller(connection, controller))


@write("/controllers", Scope.FLEET_WRITE, tag=TAG)
def add_controller(hub: Hub, data: JSONBody[AddController]) -> ControllerView:
    """Add a controller that is to be enrolled."""

    def job(tx: Tx) -> Controller:
        return controllers.add_controller(tx, data.id, data.site, has_acceptor=data.has_acceptor)

    return view(hub, hub.writer.run(job))


@write("/controllers/{controller:str}/enrolment-codes", Scope.FLEET_WRITE, tag=TAG)
def make_code(hub: Hub, controller: PathId) -> EnrolmentCode:
    """Make a one-time code to type at the controller; it is shown once."""

    def job(tx: Tx) -> EnrolmentCode:
        code = enrolment.new_code(tx, controller, hub.entropy)
        return EnrolmentCode(
            controller=controller, code=code, expires_ms=tx.now_ms + enrolment.CODE_LIFE_MS
        )

    return hub.writer.run(job)


@write("/controllers/{controller:str}/release", Scope.RISK_WRITE, tag=TAG, status=200)
def release(hub: Hub, controller: PathId) -> ControllerView:
    """Trust a quarantined controller again, because a person looked at it."""
    return view(hub, hub.writer.run(lambda tx: controllers.release(tx, controller)))


@write("/controllers/{controller:str}/revoke", Scope.RISK_WRITE, tag=TAG, status=200)
def revoke(hub: Hub, controller: PathId) -> ControllerView:
    """Shut a controller out: stolen or retired. Its rights stay visible, at risk."""
    found = hub.writer.run(lambda tx: controllers.revoke(tx, controller))
    hub.broker_files.remove_user(controller)
    if hub.authority.exists:
        hub.authority.revoke(controller)
        hub.broker_files.publish_list(hub.authority.list_pem)
    return view(hub, found)


ROUTES = (list_controllers, get_controller, add_controller, make_code, release, revoke)
