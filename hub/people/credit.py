"""Credit of accounts: how they are billed, and how much of a limit is in use.

Prepaid has no credit. Postpaid and mixed accounts may go below zero up to their limit;
mixed ones take top-ups as prepaid ones do, postpaid ones are paid by invoice alone.

In use is what the wallet is below zero, what controllers and holds keep of it included,
and every receivable that isn't paid. So a wallet's least balance is minus the limit plus
what is receivable: closing a period changes nothing of what may still be spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert, select, text, update

from hub.errors import RefusedError
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from hub.store.tables.billing import open_periods
from hub.store.tables.people import accounts
from wire.errors import Code

_NEWEST = text("SELECT coalesce(max(id), 0) FROM transfers")


class Billing(StrEnum):
    """How an account pays."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class CreditUse:
    """What an account uses of its credit, minor units.

    Attributes:
        below_minor: What its wallet is below zero.
        held_minor: How much of that is held for controllers and holds.
        receivable_minor: What was billed and isn't paid.
    """

    below_minor: int
    held_minor: int
    receivable_minor: int

    @property
    def used_minor(self) -> int:
        """All of it."""
        return self.below_minor + self.receivable_minor


def usual_billing(credit_limit_minor: int) -> Billing:
    """How an account is billed that nobody decided about."""
    return Billing.MIXED if credit_limit_minor else Billing.PREPAID


def credit_use(tx: Tx, account: str, unit: str) -> CreditUse:
    """What an account uses of its credit, as of this moment of the transaction."""
    below = max(0, -tx.book.balance(chart.wallet(account, unit)))
    return CreditUse(
        below_minor=below,
        held_minor=min(below, tx.book.balance(chart.escrow(account, unit))),
        receivable_minor=-tx.book.balance(chart.receivable(account, unit)),
    )


def set_credit_limit(tx: Tx, account: str, unit: str, limit_minor: int) -> None:
    """Change how far an account's wallet may go below zero, at once.

    Args:
        tx: The writer's transaction.
        account: Whose.
        unit: Unit of its money.
        limit_minor: The new limit, ≥ 0.

    Raises:
        RefusedError: More is in use already; says how much, and nothing changed.
    """
    use = credit_use(tx, account, unit)
    if use.used_minor > limit_minor:
        raise RefusedError(
            f"{account} uses {use.used_minor} minor units of its credit: its wallet is "
            f"{use.below_minor} below zero, {use.held_minor} of that held for machines, and "
            f"{use.receivable_minor} are billed and unpaid. Take in or set free "
            f"{use.used_minor - limit_minor} first, or choose a limit of at least "
            f"{use.used_minor}. Nothing changed.",
            Code.LIMIT_IN_USE,
        )
    tx.book.set_least(chart.wallet(account, unit), use.receivable_minor - limit_minor)


def follow_receivable(tx: Tx, account: str, unit: str) -> None:
    """Let what may be spent follow a receivable that was made or paid in this transaction."""
    query = select(accounts.c.credit_limit_minor).where(accounts.c.id == account)
    limit = tx.connection.execute(query).scalar_one()
    owed = -tx.book.balance(chart.receivable(account, unit))
    tx.book.set_least(chart.wallet(account, unit), owed - limit)


def begin_period(tx: Tx, account: str, unit: str) -> None:
    """Let an account's first period begin now; one that runs goes on."""
    opening = own_money(tx, account, unit)
    if not lock_period(tx, account):
        tx.connection.execute(
            insert(open_periods).values(
                account=account,
                starts_ms=tx.now_ms,
                opening_minor=opening,
                after_transfer=newest_transfer(tx),
            )
        )


def forget_period_end(tx: Tx, account: str) -> None:
    """Have the end of a running period worked out anew: its calendar changed."""
    mine = open_periods.c.account == account
    tx.connection.execute(update(open_periods).where(mine).values(ends_ms=None))


def lock_period(tx: Tx, account: str) -> bool:
    """Keep others from closing an account's period meanwhile; False: none runs."""
    query = select(open_periods.c.account).where(open_periods.c.account == account)
    return tx.connection.execute(query.with_for_update()).first() is not None


def own_codes(account: str, unit: str) -> tuple[str, str]:
    """Where an account's own money is: its wallet, and what is held of it."""
    return chart.wallet(account, unit), chart.escrow(account, unit)


def own_money(tx: Tx, account: str, unit: str) -> int:
    """An account's own money; nobody else moves any of it before this transaction ends."""
    wallet, escrow = own_codes(account, unit)
    minor = tx.book.balance(wallet) + tx.book.balance(escrow)
    # A ledger account that isn't opened yet can't be locked: another hub could open it now,
    # and commit behind a moment that was thought to be over.
    tx.book.set_least(escrow, 0)
    tx.book.flush()
    return minor


def newest_transfer(tx: Tx) -> int:
    """Number of the newest transfer; whoever asks has read the balances that it is about."""
    tx.book.flush()
    return int(tx.connection.execute(_NEWEST).scalar_one())
