"""Units of money: those that ship, and those that the operator declared.

A unit means the same for ever: amounts in it stand in the book. Money never crosses
units, so an account has one, and a person with several units has several accounts.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select

from hub.errors import ConflictError, InputError, RefusedError
from hub.ledger.writer import Tx
from hub.store.tables.lots import units
from wire.errors import AmountError, Code
from wire.money import Unit, known_unit, known_units

UNITS_DECLARED_MAX = 100
"""More kinds of points and passes than people tell apart."""
SYMBOL_LENGTH_MAX = 8


def find_unit(connection: Connection, code: str) -> Unit:
    """Look a unit up by its code.

    Raises:
        InputError: It neither ships nor was declared.
    """
    try:
        return known_unit(code)
    except AmountError:
        row = connection.execute(select(units).where(units.c.code == code)).first()
    if row is None:
        raise InputError(f"unit {code!r} is not known here: use one that is, or declare it first")
    return Unit(row.code, row.exponent, row.symbol)


def list_units(connection: Connection) -> list[Unit]:
    """All units: those that ship, then those declared, each in the order of codes."""
    rows = connection.execute(select(units).order_by(units.c.code))
    return [*known_units(), *(Unit(row.code, row.exponent, row.symbol) for row in rows)]


def declare_unit(tx: Tx, code: str, exponent: int, symbol: str = "") -> Unit:
    """Declare a unit of one's own. The same again: the unit as it is.

    Args:
        tx: The writer's transaction.
        code: 3 to 8 capital letters or digits, such as `WASH`.
        exponent: Decimal places of the smallest part, 0 to 6: whole washes have 0.
        symbol: What people read before the figure; empty: the code after it.

    Raises:
        InputError: The code, exponent or symbol can't be one.
        ConflictError: The code is another unit's.
        RefusedError: There are too many.
    """
    try:
        unit = Unit(code, exponent, symbol)
    except AmountError as error:
        raise InputError(str(error)) from None
    if len(symbol) > SYMBOL_LENGTH_MAX or not symbol.isprintable():
        raise InputError(f"a symbol is at most {SYMBOL_LENGTH_MAX} printable characters")
    for known in list_units(tx.connection):
        if known.code == code:
            if known != unit:
                raise ConflictError(
                    f"{code} is a unit already, with {known.exponent} decimal places: amounts "
                    "in it are booked, so it stays. Declare another code.",
                    Code.ID_CONFLICT,
                )
            return known
    count = tx.connection.execute(select(func.count()).select_from(units)).scalar_one()
    if count >= UNITS_DECLARED_MAX:
        raise RefusedError(f"{UNITS_DECLARED_MAX} units are declared: that is the most")
    tx.connection.execute(
        insert(units).values(code=code, exponent=exponent, symbol=symbol, created_ms=tx.now_ms)
    )
    tx.touch("unit", code)
    return unit
