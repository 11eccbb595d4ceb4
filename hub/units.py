"""Units of money and of points: those that ship."""

from __future__ import annotations

from sqlalchemy import Connection

from wire.money import Unit, known_unit


def find_unit(_connection: Connection, code: str) -> Unit:
    """Look a unit up.

    Raises:
        AmountError: It isn't known.
    """
    return known_unit(code)
