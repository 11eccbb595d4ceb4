"""Statements about rights that were sent, made once: making one costs more than running it."""

from __future__ import annotations

from sqlalchemy import Select, and_, bindparam, delete, exists, func, insert, or_, select, update

from hub.store.tables import charging, fleet
from wire.downlink import RIGHTS_PER_MESSAGE_MAX

_SENT = charging.floors_sent
_LATER = charging.floors_sent.alias("later")
_SAME_PLACE = and_(
    _LATER.c.account == _SENT.c.account,
    _LATER.c.controller == _SENT.c.controller,
    _LATER.c.epoch == _SENT.c.epoch,
)
_IS_LATER = _LATER.c.revision > _SENT.c.revision
_SUPERSEDED = exists(select(_LATER.c.revision).where(_SAME_PLACE, _IS_LATER))
_REACH = _SENT.c.amount_minor + _SENT.c.unbacked_minor
_LATER_REACH = _LATER.c.amount_minor + _LATER.c.unbacked_minor
_IS_LARGER = or_(_LATER_REACH > _REACH, and_(_LATER_REACH == _REACH, _IS_LATER))
_OF_CONTROLLER = and_(
    _SENT.c.controller == bindparam("controller"), _SENT.c.epoch == bindparam("epoch")
)
AFTER = (
    select(_SENT)
    .where(_OF_CONTROLLER, _SENT.c.revision > bindparam("revision"), ~_SUPERSEDED)
    .order_by(_SENT.c.revision, _SENT.c.account)
    .limit(RIGHTS_PER_MESSAGE_MAX + 1)
)
NEWEST_OF = select(_SENT).where(
    _OF_CONTROLLER, _SENT.c.account == bindparam("account"), ~_SUPERSEDED
)
# What a floor lets be spent, beyond all that was booked, is its amount and what was booked
# then. Of those that may still be held the largest counts, so a smaller one in between
# needn't be kept: a controller that is away for long has three rows for an account.
DROP_SMALLER = delete(_SENT).where(
    _OF_CONTROLLER,
    _SENT.c.account.in_(bindparam("wanted", expanding=True)),
    _SENT.c.revision > bindparam("held"),
    exists(select(_LATER.c.revision).where(_SAME_PLACE, _IS_LARGER)),
    # The newest is what is sent again until it is held.
    _SUPERSEDED,
)


def _current() -> Select[tuple[object, ...]]:
    """Rows of accounts at controllers that are active, in their current journal."""
    held, controllers = charging.allowances, fleet.controllers
    return (
        select(
            held,
            charging.journals.c.through_seq,
            fleet.sites.c.floor_level0_minor,
            fleet.sites.c.floor_level1_minor,
            fleet.sites.c.floor_level2_minor,
            fleet.sites.c.standing_minor,
        )
        .join(
            controllers,
            and_(
                controllers.c.id == held.c.controller,
                controllers.c.epoch == held.c.epoch,
                controllers.c.state == "active",
            ),
        )
        .join(
            charging.journals,
            and_(
                charging.journals.c.controller == held.c.controller,
                charging.journals.c.epoch == held.c.epoch,
            ),
        )
        .join(fleet.sites, fleet.sites.c.id == controllers.c.site)
        .where(held.c.account.in_(bindparam("wanted", expanding=True)))
        .order_by(held.c.controller, held.c.account)
    )


def _latest_sent() -> Select[tuple[object, ...]]:
    sent = charging.floors_sent
    newest = (
        select(sent.c.account, sent.c.controller, func.max(sent.c.revision).label("revision"))
        .where(sent.c.account.in_(bindparam("wanted", expanding=True)))
        .group_by(sent.c.account, sent.c.controller)
        .subquery()
    )
    return select(sent).join(
        newest,
        and_(
            sent.c.account == newest.c.account,
            sent.c.controller == newest.c.controller,
            sent.c.revision == newest.c.revision,
        ),
    )


CURRENT = _current()
LATEST_SENT = _latest_sent()
REVISIONS = (
    select(fleet.controllers.c.accounts_revision, fleet.controllers.c.held_revision)
    .where(fleet.controllers.c.id == bindparam("controller"))
    .with_for_update()
)
NUMBER = (
    update(fleet.controllers)
    .where(fleet.controllers.c.id == bindparam("controller"))
    .values(accounts_revision=bindparam("accounts_revision"))
)
SEND = insert(_SENT)
