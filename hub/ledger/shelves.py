"""Where the book finds accounts: in a database of its own, or in one that hubs share.

`Alone` remembers what the last commit left, since nobody else writes. `Shared` locks,
until the transaction ends, each account whose balance can forbid something, in order of
numbers. Accounts without limits, such as revenue and tax, can forbid nothing: they are
only ever added to, so that hubs don't wait for each other where everybody pays the same
machine. The end of the chain is locked last of all, when rows of items are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from hub.ledger import sql
from hub.ledger.accounts import FREE, is_code, unit_of, usual_limits
from hub.ledger.apply import BALANCE_MINOR_MAX, Balance, limited
from hub.ledger.entries import Last
from hub.store.failures import UnluckyError
from hub.store.rows import fetch

ACCOUNTS_REMEMBERED_MAX = 100_000
"""Balances and numbers: more people than are about at once, in some 20 MB; beyond it all
are read anew."""


@dataclass(slots=True)
class Memory:
    """What is known from earlier transactions; cleared when one isn't committed.

    Attributes:
        balances: By ledger account; on a shared database nothing is kept here.
        ids: Numbers of ledger accounts, which never change.
        free: Accounts without limits.
        last: End of the chain; None: not read.
        last_id: Number of the newest account; None: not read.
    """

    balances: dict[str, Balance] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)
    last: Last | None = None
    last_id: int | None = None

    def is_full(self) -> bool:
        """Whether more is remembered than may be."""
        return len(self.ids) + len(self.balances) > ACCOUNTS_REMEMBERED_MAX

    def trim(self) -> None:
        """Forget all when it is too much; only where nothing decided waits to be written."""
        if self.is_full():
            self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.balances.clear()
        self.ids.clear()
        self.free.clear()
        self.last = self.last_id = None


AccountRow = tuple[int, str, str, int | None, int | None]
"""id, code, unit, balance_min, balance_max."""


Known = list[tuple[Any, ...]]
"""Ids and digests of items."""


class Mark(NamedTuple):
    """A point to which a savepoint goes back."""

    opened: int
    read: int
    last: Last | None
    last_id: int | None


class Shelf(Protocol):
    """Accounts as one transaction finds them.

    Attributes:
        balances: What was read or decided, by ledger account.
        ids: Numbers of those that have a row.
    """

    balances: dict[str, Balance]
    ids: dict[str, int]

    def read(self, codes: Iterable[str], ids: Sequence[str] = ()) -> Known:
        """Have all these in `balances`, with what can be decided by; new ones at 0.

        Args:
            codes: Ledger accounts.
            ids: Of items, to be looked up once the accounts can't change any more.

        Returns:
            Which of the ids are known, with their digests.
        """
        ...

    def hold(self, code: str) -> bool:
        """Have one in `balances`, exact until the commit.

        Returns:
            False: it was only added to; write what is decided, then `read_again`.
        """
        ...

    def read_again(self, code: str) -> None:
        """Read an account exactly, whose changes are all written."""
        ...

    def open(self, codes: Collection[str]) -> list[AccountRow]:
        """Give numbers to those that have none, and the rows that are still to be written."""
        ...

    def last(self) -> Last:
        """End of the chain; nobody else moves it before the commit."""
        ...

    def advance(self, last: Last) -> None:
        """Keep the new end of the chain."""
        ...

    def mark(self) -> Mark:
        """Remember this point."""
        ...

    def undo(self, mark: Mark) -> None:
        """Forget what was read and opened since, after a rollback to there."""
        ...


class Alone:
    """Accounts of a database that one connection writes.

    Args:
        connection: In a transaction.
        memory: What the last commit left.
    """

    def __init__(self, connection: Connection, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self._opened: list[str] = []
        self.balances, self.ids = memory.balances, memory.ids

    def read(self, codes: Iterable[str], ids: Sequence[str] = ()) -> Known:
        balances = self.balances
        missing = set(codes).difference(balances)
        if missing:
            statement = sql.accounts(self._connection.dialect.name)
            for code, id_, *row in fetch(self._connection, statement, list(missing)):
                self.ids[code] = id_
                balances[code] = limited(*row)
                missing.discard(code)
            _take_for_new(balances, missing)
        return fetch(self._connection, sql.known_items("sqlite"), ids) if ids else []

    def hold(self, code: str) -> bool:
        self.read((code,))
        return True

    def read_again(self, code: str) -> None:
        self.read((code,))

    def open(self, codes: Collection[str]) -> list[AccountRow]:
        memory = self._memory
        if memory.last_id is None:
            ((memory.last_id,),) = fetch(self._connection, sql.LAST_ACCOUNT)
        rows: list[AccountRow] = []
        for number, code in enumerate(sorted(codes), memory.last_id + 1):
            rows.append((number, *_opened(code, self.balances[code])))
            self.ids[code] = number
            self._opened.append(code)
        memory.last_id += len(rows)
        return rows

    def last(self) -> Last:
        if self._memory.last is None:
            rows = fetch(self._connection, sql.LAST)
            self._memory.last = Last(*rows[0]) if rows else Last()
        return self._memory.last

    def advance(self, last: Last) -> None:
        self._memory.last = last

    def mark(self) -> Mark:
        return Mark(len(self._opened), 0, self._memory.last, self._memory.last_id)

    def undo(self, mark: Mark) -> None:
        for code in self._opened[mark.opened :]:
            del self.ids[code]
        del self._opened[mark.opened :]
        self._memory.last, self._memory.last_id = mark.last, mark.last_id


class Shared:
    """Accounts of a database that several hubs write.

    Args:
        connection: In a transaction that reads what others committed (READ COMMITTED).
        memory: Numbers, and which accounts have no limits.
    """

    def __init__(self, connection: Connection, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self._read: list[str] = []
        self._opened: list[str] = []
        self._exact: set[str] = set()
        self._last: Last | None = None
        self.balances: dict[str, Balance] = {}
        self.ids = memory.ids

    def read(self, codes: Iterable[str], ids: Sequence[str] = ()) -> Known:
        balances, free = self.balances, self._memory.free
        bound: list[str] = []
        loose: list[str] = []
        for code in set(codes).difference(balances):
            if code in free:
                balances[code] = Balance()
            elif is_code(code):
                (loose if usual_limits(code) is FREE else bound).append(code)
        if loose:
            bound += self._read_loose(loose)
        if not bound:
            return fetch(self._connection, sql.known_items("postgresql"), ids) if ids else []
        self._read += bound
        self._lock(bound)
        # What was opened or booked while we waited for a lock is only seen by a new statement.
        seen = fetch(self._connection, sql.SEEN, bound, list(ids))
        appeared = [code for code, digest in seen if digest is None and code not in balances]
        if appeared:
            self._lock(appeared)
        _take_for_new(balances, [code for code in bound if code not in balances])
        return [(id_, digest) for id_, digest in seen if digest is not None]

    def hold(self, code: str) -> bool:
        self.read((code,))
        return code in self._exact or code not in self._memory.free

    def read_again(self, code: str) -> None:
        self._read.append(code)
        self._exact.add(code)
        self._lock([code])

    def open(self, codes: Collection[str]) -> list[AccountRow]:
        rows = [_opened(code, self.balances[code]) for code in sorted(codes)]
        done = fetch(self._connection, sql.OPEN_SHARED, rows)
        if len(done) < len(rows):
            raise UnluckyError("another hub opened the same account meanwhile")
        self.ids.update(done)
        self._opened += codes
        return []

    def last(self) -> Last:
        if self._last is None:
            rows = fetch(self._connection, sql.LOCKED_LAST)
            self._last = Last(*rows[0]) if rows else Last()
        return self._last

    def advance(self, last: Last) -> None:
        self._last = last

    def mark(self) -> Mark:
        return Mark(len(self._opened), len(self._read), self._last, None)

    def undo(self, mark: Mark) -> None:
        # A rollback to a savepoint gives up the locks that were taken since.
        for code in self._read[mark.read :]:
            self.balances.pop(code, None)
            self._exact.discard(code)
        for code in self._opened[mark.opened :]:
            self.ids.pop(code, None)
        del self._read[mark.read :], self._opened[mark.opened :]
        self._last = mark.last

    def _read_loose(self, codes: list[str]) -> list[str]:
        """Read accounts that usually have no limits; gives those that have one after all."""
        statement = sql.accounts(self._connection.dialect.name)
        bound = []
        for code, id_, _, *limits in fetch(self._connection, statement, codes):
            if limits == [None, None]:
                self.ids[code] = id_
                self._memory.free.add(code)
            else:
                bound.append(code)
        _take_for_new(self.balances, set(codes).difference(bound))
        return bound

    def _lock(self, codes: Sequence[str]) -> None:
        """Lock accounts and read them."""
        for code, id_, *row in fetch(self._connection, sql.LOCK, codes):
            self.ids[code] = id_
            self.balances[code] = limited(*row)


def shelf_of(connection: Connection, memory: Memory) -> Shelf:
    """Choose by the database."""
    return (Alone if connection.dialect.name == "sqlite" else Shared)(connection, memory)


def _take_for_new(balances: dict[str, Balance], codes: Iterable[str]) -> None:
    for code in filter(is_code, codes):
        limits = usual_limits(code)
        balances[code] = limited(0, limits.least, limits.most)


def _opened(code: str, balance: Balance) -> tuple[str, str, int | None, int | None]:
    return (code, unit_of(code), _or_none(balance.least), _or_none(balance.most))


def _or_none(limit: int) -> int | None:
    return None if abs(limit) == BALANCE_MINOR_MAX else limit
