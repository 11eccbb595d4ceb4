"""Pages of lists: an opaque cursor says after which row the next page begins.

A cursor names a place in the order, not a number of rows, so rows that come in
between neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from hub.errors import InputError

PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 200
"""A page stays below what a slow line carries in a second."""
CURSOR_LENGTH_MAX = 256

Limit = Annotated[
    int,
    QueryParameter(ge=1, le=PAGE_LIMIT_MAX, description="Most rows in the answer.", required=False),
]
After = Annotated[
    str | None,
    QueryParameter(
        max_length=CURSOR_LENGTH_MAX,
        required=False,
        description="`next` of the page before; without it the first page.",
    ),
]
Key = tuple[int | str, ...]
T = TypeVar("T")
R = TypeVar("R")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list.

    Attributes:
        items: Rows.
        next: Cursor of the next page; None: this is the last one.
    """

    items: list[T]
    next: str | None = None


def page_of(
    rows: Sequence[R], limit: int, view: Callable[[R], T], key: Callable[[R], Key]
) -> Page[T]:
    """Make a page from up to `limit` + 1 rows: the one more says that there is a next page."""
    shown = rows[:limit]
    more = encode_cursor(key(shown[-1])) if len(rows) > limit else None
    return Page(items=[view(row) for row in shown], next=more)


def encode_cursor(key: Key) -> str:
    """Make a cursor from the sort key of a page's last row."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(text: str | None, shape: type[Any]) -> Any:
    """Read a cursor back as `shape`, such as `tuple[int, str]`; None stays None.

    Raises:
        InputError: Not a cursor of this list.
    """
    if text is None:
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(data, type=shape)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InputError(
            "after is not a cursor of this list: use `next` of its last page"
        ) from None
