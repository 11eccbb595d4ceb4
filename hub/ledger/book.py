"""The book within one transaction: loads what is touched, decides, writes in sets.

Only the accounts and ids that items name are read, all at once where they are known
beforehand. What was decided is written by one statement for each table, once for all
jobs of a transaction: at its end, or before somebody reads the book's tables in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, event

from hub.errors import ConflictError, RefusedError
from hub.ledger import sql
from hub.ledger.accounts import is_code
from hub.ledger.apply import State, accounts_of, check, decide
from hub.ledger.entries import Entry, Moved, chained
from hub.ledger.items import Already, Booked, Conflict, Item, Outcome, Refused, Transfer, digest_of
from hub.ledger.shelves import AccountRow, Mark as ShelfMark, Memory, shelf_of
from hub.store.rows import Written, fetch, write_rows
from wire.errors import Code

FEW_ROWS = 16
"""So few transfers are written sooner than asked for by a statement of their own. More are
written before the chain's end is locked, which other hubs wait for."""
_TABLES = re.compile(r"\b(?:transfers|items|batches|ledger_accounts)\b")


Change = tuple[Written, Sequence[tuple[Any, ...]]]
"""A statement and the rows that it is for."""


class Mark(NamedTuple):
    """Where the book stood before a job.

    Attributes:
        decided: How many entries there were.
        written: How many of them were written.
        limits: Limits not yet written.
        changed: How many limits had been changed.
        shelf: Where its accounts stood.
    """

    decided: int
    written: int
    limits: dict[str, int]
    changed: int
    shelf: ShelfMark


