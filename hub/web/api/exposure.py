"""Routes of what is at stake: exposure, what controllers hold, and giving up on it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from hub.charging import allowances, exposure, holdings
from hub.charging.exposure import Exposure
from hub.charging.holdings import Holding
from hub.fleet.controllers import get_controller
from hub.ledger.writer import Tx
from hub.payments.actions import held_minor
from hub.payments.second_person import check_alone
from hub.people.accounts import get_account
from hub.people.keys import Scope
from hub.web.auth import caller_of
from hub.web.idempotency import IdempotencyKey, answer_once, claim_of
from hub.web.paging import PAGE_LIMIT_DEFAULT, After, Limit, Page, decode_cursor, page_of
from hub.web.ports import Hub
from hub.web.routing import PathId, money, read
from wire.bounds import Name

TAG = "Exposure"
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ControllerExposure(msgspec.Struct, frozen=True, kw_only=True):
    """What is at stake at one controller, minor units.

    Attributes:
        controller: Which.
        site: Where it stands.
        exposed_minor: Most that can be lost there on floors.
        held_minor: Backed rights that it holds: customers' money, never a loss.
        left_minor: Backed rights of its earlier journals: at risk until they come, or
            are forfeited.
        heard_ms: When it was heard last.
    """

    controller: str
    site: str
    exposed_minor: int
    held_minor: int
    left_minor: int
    heard_ms: int | None


class ExposureView(msgspec.Struct, frozen=True, kw_only=True):
    """The worst loss if all lines were cut now, against what the operator accepts.

    Attributes:
        unit: Unit of the money.
        exposed_minor: Sum over all controllers.
        loss_budget_minor: What the operator accepts to lose.
        controllers: Each of them.
        as_of_ms: When this was read.
    """

    unit: str
    exposed_minor: int
    loss_budget_minor: int
    controllers: list[ControllerExposure]
    as_of_ms: int


class AccountExposure(msgspec.Struct, frozen=True, kw_only=True):
    """What one account exposes, minor units.

    Attributes:
        account: Which.
        unit: Unit of the money.
        by_controller: Controller to what is exposed there; 0 is left out.
        as_of_ms: When this was read.
    """

    account: str
    unit: str
    by_controller: dict[str, int]
    as_of_ms: int


class HoldingView(msgspec.Struct, frozen=True, kw_only=True):
    """An account's rights at one controller in one of its journals.

    Attributes:
        account: Whose.
        epoch: Which journal.
        held_minor: Backed right left, as booked.
        granted_minor: Total ever granted.
        spent_minor: Total charged against backed rights.
        released_minor: Total given back.
        taken_in_minor: Total of cash accepted.
        unbacked_minor: Total charged beyond backed rights.
        forfeited_minor: Total that a person gave up on.
    """

    account: str
    epoch: str
    held_minor: int
    granted_minor: int
    spent_minor: int
    released_minor: int
    taken_in_minor: int
    unbacked_minor: int
    forfeited_minor: int


class ForfeitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person gives up on.

    Attributes:
        account: Whose money comes back to its wallet.
        epoch: Which journal held it.
        reason: Why, in words.
    """

    account: Name
    epoch: Name
    reason: Reason


class ForfeitView(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        id: Id of the movement.
        controller: Which controller held it.
        account: Whose.
        epoch: Which journal.
        amount_minor: How much came back; 0: nothing was held.
    """

    id: str
    controller: str
    account: str
    epoch: str
    amount_minor: int


@read("/exposure", Scope.FLEET_READ, tag=TAG)
def get_exposure(hub: Hub) -> ExposureView:
    """Read the worst loss if all lines were cut now."""
    unit = hub.settings.unit.code
    with hub.store.read() as connection:
        found = exposure.exposures(connection, unit)
    return ExposureView(
        unit=unit,
        exposed_minor=exposure.total_minor(found),
        loss_budget_minor=hub.settings.loss_budget_minor,
        controllers=[_view(one) for one in found],
        as_of_ms=hub.clock.now().wall_ms,
    )


@read("/accounts/{account:str}/exposure", Scope.FLEET_READ, tag=TAG)
def get_account_exposure(hub: Hub, account: PathId) -> AccountExposure:
    """Read what one account exposes at each controller."""
    with hub.store.read() as connection:
        unit = get_account(connection, account).unit
        found = exposure.account_exposure(connection, account, unit)
    return AccountExposure(
        account=account, unit=unit, by_controller=found, as_of_ms=hub.clock.now().wall_ms
    )


@read("/controllers/{controller:str}/holdings", Scope.FLEET_READ, tag=TAG)
def list_holdings(
    hub: Hub, controller: PathId, after: After = None, limit: Limit = PAGE_LIMIT_DEFAULT
) -> Page[HoldingView]:
    """List what a controller holds for accounts."""
    place = decode_cursor(after, tuple[str, str])
    with hub.store.read() as connection:
        get_controller(connection, controller)
        rows = holdings.list_holdings(connection, controller, after=place, limit=limit)
    return page_of(rows, limit, _holding, lambda row: (row.account, row.epoch))


@money("/controllers/{controller:str}/forfeits", Scope.RISK_WRITE, tag=TAG)
def forfeit(
    hub: Hub,
    request: Request[Any, Any, Any],
    controller: PathId,
    data: JSONBody[ForfeitBody],
    idempotency_key: IdempotencyKey,
) -> Response[ForfeitView]:
    """Give up on what a dead controller holds for an account: it goes back to the wallet."""
    claim = claim_of(caller_of(request).id, idempotency_key, request.url.path, data)

    def job(tx: Tx) -> ForfeitView:
        get_controller(tx.connection, controller)
        unit = get_account(tx.connection, data.account).unit
        place = (data.account, controller, data.epoch)
        held = held_minor(tx, *place)
        check_alone(tx.connection, unit, "forfeit", held)
        return ForfeitView(
            id=idempotency_key,
            controller=controller,
            account=data.account,
            epoch=data.epoch,
            amount_minor=allowances.forfeit(tx, idempotency_key, place, data.reason),
        )

    return answer_once(hub, claim, job)


def _view(one: Exposure) -> ControllerExposure:
    return ControllerExposure(
        controller=one.controller,
        site=one.site,
        exposed_minor=one.floors_minor,
        held_minor=one.held_minor,
        left_minor=one.left_minor,
        heard_ms=one.heard_ms,
    )


def _holding(one: Holding) -> HoldingView:
    return msgspec.convert(one, HoldingView, from_attributes=True)


ROUTES = (get_exposure, get_account_exposure, list_holdings, forfeit)
