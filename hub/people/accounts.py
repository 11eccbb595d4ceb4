"""Accounts: who pays. Money is the ledger's; here is what a person decides about one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, tuple_, update

from hub.errors import ConflictError, InputError, NotFoundError
from hub.ledger import accounts as chart
from hub.ledger.writer import Tx
from hub.people import card_list
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
        credit_limit_minor: How far below zero its wallet may go, ≥ 0.
    """

    name: str = ""
    group: str = ""
    tariffs: dict[str, str]
    permissions: dict[str, int]
    language: str = ""
    credit_limit_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account.

    Attributes:
        id: Its id; the ledger knows nothing else of it.
        unit: Unit of its money, for ever.
        state: Whether it may spend.
        terms: What staff decided.
        created_ms: When it was opened.
    """

    id: str
    unit: str
    state: AccountState
    terms: Terms
    created_ms: int


def open_account(tx: Tx, account_id: str, unit: str, terms: Terms) -> Account:
    """Open an account. The same id with the same terms again: the account, unchanged.

    Raises:
        InputError: A term is out of range, or the unit is not known.
        ConflictError: The id names another account.
    """
    if not is_name(account_id):
        raise InputError("an account's id is lower case letters, digits and _ . -, at most 64")
    find_unit(tx.connection, unit)
    _check(terms)
    existing = _find(tx.connection, account_id)
    if existing is not None:
        if (existing.unit, existing.terms) != (unit, terms):
            raise ConflictError(f"{account_id} is another account already", Code.ID_CONFLICT)
        return existing
    tx.connection.execute(
        insert(accounts).values(id=account_id, unit=unit, created_ms=tx.now_ms, **_columns(terms))
    )
    if terms.credit_limit_minor:
        _set_limit(tx, account_id, unit, terms.credit_limit_minor)
    tx.touch("account", account_id)
    return get_account(tx.connection, account_id)


def get_account(connection: Connection, account_id: str) -> Account:
    """Read an account.

    Raises:
        NotFoundError: No such account.
    """
    found = _find(connection, account_id)
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
        ConflictError: It is closed.
        RefusedError: It owes more than the new credit limit.
    """
    before = get_account(tx.connection, account_id)
    terms = replace(before.terms, **given)
    wanted = before.state if state is None else state
    if (terms, wanted) == (before.terms, before.state):
        return before
    if before.state is AccountState.CLOSED:
        raise ConflictError(f"{account_id} is closed: open another account", Code.ACCOUNT_CLOSED)
    _check(terms)
    if terms.credit_limit_minor != before.terms.credit_limit_minor:
        _set_limit(tx, before.id, before.unit, terms.credit_limit_minor)
    tx.connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(state=wanted.value, **_columns(terms))
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


def _set_limit(tx: Tx, account_id: str, unit: str, credit_limit_minor: int) -> None:
    tx.book.set_least(chart.wallet(account_id, unit), -credit_limit_minor)


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
    }


def _find(connection: Connection, account_id: str) -> Account | None:
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
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
        ),
        created_ms=row.created_ms,
    )
