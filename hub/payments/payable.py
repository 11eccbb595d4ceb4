"""What of an account may leave it: paid money that is neither held nor owed."""

from __future__ import annotations

from dataclasses import dataclass

from hub.charging.lot_rows import live_lots
from hub.errors import RefusedError
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from wire.errors import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """What an account has, in minor units.

    Attributes:
        payable_minor: May leave it now.
        given_minor: Bonus and other lots: never paid out.
        held_minor: Held at machines and by holds: not now.
        owed_minor: What the account owes: overrun and receivables.
    """

    payable_minor: int
    given_minor: int
    held_minor: int
    owed_minor: int


def free_of(tx: Tx, account: str, unit: str) -> Free:
    """What an account has; nobody else moves it until the transaction ends.

    Credit isn't money that the account has: only what its wallet is above zero counts.
    """
    lots = live_lots(tx, (account,)).get(account, ())
    wallet = tx.book.balance(chart.wallet(account, unit))
    owed = -sum(tx.book.balance(code(account, unit)) for code in (chart.overrun, chart.receivable))
    held = tx.book.balance(chart.escrow(account, unit))
    return Free(
        payable_minor=max(0, wallet - owed),
        given_minor=sum(tx.book.balance(lot.free_code) for lot in lots),
        held_minor=held + sum(tx.book.balance(lot.held_code) for lot in lots),
        owed_minor=owed,
    )


def check_payable(tx: Tx, account: str, unit: str, amount_minor: int) -> None:
    """Check that an amount may leave an account.

    Raises:
        RefusedError: `NOT_PAYABLE`: it has so much, but given, held or owed;
            `BALANCE_TOO_LOW`: it hasn't.
    """
    free = free_of(tx, account, unit)
    if amount_minor <= free.payable_minor:
        return
    has = free.payable_minor + free.given_minor + free.held_minor + free.owed_minor
    words = (
        f"{account} can give away {free.payable_minor} of {amount_minor} minor units: "
        f"{free.given_minor} is bonus, {free.held_minor} is held, {free.owed_minor} is owed. "
        "Nothing changed."
    )
    code = Code.NOT_PAYABLE if amount_minor <= has else Code.BALANCE_TOO_LOW
    raise RefusedError(words, code)