class Book:
    """The ledger as one transaction sees and changes it.

    Args:
        connection: In a transaction that may write.
        at_ms: Hub's wall time of the transaction.
        memory: What is known from earlier transactions; the caller clears it when this
            one isn't committed.
    """

    def __init__(self, connection: Connection, at_ms: int, memory: Memory | None = None) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._at_ms = at_ms
        self._shelf = shelf_of(connection, memory or Memory())
        self._state = State(balances=self._shelf.balances)
        self._asked: set[str] = set()
        self._entries: list[Entry] = []
        self._written = 0
        self._prepared = 0
        self._moved = Moved()
        self._opened: list[AccountRow] = []
        self._limits: dict[str, int] = {}
        self._changed: list[tuple[str, int]] = []
        self._is_watching = False

    def load(self, items: Iterable[Item], *, look: bool = True) -> None:
        """Read everything that these items touch, in two statements.

        Args:
            items: What will be decided.
            look: Look their ids up; else they are taken for new, and writing one that
                isn't fails.
        """
        ids: list[str] = []
        codes: set[str] = set()
        for item in items:
            codes.update(accounts_of(item))
            if item.id not in self._asked:
                ids.append(item.id)
        # First the accounts: where they are locked, whoever had them first has committed
        # by then, and its ids are seen.
        self._state.known.update(self._shelf.read(codes, ids if look else ()))
        self._asked.update(ids)

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
        return self.post_loaded(item, digest)

    def post_loaded(self, item: Item, digest: str) -> Outcome:
        """Decide an item that was among those of `load`."""
        outcome = decide(self._state, item, digest)
        if type(outcome) is Booked:
            self._entries.append(Entry(item, digest, outcome.transfers))
        return outcome

    def must_post(self, item: Item) -> tuple[Transfer, ...]:
        """Decide an item whose refusal is the caller's error.

        Returns:
            Its transfers; those of then, when it was booked before.

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
                self.flush()
                rows = fetch(self._connection, sql.transfers_of(self._dialect), [item.id])
                return tuple(Transfer(*row) for row in rows)
            case Conflict():
                raise ConflictError(
                    f"{item.id} was used for something else: make a new id", Code.ID_CONFLICT
                )
            case Refused(code, _, detail):
                raise RefusedError(detail, code)

    def balance(self, code: str) -> int:
        """Balance of a ledger account in minor units; 0 when it isn't open."""
        if not is_code(code):
            return 0
        self._hold(code)
        return self._state.balance(code).minor

    def spendable(self, code: str) -> int:
        """How much a ledger account can give now.

        Raises:
            RefusedError: The code isn't of the chart.
        """
        self._hold(code)
        return self._state.balance(code).spendable

    def set_least(self, code: str, least: int) -> None:
        """Change the least balance of a ledger account, as for a credit limit.

        Raises:
            RefusedError: Its balance is below that already, or the code isn't of the chart.
        """
        self._hold(code)
        balance = self._state.balance(code)
        if balance.minor < least:
            raise RefusedError(
                f"{code} stands at {balance.minor}: the limit can't be {least}",
                Code.LIMIT_EXCEEDED,
            )
        self._changed.append((code, balance.least))
        self._limits[code] = balance.least = least

    def flush(self) -> None:
        """Write what was decided: accounts, transfers, batch, items, balances."""
        for changes in self.changes():
            write_rows(self._connection, changes)

    def changes(self) -> Iterator[list[Change]]:
        """Give what is to be written, in order, for whoever writes it.

        Where other hubs write too, each must be written before the next is asked for.
        """
        if not self._limits and self._written == len(self._entries):
            return
        self.prepare()
        shelf, moved, at_ms = self._shelf, self._moved, self._at_ms
        written: list[Change] = [(sql.OPEN, self._opened), (sql.TRANSFERS, moved.rows)]
        if len(moved.rows) > FEW_ROWS:
            yield written
            written = []
        if moved.rows:
            head, items, last = chained(moved, shelf.last(), at_ms)
            written += [(sql.BATCH, [head]), (sql.ITEMS, items)]
            shelf.advance(last)
        # A balance and its limit change together: either alone could break the CHECK.
        limits = sorted((shelf.ids[code], least) for code, least in self._limits.items())
        changed = [(id_, moved.changes.pop(id_, 0), least) for id_, least in limits]
        written += [(sql.LIMIT, changed), (sql.CHANGE, sorted(moved.changes.items()))]
        yield written
        self._limits = {}
        self._reset_to(len(self._entries))

    def prepare(self) -> None:
        """Make ready what was decided lately, so that little is left when it is written."""
        entries = self._entries[self._prepared :]
        new = _touched(entries).union(self._limits).difference(self._shelf.ids)
        if new:
            self._opened += self._shelf.open(new)
        self._moved.add(entries, self._shelf.ids, self._at_ms)
        self._prepared = len(self._entries)

    def know(self, known: Mapping[str, str]) -> None:
        """Take ids and digests for known: another transaction booked them a moment ago."""
        self._state.known.update(known)
        self._asked.update(known)

    def booked(self) -> dict[str, str]:
        """Ids and digests of what was booked in this transaction."""
        return {entry.item.id: entry.digest for entry in self._entries}

    def mark(self) -> Mark:
        """Remember this point, for a savepoint made now and the job within it."""
        if not self._is_watching:
            self._is_watching = True
            event.listen(self._connection, "before_cursor_execute", self._before_statement)
        return Mark(
            len(self._entries),
            self._written,
            dict(self._limits),
            len(self._changed),
            self._shelf.mark(),
        )

    def undo(self, mark: Mark) -> None:
        """Take back what was decided since a mark, after the rollback to its savepoint.

        What was decided earlier and written since is written again at the next `flush`.
        """
        balances = self._state.balances
        for entry in reversed(self._entries[mark.decided :]):
            del self._state.known[entry.item.id]
            for transfer in entry.transfers:
                balances[transfer.debit].minor += transfer.amount_minor
                balances[transfer.credit].minor -= transfer.amount_minor
        for code, least in reversed(self._changed[mark.changed :]):
            balances[code].least = least
        del self._entries[mark.decided :], self._changed[mark.changed :]
        self._limits = mark.limits
        self._reset_to(mark.written)
        self._shelf.undo(mark.shelf)

    def _reset_to(self, written: int) -> None:
        """Take so many entries for written, and nothing after them for prepared."""
        self._written = self._prepared = written
        self._moved, self._opened = Moved(), []

    def _hold(self, code: str) -> None:
        """Have an account's exact balance, until the commit."""
        if not is_code(code):
            raise RefusedError(
                f"{code} is no ledger account: see the chart of accounts", Code.ACCOUNT_UNKNOWN
            )
        if not self._shelf.hold(code):
            self.flush()
            self._shelf.read_again(code)

    def _before_statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Let whoever reads the book's tables see what was decided."""
        if (self._limits or self._written < len(self._entries)) and _reads_book(statement):
            self.flush()

    def _knows_accounts(self, item: Item) -> bool:
        """Tell whether all were read: an id asked for twice may name other accounts."""
        balances = self._state.balances
        for code in accounts_of(item):  # noqa: SIM110 a generator takes twice the time
            if code not in balances:
                return False
        return True


def _touched(entries: Iterable[Entry]) -> set[str]:
    return {
        code
        for entry in entries
        for transfer in entry.transfers
        for code in (transfer.debit, transfer.credit)
    }


@lru_cache(maxsize=1024)
def _reads_book(statement: str) -> bool:
    return _TABLES.search(statement) is not None
