"""What a job may do within the writer's transaction, and how it is run there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import StoreError
from hub.ledger.book import Book
from hub.store.engine import check_open
from hub.store.failures import is_gone, is_taken, is_unlucky, store_error

JOB_TRIES_MAX = 2
"""A key that another hub took while the job ran is there to be read when it runs again."""

T = TypeVar("T")
Touched = frozenset[tuple[str, str]]


class Tx:
    """One job's view of the transaction.

    Attributes:
        connection: Reads and writes within the transaction.
        book: The ledger within it.
        now_ms: Hub's wall time of the transaction.
        hooks: What is to be called after the commit.
        touched: Kinds and ids of what changed.
    """

    def __init__(self, connection: Connection, book: Book, now_ms: int) -> None:
        self.connection = connection
        self.book = book
        self.now_ms = now_ms
        self.hooks: list[Callable[[], None]] = []
        self.touched: set[tuple[str, str]] = set()

    def after_commit(self, hook: Callable[[], None]) -> None:
        """Have something called once the transaction is committed, in the writer's thread."""
        self.hooks.append(hook)

    def touch(self, kind: str, id_: str = "") -> None:
        """Say that something changed, for those who publish or show it."""
        self.touched.add((kind, id_))


Job = Callable[[Tx], T]


def run_job(tx: Tx, job: Job[T]) -> tuple[T | None, Exception | None]:
    """Run one job within its own savepoint, so that its failure undoes it alone.

    Returns:
        What it gave and None, or None and its own failure.

    Raises:
        StoreError: The whole transaction is lost; `UnluckyError`: it may be run again.
    """
    failure: Exception | None = None
    for _ in range(JOB_TRIES_MAX):
        mark = tx.book.mark()
        tx.hooks.clear()
        tx.touched.clear()
        try:
            with _savepoint(tx.connection):
                return job(tx), None
        except Exception as error:  # noqa: BLE001 the job's own goes back to its caller
            _check_kept(tx, error)
            tx.book.undo(mark)
            failure = error
            if not is_taken(error):
                break
    return None, failure


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    """Undo what a block did when it fails, and nothing else of the transaction.

    In plain SQL: SQLAlchemy's own savepoints make three statements anew each time, which
    costs a small job more than its work does.
    """
    connection.exec_driver_sql("SAVEPOINT job")
    try:
        yield
    except Exception:
        with suppress(
            SQLAlchemyError, StoreError
        ):  # the transaction may be gone: `_check_kept` tells
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
            connection.exec_driver_sql("RELEASE SAVEPOINT job")
        raise
    connection.exec_driver_sql("RELEASE SAVEPOINT job")


def _check_kept(tx: Tx, error: Exception) -> None:
    """Check that the transaction is there without the job that failed.

    Raises:
        StoreError: It isn't.
    """
    check_open(tx.connection)
    if is_unlucky(error):
        raise store_error(error) from error
    if is_gone(error):
        raise StoreError("a job ended the transaction that it ran in") from error
