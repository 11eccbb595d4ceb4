"""Offline codes that were typed: which are known, what speaks against one, and gifts.

A promotional code gives a lot. It is given right before the event that redeems it is
booked, so a stretch of a journal is cut there: what a charge before it pays from mustn't
depend on how a controller cut its batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from hub.charging import lots
from hub.charging.allowances import unit_of_account
from hub.charging.code_rows import CodeFunding, CodeState, Redeemable, load_redeemable
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from wire.errors import Code
from wire.events import CodeRedeemed

SOURCE = "code"
"""Source of a gift by offline code."""


class Row(Protocol):
    """A row of a journal, as far as codes matter."""

    @property
    def event(self) -> object:
        """Its event, decoded; None: it can't be read."""
        ...


R = TypeVar("R", bound=Row)


def codes_of(tx: Tx, place: tuple[str, str], rows: Sequence[Row]) -> dict[int, Redeemable]:
    """Codes that rows of a journal redeem, by counter, as far as they are known.

    Args:
        tx: The writer's transaction.
        place: Controller and epoch of the journal.
        rows: Its next rows.
    """
    events = [row.event for row in rows if isinstance(row.event, CodeRedeemed)]
    if not events:
        return {}
    found = load_redeemable(tx, place[0], {event.code for event in events})
    for event in events:
        code = found.get(event.code)
        if code is not None and code.funding is CodeFunding.PROMO:
            code.given = lots.find_lot(tx.connection, _gift_id(place, event)) is not None
    return found


def cut_before_gifts(
    tx: Tx, place: tuple[str, str], rows: tuple[R, ...]
) -> Iterator[tuple[R, ...]]:
    """Cut rows of a journal so that each that redeems a promotional code is a first one."""
    known = codes_of(tx, place, rows)
    start = 0
    if any(code.funding is CodeFunding.PROMO for code in known.values()):
        for index, row in enumerate(rows):
            code = known.get(row.event.code) if isinstance(row.event, CodeRedeemed) else None
            if index > start and code is not None and code.funding is CodeFunding.PROMO:
                yield rows[start:index]
                start = index
    yield rows[start:]


def give_promised(tx: Tx, place: tuple[str, str], row: Row) -> None:
    """Give the lot of a promotional code that a row redeems, if it is one that may be.

    An account that can't be given a lot gets the money all the same, with an alarm:
    its code is then like one that isn't known.
    """
    event = row.event
    if not isinstance(event, CodeRedeemed):
        return
    code = codes_of(tx, place, (row,)).get(event.code)
    if code is None or code.funding is not CodeFunding.PROMO or code.given:
        return
    if doubts_of(code, code.unit, event, gift=False)[0] is not None:
        return
    gift = lots.Gift(
        id=_gift_id(place, event),
        account=event.account,
        amount_minor=code.amount_minor,
        giver=chart.house("promo", code.unit),
        source=SOURCE,
        reason=code.name,
        by=place[0],
    )
    if not _is_in_unit(tx, event.account, code.unit):
        return
    try:
        lots.give(tx, gift)
    except (ConflictError, InputError, NotFoundError, RefusedError):
        # It refuses before it moves anything.
        return


def doubts_of(
    code: Redeemable | None, unit: str, event: CodeRedeemed, *, gift: bool = True
) -> tuple[Code | None, str]:
    """What speaks against a code that was redeemed, in a number and words; None: nothing.

    Args:
        code: What is known of it; None: nothing.
        unit: Unit of who got the money.
        event: The fact.
        gift: Whether a promotional one must have been given by now.
    """
    words = f"code {event.code} gave {event.account} {event.amount_minor}"
    if code is None:
        return Code.CODE_INVALID, f"{words}, and was never issued for this controller"
    if code.state is not CodeState.ISSUED:
        return Code.CODE_USED, f"{words}, and was {code.state.value} before"
    if unit != code.unit:
        return Code.UNIT_MISMATCH, f"{words} in {unit}, and is worth {code.unit}"
    if event.amount_minor != code.amount_minor:
        return Code.AMOUNT_INVALID, f"{words}, and is worth {code.amount_minor}"
    if gift and code.funding is CodeFunding.PROMO and not code.given:
        return Code.LOT_UNFIT, f"{words}, which can't be given a lot"
    return None, ""


def _is_in_unit(tx: Tx, account: str, unit: str) -> bool:
    return unit_of_account(tx.connection, account) == unit


def _gift_id(place: tuple[str, str], event: CodeRedeemed) -> str:
    controller, epoch = place
    return f"gift:code:{controller}:{epoch}:{event.seq}"
