"""Accounts: who pays. Money is the ledger's; here is what a person decides about one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, tuple_, update

from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger.writer import Tx
from hub.people import card_list
from hub.people.credit import Billing, begin_period, set_credit_limit, usual_billing
from hub.store.tables.people import accounts
from hub.units import find_unit
from wire.errors import Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX

NAME_LENGTH_MAX = 120
OWN_PRICES_MAX = 64
"""More prices of one's own than any price list has lines."""
PERMISSIONS_MAX = 64
LANGUAGE_LENGTH_MAX = 16


class AccountState(StrEnum):
    """Whether an account may spend."""

    OPEN = "open"
    BLOCKED = "blocked"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What staff decide about an account.

    Attributes:
        name: What staff call it.
        group: Price group; empty: none.
        tariffs: Its own prices: machine id or kind to tariff id.
        permissions: Name to wall time (ms) when it ends; 0: never.
        language: Of its owner; empty: the site's.
        credit_limit_minor: How far below zero its wallet may go, ≥ 0; prepaid: 0.
        billing: How it pays; None: prepaid without a credit limit, mixed with one.
    """

    name: str = ""
    group: str = ""
    tariffs: dict[str, str]
    permissions: dict[str, int]
    language: str = ""
    credit_limit_minor: int = 0
    billing: Billing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account.

    Attributes:
        id: Its id; the ledger knows nothing else of it.
        unit: Unit of its money, for ever.
        state: Whether it may spend.
        terms: What staff decided.
        created_ms: When it was opened.
        discontinued_ms: Since when it is blocked for something unpaid; None: it isn't.
        also_blocked: Whether staff blocked it beside that.
    """

    id: str
    unit: str
    state: AccountState
    terms: Terms
    created_ms: int
    discontinued_ms: int | None = None
    also_blocked: bool = False


def open_account(tx: Tx, account_id: str, unit: str, terms: Terms) -> Account:
    """Open an account. The same id with the same terms again: the account, unchanged.

    Raises:
        InputError: A term is out of range, or the unit is not known.
        ConflictError: The id names another account.
    """
    if not is_name(account_id):
        raise InputError("an account's id is lower case letters, digits and _ . -, at most 64")
    find_unit(tx.connection, unit)
    terms = _billed(terms)
    _check(terms)
    existing = _find(tx.connection, account_id)
    if existing is not None:
        if (existing.unit, existing.terms) != (unit, terms):
            raise ConflictError(f"{account_id} is another account already", Code.ID_CONFLICT)
        return existing
    tx.connection.execute(
        insert(accounts).values(id=account_id, unit=unit, created_ms=tx.now_ms, **_columns(terms))
    )
    _follow_credit(tx, account_id, unit, None, terms)
    tx.touch("account", account_id)
    return get_account(tx.connection, account_id)


def get_account(connection: Connection, account_id: str, *, lock: bool = False) -> Account:
    """Read an account.

    Args:
        connection: To read from.
        account_id: Which.
        lock: Keep others from changing it before this transaction ends.

    Raises:
        NotFoundError: No such account.
    """
    found = _find(connection, account_id, lock=lock)
    if found is None:
        raise NotFoundError(f"there is no account {account_id}", Code.ACCOUNT_UNKNOWN)
    return found


def list_accounts(
    connection: Connection, *, search: str, after: tuple[int, str] | None, limit: int
) -> list[Account]:
    """Accounts, newest first, one more than `limit` if there are more.

    Args:
        connection: A connection for reading.
        search: Beginning of a name or an id, in any case; empty: all.
        after: `created_ms` and id of the row that the page follows.
        limit: Page size.
    """
    query = select(accounts).order_by(accounts.c.created_ms.desc(), accounts.c.id.desc())
    if search:
        query = query.where(
            accounts.c.name.istartswith(search, autoescape=True)
            | accounts.c.id.istartswith(search, autoescape=True)
        )
    if after is not None:
        query = query.where(tuple_(accounts.c.created_ms, accounts.c.id) < after)
    return [_account(row) for row in connection.execute(query.limit(limit + 1))]


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """What staff call these accounts; unknown ones are left out."""
    query = select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(sorted(ids)))
    return {row.id: row.name for row in connection.execute(query)}


def change_account(
    tx: Tx, account_id: str, given: Mapping[str, Any], state: AccountState | None = None
) -> Account:
    """Change some terms, its state, or both at once.

    Its cards are listed anew, so that controllers learn of it. A closed account stays
    closed. Facts that come after a block or a closure are booked all the same.

    Args:
        tx: The writer's transaction.
        account_id: Which.
        given: Fields of `Terms` with their new values; others stay.
        state: The new state; None: as it is.

    Raises:
        InputError: A term is out of range.
        NotFoundError: No such account.
        ConflictError: It is closed, or it is to open while something is unpaid.
        RefusedError: It uses more than the new credit limit.
    """
    before = get_account(tx.connection, account_id, lock=True)
    if "credit_limit_minor" in given and "billing" not in given:
        kept = before.terms.billing if before.terms.credit_limit_minor else None
        given = {**given, "billing": kept if given["credit_limit_minor"] else None}
    terms = _billed(replace(before.terms, **given))
    standing = _standing(before, state)
    if (terms, standing) == (before.terms, (before.state, before.also_blocked)):
        return before
    if before.state is AccountState.CLOSED:
        raise ConflictError(f"{account_id} is closed: open another account", Code.ACCOUNT_CLOSED)
    _check(terms)
    _follow_credit(tx, account_id, before.unit, before.terms, terms)
    tx.connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(state=standing[0].value, also_blocked=int(standing[1]), **_columns(terms))
    )
    card_list.relist_account(tx, account_id)
    tx.touch("account", account_id)
    return get_account(tx.connection, account_id)


