"""Deciding on vends of which nobody knows whether anything came out.

Their price waits in `suspense`. It came out: the price becomes revenue and tax. Nothing
came out: it goes back to what paid, as any refund does. Decided once; refunds of what was
decided to be paid take it from revenue and tax again (`given_back`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select, update

from hub.charging import tariffs
from hub.charging.vends import UNDECIDED
from hub.errors import ConflictError, NotFoundError
from hub.fleet.alarms import clear_alarm
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.payments.given_back import CAPTURE
from hub.payments.records import check_id, check_reason
from hub.payments.refunds import Refund, refund_session
from hub.store.tables.charging import sessions
from hub.store.tables.ledger import items
from wire.errors import Code
from wire.money import tax_within


@dataclass(frozen=True, slots=True, kw_only=True)
class VendDecision:
    """What a person decides.

    Attributes:
        id: Made and stored by who decides; of the movement that follows.
        session: Which session.
        gave: Whether it gave what was paid for.
        reason: Why they think so, in words.
        by: Id of the API key, or `cli`.
    """

    id: str
    session: str
    gave: bool
    reason: str
    by: str


def decide_vend(tx: Tx, asked: VendDecision) -> None:
    """Decide on a session. The same again: nothing more happens.

    Raises:
        InputError: The id or the reason can't be one.
        NotFoundError: No such session.
        ConflictError: It isn't undecided, or the id was used otherwise.
        RefusedError: Giving so much back takes a second person.
    """
    check_id(asked.id)
    check_reason(asked.reason)
    row = tx.connection.execute(
        select(sessions).where(sessions.c.id == asked.session).with_for_update(key_share=True)
    ).first()
    if row is None:
        raise NotFoundError(f"there is no session {asked.session}")
    if _is_done(tx, asked):
        return
    if row.state != UNDECIDED:
        raise ConflictError(
            f"{asked.session} needs no decision: it is {row.state}", Code.STATE_CONFLICT
        )
    if asked.gave:
        _capture(tx, asked, row.machine, row.unit, (row.tariff, row.tariff_version))
    else:
        refund_session(
            tx,
            Refund(
                id=asked.id,
                session=asked.session,
                amount_minor=None,
                reason=asked.reason,
                by=asked.by,
            ),
        )
    clear_alarm(tx, Code.VEND_UNKNOWN, row.controller, asked.session)
    tx.touch("session", asked.session)


def _is_done(tx: Tx, asked: VendDecision) -> bool:
    """Whether the same was decided before under this id."""
    kind = CAPTURE if asked.gave else "refund"
    found = select(items.c.id).where(
        and_(items.c.id == asked.id, items.c.ref == asked.session, items.c.kind == kind)
    )
    tx.book.flush()
    return tx.connection.execute(found).first() is not None


def _capture(
    tx: Tx, asked: VendDecision, machine: str, unit: str, version: tuple[str, int]
) -> None:
    mine = sessions.c.id == asked.session
    charge = int(tx.connection.execute(select(sessions.c.charge_minor).where(mine)).scalar_one())
    tariff = tariffs.find_versions(tx.connection, {version}).get(version)
    rate_ppm = 0 if tariff is None else tariff.tax_rate_ppm
    tax = tax_within(charge, rate_ppm)
    suspense = chart.house("suspense", unit)
    parts = ((chart.revenue(machine, unit), charge - tax), (chart.tax(rate_ppm, unit), tax))
    item = Item(
        id=asked.id,
        unit=unit,
        kind=CAPTURE,
        legs=tuple(Move(suspense, code, minor) for code, minor in parts if minor),
        ref=asked.session,
        reason=asked.reason,
    )
    tx.book.must_post(item)
    tx.connection.execute(update(sessions).where(mine).values(state="ended", tax_minor=tax))
