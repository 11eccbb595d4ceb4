"""The book within one transaction: loads what is touched, decides, writes in sets.

Only the accounts and ids that items name are read, all at once where they are known
beforehand; what was decided is written by one statement for each table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection

from hub.errors import ConflictError, RefusedError
from hub.ledger.accounts import unit_of
from hub.ledger.apply import Balance, State, accounts_of, apply
from hub.ledger.items import (
    Already,
    Booked,
    Conflict,
    Item,
    Outcome,
    Refused,
    Transfer,
    digest_of,
    effect_of,
)
from hub.ledger.sql import statements_for
from hub.store.rows import encode_rows
from wire.errors import Code

FIRST_HASH = hashlib.blake2b(b"standpipe ledger v1", digest_size=32).hexdigest()
"""What the first batch's hash continues."""


def chain_batch(previous: str, digests: Iterable[tuple[str, str]]) -> str:
    """Hash of a batch: the hash before it, then digest and effect of each item."""
    sum_ = hashlib.blake2b(previous.encode(), digest_size=32)
    for digest, effect in digests:
        sum_.update(digest.encode())
        sum_.update(effect.encode())
    return sum_.hexdigest()


class Book:
    """The ledger as one transaction sees and changes it.

    Args:
        connection: In a transaction that may write.
        at_ms: Hub's wall time of the transaction.
    """

    def __init__(self, connection: Connection, at_ms: int) -> None:
        self._connection = connection
        self._sql = statements_for(connection.dialect.name)
        self._at_ms = at_ms
        self._state = State()
        self._ids: dict[str, int] = {}
        self._asked: set[str] = set()
        self._pending: list[tuple[Item, str, tuple[Transfer, ...]]] = []
        self._limits: dict[str, int | None] = {}

    def load(self, items: Iterable[Item]) -> None:
        """Read everything that these items touch, in two statements."""
        wanted = list(items)
        self._load_ids([item.id for item in wanted if item.id not in self._asked])
        self._load_accounts({code for item in wanted for code in accounts_of(item)})

    def post(self, item: Item) -> Outcome:
        """Decide an item; what is booked is written at the next `flush`."""
        if item.id not in self._asked:
            self.load([item])
        else:
            self._load_accounts(set(accounts_of(item)))
        digest = digest_of(item)
        outcome = apply(self._state, item, digest)
        if isinstance(outcome, Booked):
            self._pending.append((item, digest, outcome.transfers))
        return outcome

    def must_post(self, item: Item) -> tuple[Transfer, ...]:
        """Decide an item whose refusal is the caller's error.

        Returns:
            Its transfers; empty when it was booked before.

        Raises:
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
        self._load_accounts({code})
        found = self._state.balances.get(code)
        return 0 if found is None else found.minor

    def spendable(self, code: str) -> int:
        """How much a ledger account can give now."""
        self._load_accounts({code})
        return self._state.balance(code).spendable

    def set_least(self, code: str, least: int) -> None:
        """Change the least balance of a ledger account, as for a credit limit.

        Raises:
            RefusedError: Its balance is below that already.
        """
        self._load_accounts({code})
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
        touched = self._write_accounts()
        if self._pending:
            self._write_items()
        self._write_balances(touched)
        self._pending.clear()
        self._limits.clear()

    def forget(self) -> None:
        """Drop what was read and decided but not flushed, after a rollback."""
        self._state = State()
        self._ids.clear()
        self._asked.clear()
        self._pending.clear()
        self._limits.clear()

    def _load_ids(self, ids: list[str]) -> None:
        if not ids:
            return
        rows = self._connection.execute(self._sql.known, {"ids": encode_rows(ids)})
        self._state.known.update((row[0], row[1]) for row in rows)
        self._asked.update(ids)

    def _load_accounts(self, codes: set[str]) -> None:
        missing = [code for code in codes if code not in self._state.balances]
        if not missing:
            return
        rows = self._connection.execute(self._sql.balances, {"codes": encode_rows(missing)})
        for code, id_, minor, least, most in rows:
            self._ids[code] = id_
            self._state.balances[code] = Balance(minor, least, most)

    def _write_accounts(self) -> set[str]:
        touched = set(self._limits)
        for _, _, transfers in self._pending:
            for transfer in transfers:
                touched.add(transfer.debit)
                touched.add(transfer.credit)
        new = sorted(code for code in touched if code not in self._ids)
        if new:
            balances = self._state.balances
            rows = [[c, unit_of(c), balances[c].least, balances[c].most] for c in new]
            self._connection.execute(self._sql.open, {"rows": encode_rows(rows)})
            found = self._connection.execute(self._sql.balances, {"codes": encode_rows(new)})
            self._ids.update((row[0], row[1]) for row in found)
        return touched

    def _write_items(self) -> None:
        last = self._connection.execute(self._sql.last).one_or_none()
        batch, previous, place = (0, FIRST_HASH, 0) if last is None else last
        batch += 1
        items, moves, digests = [], [], []
        for item, digest, transfers in self._pending:
            place += 1
            effect = effect_of(item.id, self._at_ms, transfers)
            digests.append((digest, effect))
            items.append(
                (
                    item.id,
                    place,
                    item.unit,
                    item.kind,
                    digest,
                    effect,
                    item.ref,
                    item.reason,
                    item.reverses,
                )
            )
            for ordinal, (debit, credit, amount) in enumerate(
                (t.debit, t.credit, t.amount_minor) for t in transfers
            ):
                moves.append((item.id, ordinal, self._ids[debit], self._ids[credit], amount))
        stamp = {"batch": batch, "at_ms": self._at_ms}
        hash_ = chain_batch(previous, digests)
        self._connection.execute(self._sql.batch, {**stamp, "hash": hash_, "items": len(items)})
        self._connection.execute(self._sql.items, {"rows": encode_rows(items), "batch": batch})
        self._connection.execute(
            self._sql.transfers, {"rows": encode_rows(moves), "at_ms": self._at_ms}
        )

    def _write_balances(self, touched: set[str]) -> None:
        balances = self._state.balances
        rows = [
            (self._ids[c], balances[c].minor, balances[c].least, balances[c].most) for c in touched
        ]
        self._connection.execute(self._sql.change, {"rows": encode_rows(rows)})