def close_account(tx: Tx, account_id: str) -> Account:
    """Close an account: its cards start nothing any more. Closed before: stays so.

    Its history stays, and so does what is left in its wallet until it is paid out;
    what is held at machines comes back first.

    Raises:
        NotFoundError: No such account.
    """
    return change_account(tx, account_id, {}, AccountState.CLOSED)


def require_open(connection: Connection, account_id: str) -> Account:
    """An account that may take part in a request.

    Raises:
        NotFoundError: No such account.
        ConflictError: It is closed.
    """
    account = get_account(connection, account_id)
    if account.state is AccountState.CLOSED:
        raise ConflictError(f"{account_id} is closed", Code.ACCOUNT_CLOSED)
    return account


def require_prepaying(connection: Connection, account_id: str) -> Account:
    """An account that may be topped up.

    Raises:
        NotFoundError: No such account.
        ConflictError: It is closed, or paid by invoice alone.
    """
    account = require_open(connection, account_id)
    if account.terms.billing is Billing.POSTPAID:
        raise ConflictError(
            f"{account_id} is billed after use and takes no top-ups: book what it pays as a "
            "payment of its receivables, or make it mixed. Nothing changed."
        )
    return account


def require_spending(connection: Connection, account_id: str) -> Account:
    """An account that may be charged on request.

    Raises:
        NotFoundError: No such account.
        ConflictError: It is closed, blocked or discontinued.
    """
    account = require_open(connection, account_id)
    if account.discontinued_ms is not None:
        raise _discontinued(account_id)
    if account.state is AccountState.BLOCKED:
        raise ConflictError(
            f"{account_id} is blocked: open it first. Nothing changed.", Code.CARD_BLOCKED
        )
    return account


def _discontinued(account_id: str) -> ConflictError:
    return ConflictError(
        f"{account_id} is discontinued since a receivable is unpaid past its date: take the "
        "payment, or give it a later date, and it opens by itself. Nothing changed.",
        Code.DISCONTINUED,
    )


def _standing(before: Account, state: AccountState | None) -> tuple[AccountState, bool]:
    """State and block by staff that follow when staff ask for a state."""
    if state is None or before.discontinued_ms is None or before.state is AccountState.CLOSED:
        return (before.state if state is None else state), before.also_blocked
    if state is AccountState.OPEN and not before.also_blocked:
        raise _discontinued(before.id)
    wanted = state if state is AccountState.CLOSED else AccountState.BLOCKED
    return wanted, state is AccountState.BLOCKED


def _billed(terms: Terms) -> Terms:
    """Terms in which it is decided how the account is billed."""
    if terms.billing is not None:
        return terms
    return replace(terms, billing=usual_billing(terms.credit_limit_minor))


def _follow_credit(tx: Tx, account_id: str, unit: str, before: Terms | None, terms: Terms) -> None:
    """Have the book and the calendar follow changed terms."""
    if terms.credit_limit_minor != (before.credit_limit_minor if before else 0):
        set_credit_limit(tx, account_id, unit, terms.credit_limit_minor)
    was = before.billing if before else Billing.PREPAID
    if was is Billing.PREPAID and terms.billing is not Billing.PREPAID:
        begin_period(tx, account_id, unit)


def _check(terms: Terms) -> None:
    texts = (terms.name, terms.group, *terms.tariffs, *terms.tariffs.values(), *terms.permissions)
    if any(len(text) > NAME_LENGTH_MAX or not text.isprintable() for text in texts):
        raise InputError(f"names are at most {NAME_LENGTH_MAX} printable characters")
    if len(terms.language) > LANGUAGE_LENGTH_MAX:
        raise InputError("language is a short tag, such as de or pt-BR")
    if len(terms.tariffs) > OWN_PRICES_MAX or len(terms.permissions) > PERMISSIONS_MAX:
        raise InputError(
            f"at most {OWN_PRICES_MAX} prices and {PERMISSIONS_MAX} permissions of one's own"
        )
    if not 0 <= terms.credit_limit_minor <= AMOUNT_MINOR_MAX:
        raise InputError(f"credit_limit_minor is 0 to {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    if (terms.billing is Billing.PREPAID) != (terms.credit_limit_minor == 0):
        raise InputError(
            "a prepaid account has no credit limit, a postpaid or mixed one has one above 0: "
            "to stop an account from spending, block it",
            Code.AMOUNT_INVALID,
        )
    if any(not 0 <= ends <= 2**53 for ends in terms.permissions.values()):
        raise InputError("a permission ends at a time in ms, or never: 0")


def _columns(terms: Terms) -> dict[str, str | int]:
    return {
        "name": terms.name,
        "group": terms.group,
        "tariffs": msgspec.json.encode(terms.tariffs).decode(),
        "permissions": msgspec.json.encode(terms.permissions).decode(),
        "language": terms.language,
        "credit_limit_minor": terms.credit_limit_minor,
        "billing": (terms.billing or usual_billing(terms.credit_limit_minor)).value,
    }


def _find(connection: Connection, account_id: str, *, lock: bool = False) -> Account | None:
    query = select(accounts).where(accounts.c.id == account_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _account(row)


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        unit=row.unit,
        state=AccountState(row.state),
        terms=Terms(
            name=row.name,
            group=row.group,
            tariffs=msgspec.json.decode(row.tariffs, type=dict[str, str]),
            permissions=msgspec.json.decode(row.permissions, type=dict[str, int]),
            language=row.language,
            credit_limit_minor=row.credit_limit_minor,
            billing=Billing(row.billing),
        ),
        created_ms=row.created_ms,
        discontinued_ms=row.discontinued_ms,
        also_blocked=bool(row.also_blocked),
    )
