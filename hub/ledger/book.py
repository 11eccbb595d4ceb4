"""The book within one transaction: loads what is touched, decides, writes in sets.

Only the accounts and ids that items name are read, all at once where they are known
beforehand; what was decided is written by one statement for each table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row

from hub.errors import ConflictError, RefusedError
from hub.ledger import sql
from hub.ledger.accounts import is_code, unit_of
from hub.ledger.apply import BALANCE_MINOR_MAX, Balance, State, accounts_of, check, decide, limited
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Item,
    Outcome,
    Refused,
    Transfer,
    about_of,
    digest_of,
    effect_of,
)
from hub.store.rows import encode_rows, write_rows
from wire.errors import Code

FIRST_HASH = blake2b(b"standpipe ledger v1", digest_size=32).hexdigest()
"""What the first batch's hash continues."""
ACCOUNTS_REMEMBERED_MAX = 50_000
"""More people than are about at once, in some 20 MB; beyond it all are read anew."""


def chain_batch(previous: str, digests: Iterable[tuple[str, str]]) -> str:
    """Hash of a batch: the hash before it, then digest and effect of each item."""
    parts = [previous]
    for pair in digests:
        parts += pair
    return blake2b("".join(parts).encode(), digest_size=32).hexdigest()


@dataclass(slots=True)
class Memory:
    """Accounts as the last commit left them, for a database that one connection writes.

    Attributes:
        balances: By ledger account.
        ids: Their numbers in the database.
        last: Number and hash of the last batch, place of the last item; None: not read.
    """

    balances: dict[str, Balance] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    last: tuple[int, str, int] | None = None

    def clear(self) -> None:
        """Forget all: what was decided wasn't committed."""
        self.balances.clear()
        self.ids.clear()
        self.last = None


