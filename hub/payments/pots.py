"""What an account has of everything, and which bonus it could get beside its lots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, select

from hub.charging.lot import Lot, LotState, nest
from hub.charging.lot_rows import live_lots, lot_of_row
from hub.charging.lots import LOTS_PER_ACCOUNT_MAX
from hub.ledger import accounts as chart
from hub.ledger.statements import balances_of
from hub.ledger.writer import Tx
from hub.payments.offers import Offer
from hub.payments.planning import Pots
from hub.store.tables.lots import lots as table


def lots_in(tx: Tx, account: str) -> list[Lot]:
    """Lots of an account that aren't closed; nobody else changes them meanwhile."""
    return live_lots(tx, (account,)).get(account, [])


def lots_of(connection: Connection, account: str) -> list[Lot]:
    """Lots of an account that aren't closed, as committed."""
    query = select(table).where(table.c.account == account, table.c.state != LotState.CLOSED.value)
    return [lot_of_row(row) for row in connection.execute(query)]


def pots_in(tx: Tx, account: str, unit: str, lots: Iterable[Lot]) -> Pots:
    """What an account has within a transaction."""
    return _pots(account, unit, lots, tx.book.balance)


def pots_of(connection: Connection, account: str, unit: str, lots: Sequence[Lot]) -> Pots:
    """What an account has as committed."""
    codes = [code(account, unit) for code in (chart.wallet, chart.overrun, chart.escrow)]
    codes += [code for lot in lots for code in (lot.free_code, lot.held_code)]
    found = balances_of(connection, codes)
    return _pots(account, unit, lots, lambda code: found.get(code, 0))


def givable(offers: Sequence[Offer], lots: Sequence[Lot]) -> tuple[Offer, ...]:
    """Offers whose bonus could be given beside an account's lots.

    A bonus that can't be is left out, so that it never stands in the way of paying in.
    """
    if len(lots) >= LOTS_PER_ACCOUNT_MAX:
        return ()
    others = [lot.kinds for lot in lots if lot.state is not LotState.EXPIRED]
    return tuple(offer for offer in offers if all(nest(offer.kinds, kinds) for kinds in others))


def _pots(account: str, unit: str, lots: Iterable[Lot], balance: Callable[[str], int]) -> Pots:
    given = held = 0
    for lot in lots:
        given += balance(lot.free_code)
        held += balance(lot.held_code)
    return Pots(
        wallet_minor=balance(chart.wallet(account, unit)),
        given_minor=given,
        held_minor=held + balance(chart.escrow(account, unit)),
        overrun_minor=-balance(chart.overrun(account, unit)),
    )
