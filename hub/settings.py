"""What the operator decided once, at `standpipe-hub init`: kept in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, insert, select, update

from hub.errors import ConfigError, InputError
from hub.ledger.writer import Tx
from hub.store.tables.fleet import settings
from wire.errors import AmountError
from wire.money import AMOUNT_MINOR_MAX, Unit, known_unit

UNIT = "unit"
LOSS_BUDGET = "loss_budget_minor"
RULES = "rules."
"""What names of documents begin with."""

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's own decisions.

    Attributes:
        unit: Unit of new accounts and tariffs, and of the loss budget.
        loss_budget_minor: What the operator accepts to lose in an outage; exposure is
            shown against it.
    """

    unit: Unit
    loss_budget_minor: int


def read_settings(connection: Connection) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: There are none: this hub was never initialised.
    """
    found = {row.name: row.value for row in connection.execute(select(settings))}
    if UNIT not in found:
        raise ConfigError("this hub has no settings yet: run standpipe-hub init")
    return Settings(
        unit=known_unit(found[UNIT]), loss_budget_minor=int(found.get(LOSS_BUDGET, "0"))
    )


def is_initialised(connection: Connection) -> bool:
    """Tell whether `init` was run."""
    return (
        connection.execute(select(settings.c.name).where(settings.c.name == UNIT)).first()
        is not None
    )


def write_settings(tx: Tx, unit: str, loss_budget_minor: int) -> None:
    """Write the settings of a new hub.

    Raises:
        InputError: The unit isn't known or the budget is out of range.
    """
    try:
        known_unit(unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    _put(tx, UNIT, unit)
    set_loss_budget(tx, loss_budget_minor)


def set_loss_budget(tx: Tx, loss_budget_minor: int) -> None:
    """Change what the operator accepts to lose.

    Raises:
        InputError: Out of range.
    """
    if not 0 <= loss_budget_minor <= AMOUNT_MINOR_MAX:
        raise InputError(f"a loss budget is 0 to {AMOUNT_MINOR_MAX} minor units")
    _put(tx, LOSS_BUDGET, str(loss_budget_minor))


def read_document(connection: Connection, name: str, type_: type[T], default: T) -> T:
    """Read rules that the operator decided, kept as one JSON document.

    Args:
        connection: To read from.
        name: Which rules.
        type_: A msgspec struct.
        default: In force until the operator decides.
    """
    query = select(settings.c.value).where(settings.c.name == RULES + name)
    stored = connection.execute(query).scalar()
    return default if stored is None else msgspec.json.decode(stored, type=type_)


def write_document(tx: Tx, name: str, value: msgspec.Struct) -> None:
    """Write rules as one JSON document; the caller has checked them."""
    _put(tx, RULES + name, msgspec.json.encode(value).decode())


def _put(tx: Tx, name: str, value: str) -> None:
    changed = tx.connection.execute(
        update(settings).where(settings.c.name == name).values(value=value)
    )
    if changed.rowcount == 0:
        tx.connection.execute(insert(settings).values(name=name, value=value))