class Book:
    """The ledger as one transaction sees and changes it.

    Args:
        connection: In a transaction that may write.
        at_ms: Hub's wall time of the transaction.
        memory: Accounts known from earlier transactions; the caller clears it when
            this one isn't committed.
    """

    def __init__(self, connection: Connection, at_ms: int, memory: Memory | None = None) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._at_ms = at_ms
        self._memory = memory or Memory()
        if len(self._memory.balances) > ACCOUNTS_REMEMBERED_MAX:
            self._memory.clear()
        self._state = State(balances=self._memory.balances)
        self._asked: set[str] = set()
        self._pending: list[tuple[Item, str, tuple[Transfer, ...]]] = []
        self._limits: dict[str, int] = {}

    def load(self, items: Iterable[Item]) -> None:
        """Read everything that these items touch, in two statements."""
        ids: list[str] = []
        codes: set[str] = set()
        for item in items:
            codes.update(accounts_of(item))
            if item.id not in self._asked:
                ids.append(item.id)
        self._load_ids(ids)
        self._load_accounts(codes)

    def post(self, item: Item) -> Outcome:
        """Decide an item; what is booked is written at the next `flush`.

        Raises:
            InputError: It holds what can't be stored.
        """
        return check(item) or self.post_checked(item, digest_of(item))

    def post_checked(self, item: Item, digest: str) -> Outcome:
        """Decide an item that `check` found nothing wrong with, by its digest."""
        if item.id not in self._asked or not self._knows_accounts(item):
            self.load((item,))
        outcome = decide(self._state, item, digest)
        if type(outcome) is Booked:
            self._pending.append((item, digest, outcome.transfers))
        return outcome

    def must_post(self, item: Item) -> tuple[Transfer, ...]:
        """Decide an item whose refusal is the caller's error.

        Returns:
            Its transfers; empty when it was booked before.

        Raises:
            InputError: It holds what can't be stored.
            RefusedError: A rule or a limit forbids it.
            ConflictError: Another item has its id.
        """
        outcome = self.post(item)
        match outcome:
            case Booked(transfers):
                return transfers
            case Already():
                return ()
            case Conflict():
                raise ConflictError(
                    f"{item.id} was used for something else: make a new id", Code.ID_CONFLICT
                )
            case Refused(code, _, detail):
                raise RefusedError(detail, code)

    def balance(self, code: str) -> int:
        """Balance of a ledger account in minor units; 0 when it isn't open."""
        self._load_accounts((code,))
        found = self._state.balances.get(code)
        return 0 if found is None else found.minor

    def spendable(self, code: str) -> int:
        """How much a ledger account can give now."""
        self._load_accounts((code,))
        return self._state.balance(code).spendable

    def set_least(self, code: str, least: int) -> None:
        """Change the least balance of a ledger account, as for a credit limit.

        Raises:
            RefusedError: Its balance is below that already.
        """
        self._load_accounts((code,))
        balance = self._state.balance(code)
        if balance.minor < least:
            raise RefusedError(
                f"{code} stands at {balance.minor}: the limit can't be {least}",
                Code.LIMIT_EXCEEDED,
            )
        balance.least = least
        self._limits[code] = least

    def flush(self) -> None:
        """Write what was decided: accounts, batch, items, transfers, balances."""
        if not self._pending and not self._limits:
            return
        touched = {
            code
            for _, _, transfers in self._pending
            for transfer in transfers
            for code in (transfer.debit, transfer.credit)
        }
        self._open(touched.union(self._limits))
        if self._pending:
            self._write_items()
        self._write_balances(touched)
        self._pending.clear()
        self._limits.clear()

    def forget(self) -> None:
        """Drop what was read and decided but not flushed, after a rollback."""
        self._memory.clear()
        self._state.known.clear()
        self._asked.clear()
        self._pending.clear()
        self._limits.clear()

    def _load_ids(self, ids: list[str]) -> None:
        if not ids:
            return
        rows = self._connection.execute(
            sql.known_items(self._dialect), {"ids": encode_rows(ids)}
        ).all()
        self._state.known.update((id_, digest) for id_, digest in rows)
        self._asked.update(ids)

    def _load_accounts(self, codes: Iterable[str]) -> None:
        balances = self._state.balances
        missing = {code for code in codes if code not in balances}
        if not missing:
            return
        for code, id_, minor, least, most in self._accounts(list(missing)):
            self._memory.ids[code] = id_
            self._state.balances[code] = limited(minor, least, most)
            missing.discard(code)
        for code in filter(is_code, missing):
            self._state.balance(code)  # new: known to be at 0, and not asked for again

    def _knows_accounts(self, item: Item) -> bool:
        """Tell whether all were read: an id asked for twice may name other accounts."""
        balances = self._state.balances
        for code in accounts_of(item):  # noqa: SIM110 a generator takes twice the time
            if code not in balances:
                return False
        return True

    def _open(self, touched: set[str]) -> None:
        """Give the accounts that are new their rows."""
        new = sorted(touched.difference(self._memory.ids))
        if not new:
            return
        rows = [_opened(code, self._state.balances[code]) for code in new]
        write_rows(self._connection, sql.OPEN, rows)
        self._memory.ids.update((row[0], row[1]) for row in self._accounts(new))

    def _accounts(self, codes: list[str]) -> Sequence[Row[*tuple[Any, ...]]]:
        wanted = {"codes": encode_rows(codes)}
        return self._connection.execute(sql.accounts(self._dialect), wanted).all()

    def _write_items(self) -> None:
        batch, previous, place = self._memory.last or self._read_last()
        batch += 1
        ids, at_ms = self._memory.ids, self._at_ms
        items, moves, digests = [], [], []
        for place_, (item, digest, transfers) in enumerate(self._pending, place + 1):
            about = about_of(item)
            effect = effect_of(about, at_ms, transfers)
            digests.append((digest, effect))
            items.append((*about, place_, digest, effect, batch))
            for ordinal, move in enumerate(transfers):
                sides = ids[move.debit], ids[move.credit]
                moves.append((item.id, ordinal, *sides, move.amount_minor, at_ms))
        hash_ = chain_batch(previous, digests)
        self._memory.last = (batch, hash_, place + len(items))
        write_rows(self._connection, sql.BATCH, [(batch, hash_, len(items), at_ms)])
        write_rows(self._connection, sql.ITEMS, items)
        write_rows(self._connection, sql.TRANSFERS, moves)

    def _read_last(self) -> tuple[int, str, int]:
        last = self._connection.execute(sql.LAST).one_or_none()
        return (0, FIRST_HASH, 0) if last is None else (last[0], last[1], last[2])

    def _write_balances(self, touched: set[str]) -> None:
        ids, balances = self._memory.ids, self._state.balances
        # A balance and its limit change together: either alone could break the CHECK.
        limited_ = [(ids[c], balances[c].minor, least) for c, least in self._limits.items()]
        changed = sorted((ids[c], balances[c].minor) for c in touched if c not in self._limits)
        write_rows(self._connection, sql.LIMIT, limited_)
        write_rows(self._connection, sql.CHANGE, changed)


def _opened(code: str, balance: Balance) -> tuple[str, str, int, int | None, int | None]:
    return (
        code,
        unit_of(code),
        balance.minor,
        _or_none(balance.least),
        _or_none(balance.most),
    )


def _or_none(limit: int) -> int | None:
    return None if abs(limit) == BALANCE_MINOR_MAX else limit
