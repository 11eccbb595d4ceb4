"""What a database's error means: this transaction was unlucky, or it can't be.

PostgreSQL gives a transaction up for the sake of another one (a deadlock, a change under
its feet), and a server can restart. Nothing of such a transaction is kept, so whoever
started it may run it again as it was.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from hub.errors import StoreError

GIVEN_UP = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATE of serialization failure, deadlock, and a lock not had in time."""
ITEM_TWICE = frozenset({"uq_items_id", "items_corrected_once", "pk_items", "pk_batches"})
"""Keys that another hub took after we looked: looking again tells what it wrote."""
GONE = frozenset({"25P01", "3B001"})
"""SQLSTATE where there is no transaction, or not this savepoint in it."""
_UNIQUE = "23505"
_LOST_CLASSES = ("08", "57P")
"""SQLSTATE classes of a lost connection, and of a server that stops or starts."""


class UnluckyError(StoreError):
    """Raised when a transaction was given up for another's sake: run it again."""


class UnreachableError(StoreError):
    """Raised when there is no connection to be had: trying each job alone won't help."""


def store_error(error: BaseException, *, lost: bool = False) -> StoreError:
    """Tell a driver's or SQLAlchemy's error in our own words.

    Args:
        error: What was raised.
        lost: The connection is gone.

    Returns:
        `UnluckyError` when running the same again may well succeed.
    """
    origin = getattr(error, "orig", None) or error
    kind = UnluckyError if lost or is_unlucky(error) else StoreError
    return kind(f"the database refused: {origin}")


def is_unlucky(error: BaseException) -> bool:
    """Whether the same transaction, run again, may well succeed."""
    if isinstance(error, UnluckyError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state_of(error)
    if state == _UNIQUE:
        return _constraint_of(error) in ITEM_TWICE
    return state in GIVEN_UP or state.startswith(_LOST_CLASSES)


def is_taken(error: BaseException) -> bool:
    """Whether a key was taken that wasn't there before: by another hub, it may be."""
    return _state_of(error) == _UNIQUE


def is_gone(error: BaseException) -> bool:
    """Whether the transaction isn't there any more: what a savepoint kept is lost too."""
    return _state_of(error) in GONE


def is_given_up(error: BaseException) -> bool:
    """Whether the database itself says that nothing was committed."""
    return _state_of(error) in GIVEN_UP


def _state_of(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return getattr(origin, "sqlstate", None) or ""


def _constraint_of(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return getattr(getattr(origin, "diag", None), "constraint_name", None) or ""
