"""What each part of an account's deposit is for, and whether rows and book agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, tuple_, update

from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.ledger.writer import Tx
from hub.payments.records import Payment
from hub.people.cards import CardState, get_card
from hub.store.tables.money_in import deposits
from hub.store.tables.people import cards
from wire.errors import Code
from wire.ids import is_name

DEPOSITS_OPEN_MAX = 500
"""Of one account; an organisation with a card for each member has fewer."""
FAULTS_MAX = 20

_DIFFERING = text("""
    SELECT rows.code, rows.minor, coalesce(book.balance, 0) AS booked
    FROM (
        SELECT unit || '\\:deposit/' || account AS code,
            sum(amount_minor - returned_minor - kept_minor) AS minor
        FROM deposits GROUP BY unit, account
    ) AS rows LEFT JOIN ledger_accounts AS book ON book.code = rows.code
    WHERE rows.minor <> coalesce(book.balance, 0) ORDER BY rows.code LIMIT :most
""")
_UNLISTED = text("""
    SELECT l.code, l.balance FROM ledger_accounts AS l
    WHERE l.code LIKE l.unit || '\\:deposit/%' AND l.balance <> 0 AND NOT EXISTS (
        SELECT 1 FROM deposits AS d WHERE d.unit || '\\:deposit/' || d.account = l.code)
    ORDER BY l.code LIMIT :most
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A deposit.

    Attributes:
        id: The payment that took it.
        account: Whose.
        unit: Unit of the money.
        card: The card that it was taken for; empty: none.
        purpose: The machine or kind that it was taken for; empty: none.
        amount_minor: Taken.
        returned_minor: Of it, returned.
        kept_minor: Of it, kept for damage.
        taken_ms: When it was taken.
        closed_ms: When nothing was left of it; None: some is.
    """

    id: str
    account: str
    unit: str
    card: str
    purpose: str
    amount_minor: int
    returned_minor: int
    kept_minor: int
    taken_ms: int
    closed_ms: int | None

    @property
    def left_minor(self) -> int:
        """What may still be returned or kept."""
        return self.amount_minor - self.returned_minor - self.kept_minor


@dataclass(frozen=True, slots=True)
class Part:
    """What is taken out of one deposit.

    Attributes:
        held: The deposit before.
        minor: How much, 1 to what is left of it.
    """

    held: Held
    minor: int

    @property
    def closes(self) -> bool:
        """Whether nothing is left afterwards."""
        return self.minor == self.held.left_minor


def check_new(tx: Tx, account: str, card: str, purpose: str) -> None:
    """Check what a new deposit would be for.

    Raises:
        InputError: The purpose can't be one, or there are two.
        NotFoundError: No such card.
        ConflictError: The card isn't the account's, is out of use, or has a deposit; or
            the account has too many.
    """
    if card and purpose:
        raise InputError("a deposit is for a card or for a machine: name one of the two")
    if purpose and not is_name(purpose):
        raise InputError("a deposit is for a machine, or a kind of machines, by its name")
    if len(_open(tx.connection, account)) >= DEPOSITS_OPEN_MAX:
        raise ConflictError(
            f"{account} has {DEPOSITS_OPEN_MAX} open deposits: return one first",
            Code.LIMIT_EXCEEDED,
        )
    if card:
        _check_card(tx, account, card)


def add(tx: Tx, payment: Payment, *, card: str, purpose: str) -> None:
    """Keep what a deposit that was taken is for."""
    tx.connection.execute(
        insert(deposits).values(
            id=payment.id,
            account=payment.account,
            unit=payment.unit,
            card=card,
            purpose=purpose,
            amount_minor=payment.amount_minor,
            taken_ms=payment.at_ms,
        )
    )


def part_of(tx: Tx, account: str, *, deposit: str, card: str, minor: int | None) -> Part:
    """A part of the deposit of this id or this card; without an amount all that is left.

    Raises:
        NotFoundError: The account has no such deposit that is open.
        RefusedError: Less is left of it.
    """
    named = deposits.c.id == deposit if deposit else deposits.c.card == card
    query = (
        select(deposits)
        .where(named, deposits.c.account == account, deposits.c.closed_ms.is_(None))
        .with_for_update()
    )
    row = tx.connection.execute(query).first()
    if row is None:
        raise NotFoundError(
            f"{account} has no open deposit {deposit or f'for card {card}'}: see its deposits"
        )
    held = _held(row)
    wanted = held.left_minor if minor is None else minor
    if wanted > held.left_minor:
        raise RefusedError(
            f"{held.left_minor} minor units are left of the deposit {held.id}, not {wanted}. "
            "Nothing changed.",
            Code.DEPOSIT_TOO_LOW,
        )
    return Part(held, wanted)


def parts_of(tx: Tx, account: str, minor: int) -> list[Part]:
    """Parts of the deposits for nothing in particular, oldest first, that make an amount.

    Raises:
        RefusedError: They are less; those for a card or a machine must be named.
    """
    parts: list[Part] = []
    left = minor
    for held in _open(tx.connection, account, lock=True):
        if left and not held.card and not held.purpose:
            parts.append(Part(held, min(left, held.left_minor)))
            left -= parts[-1].minor
    if left:
        raise RefusedError(
            f"{account} has {minor - left} minor units of deposit that are for nothing in "
            f"particular, not {minor}; name the one that is for a card or a machine. "
            "Nothing changed.",
            Code.DEPOSIT_TOO_LOW,
        )
    return parts


def take_out(tx: Tx, parts: Iterable[Part], *, kept: bool) -> None:
    """Write that parts were returned, or kept."""
    column = deposits.c.kept_minor if kept else deposits.c.returned_minor
    for part in parts:
        tx.connection.execute(
            update(deposits)
            .where(deposits.c.id == part.held.id)
            .values(
                {
                    column: column + part.minor,
                    deposits.c.closed_ms: tx.now_ms if part.closes else None,
                }
            )
        )


def list_deposits(
    connection: Connection,
    account: str,
    *,
    open_only: bool,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Held]:
    """Deposits of an account, newest first, one more than `limit` if there are more."""
    query = (
        select(deposits)
        .where(deposits.c.account == account)
        .order_by(deposits.c.taken_ms.desc(), deposits.c.id.desc())
    )
    if open_only:
        query = query.where(deposits.c.closed_ms.is_(None))
    if after is not None:
        query = query.where(tuple_(deposits.c.taken_ms, deposits.c.id) < after)
    return [_held(row) for row in connection.execute(query.limit(limit + 1))]


def audit_deposits(connection: Connection) -> Iterator[str]:
    """Check, on one read-only connection, that rows and book agree.

    Yields:
        A sentence for each account where they don't.
    """
    most = {"most": FAULTS_MAX}
    for row in connection.execute(_DIFFERING, most):
        yield f"deposits of {row.code} make {int(row.minor)} minor units, {row.booked} is booked"
    for row in connection.execute(_UNLISTED, most):
        yield f"{row.code} is {row.balance}, and no deposit says what for"


def _open(connection: Connection, account: str, *, lock: bool = False) -> Sequence[Held]:
    query = (
        select(deposits)
        .where(deposits.c.account == account, deposits.c.closed_ms.is_(None))
        .order_by(deposits.c.taken_ms, deposits.c.id)
    )
    rows = connection.execute(query.with_for_update() if lock else query)
    return [_held(row) for row in rows]


def _check_card(tx: Tx, account: str, card: str) -> None:
    # Two at once for one card wait for each other here.
    tx.connection.execute(select(cards.c.id).where(cards.c.id == card).with_for_update())
    found = get_card(tx.connection, card)
    if found.account != account:
        raise ConflictError(f"{card} isn't a card of {account}. Nothing changed.")
    if found.state is not CardState.ACTIVE:
        raise ConflictError(f"{card} is {found.state}: take the deposit for one in use")
    taken = select(deposits.c.id).where(deposits.c.card == card, deposits.c.closed_ms.is_(None))
    if tx.connection.execute(taken).first() is not None:
        raise ConflictError(f"a deposit for {card} is open already: return it first")


def _held(row: Row[Any]) -> Held:
    return Held(**row._mapping)  # noqa: SLF001 a public name of SQLAlchemy
