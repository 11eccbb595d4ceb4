"""Above which amount a second person must agree, for each way that money moves by hand.

Kept as one document for each unit. Nothing is limited until the operator decides; from
then on a looser limit takes a second person, too.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from hub.errors import InputError, RefusedError
from hub.ledger.writer import Tx
from hub.settings import read_document, write_document
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.money import AMOUNT_MINOR_MAX

DAYS_MAX = 90
"""Who hasn't agreed in a quarter won't."""
DAYS_USUAL = 7
_NAME = "second_person."


class SecondPersonRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Largest amounts that one person may move alone, in minor units; None: any.

    Attributes:
        refund_minor: Refund of a session or another charge.
        payout_minor: Payout.
        adjustment_minor: Adjustment of a wallet.
        correction_minor: Correction of an item.
        forfeit_minor: What is given up on at a dead controller.
        credit_limit_minor: Credit limit of an account.
        days: How long a second person may take.
    """

    refund_minor: int | None = None
    payout_minor: int | None = None
    adjustment_minor: int | None = None
    correction_minor: int | None = None
    forfeit_minor: int | None = None
    credit_limit_minor: int | None = None
    days: int = DAYS_USUAL


LIMITS = tuple(name for name in SecondPersonRules.__struct_fields__ if name != "days")
"""Names of the rules that are amounts."""


def read_second_person(connection: Connection, unit: str) -> SecondPersonRules:
    """The limits in force in a unit."""
    return read_document(connection, _NAME + unit, SecondPersonRules, SecondPersonRules())


def write_second_person(
    tx: Tx, unit: str, rules: SecondPersonRules, *, second: str = ""
) -> SecondPersonRules:
    """Decide the limits of a unit; they are in force at once.

    Args:
        tx: The writer's transaction.
        unit: Which unit.
        rules: All of its limits.
        second: Who agreed; empty: nobody did.

    Raises:
        InputError: The unit can't be one, or a limit is out of range.
        RefusedError: A limit would be looser, and nobody agreed.
    """
    check_second_person(tx.connection, unit, rules)
    before = read_second_person(tx.connection, unit)
    if not second and any(_is_looser(before, rules, name) for name in LIMITS):
        raise needs_second("a looser limit", "limits")
    write_document(tx, _NAME + unit, rules)
    return rules


def check_second_person(connection: Connection, unit: str, rules: SecondPersonRules) -> None:
    """Check that limits can be kept.

    Raises:
        InputError: The unit can't be one, or a limit is out of range.
    """
    try:
        find_unit(connection, unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    limits = [getattr(rules, name) for name in LIMITS]
    if not all(limit is None or 0 <= limit <= AMOUNT_MINOR_MAX for limit in limits):
        raise InputError(f"a limit is 0 to {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    if not 1 <= rules.days <= DAYS_MAX:
        raise InputError(f"a second person has 1 to {DAYS_MAX} days")


def check_alone(
    connection: Connection, unit: str, kind: str, amount_minor: int, second: str = ""
) -> None:
    """Check that one person may do something alone, or that a second one agreed.

    Args:
        connection: To read the limits from.
        unit: Unit of the money.
        kind: `refund`, `payout`, `adjustment`, `correction`, `forfeit` or `credit_limit`.
        amount_minor: How much.
        second: Who agreed; empty: nobody did.

    Raises:
        RefusedError: A second person must agree.
    """
    if second:
        return
    limit = getattr(read_second_person(connection, unit), f"{kind}_minor")
    if limit is not None and amount_minor > limit:
        raise needs_second(f"a {kind.replace('_', ' ')} above {limit} minor units", kind)


def check_credit(connection: Connection, unit: str, before_minor: int, after_minor: int) -> None:
    """Check that one person may give an account more credit alone; less is always free.

    Raises:
        RefusedError: A second person must agree.
    """
    if after_minor > before_minor:
        check_alone(connection, unit, "credit_limit", after_minor)


def needs_second(what: str, kind: str) -> RefusedError:
    """What is raised when one person isn't enough."""
    return RefusedError(
        f"{what} takes a second person: ask for one with POST /approvals, kind {kind}. "
        "Nothing changed.",
        Code.SECOND_PERSON,
    )


def _is_looser(before: SecondPersonRules, after: SecondPersonRules, name: str) -> bool:
    old, new = getattr(before, name), getattr(after, name)
    return old is not None and (new is None or new > old)
