"""Rules of money that comes in, decided by the operator and kept as documents.

One document of top-ups for each unit, one for all tills. Until the operator decides,
the defaults below are in force.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.settings import read_document, write_document
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX, PPM

TOP_UP_MINOR_MIN = 10
"""Less is a slip of the finger."""
TOP_UP_MINOR_MAX = 100_000
"""A thousand euros at a counter; a typing error of two digits is caught."""
FEE_PPM_MAX = PPM // 2
"""A fee of more than half is a typing error."""
FEES_MAX = 32
"""More sources than any operator has."""
CASH = "cash"
"""Source of money that is put into a till."""
OWN_CLEARING = frozenset({CASH, "codes", "safe", "vouchers"})
"""No provider has these names: `clearing/…` of them is the hub's own."""
OTHERS = ""
"""Name of the fee that is taken from every source without one of its own."""
_TOP_UPS = "top_ups."
_TILLS = "tills"


class Fee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a top-up costs: a fixed part and a share of the amount paid, rounded half up.

    Attributes:
        fixed_minor: Fixed part.
        ppm: Share in parts per million.
    """

    fixed_minor: int = 0
    ppm: int = 0


class TopUpRules(msgspec.Struct, frozen=True, kw_only=True):
    """How an account may be topped up, in minor units of one unit.

    Attributes:
        least_minor: Least amount at a time.
        most_minor: Most amount at a time.
        balance_minor_max: Most that an account may have afterwards: wallet, open lots and
            what is held for it; None: no limit.
        fees: By source: `cash`, or the provider's name; empty name: every other source.
    """

    least_minor: int = TOP_UP_MINOR_MIN
    most_minor: int = TOP_UP_MINOR_MAX
    balance_minor_max: int | None = None
    fees: dict[str, Fee] = msgspec.field(default_factory=dict)

    def fee_of(self, source: str) -> Fee:
        """The fee of a source."""
        return self.fees.get(source) or self.fees.get(OTHERS) or Fee()


class TillRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How cash is handled.

    Attributes:
        tills_required: Cash moves only at registered tills.
    """

    tills_required: bool = False


def read_top_up_rules(connection: Connection, unit: str) -> TopUpRules:
    """The rules of top-ups in a unit."""
    return read_document(connection, _TOP_UPS + unit, TopUpRules, TopUpRules())


def write_top_up_rules(tx: Tx, unit: str, rules: TopUpRules) -> TopUpRules:
    """Decide the rules of top-ups in a unit; they are in force at once.

    Raises:
        InputError: The unit can't be one, or a rule is out of range.
    """
    try:
        find_unit(tx.connection, unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    check_top_up_rules(rules)
    write_document(tx, _TOP_UPS + unit, rules)
    return rules


def read_till_rules(connection: Connection) -> TillRules:
    """The rules of tills."""
    return read_document(connection, _TILLS, TillRules, TillRules())


def write_till_rules(tx: Tx, rules: TillRules) -> TillRules:
    """Decide the rules of tills; they are in force at once."""
    write_document(tx, _TILLS, rules)
    return rules


def check_top_up_rules(rules: TopUpRules) -> None:
    """Check that rules can be followed.

    Raises:
        InputError: A rule is out of range, or a fee would take a whole top-up.
    """
    if not 1 <= rules.least_minor <= rules.most_minor <= AMOUNT_MINOR_MAX:
        raise InputError(
            f"least and most are 1 to {AMOUNT_MINOR_MAX}, the least not above the most",
            Code.AMOUNT_INVALID,
        )
    most = rules.balance_minor_max
    if most is not None and not 1 <= most <= AMOUNT_MINOR_MAX:
        raise InputError(f"the most balance is 1 to {AMOUNT_MINOR_MAX}", Code.AMOUNT_INVALID)
    if len(rules.fees) > FEES_MAX:
        raise InputError(f"at most {FEES_MAX} sources have a fee of their own")
    for source, fee in rules.fees.items():
        if source != OTHERS and not is_name(source):
            raise InputError("a source is `cash`, a provider's name, or empty for all others")
        if not 0 <= fee.fixed_minor <= AMOUNT_MINOR_MAX or not 0 <= fee.ppm <= FEE_PPM_MAX:
            raise InputError(
                f"a fee is 0 to {AMOUNT_MINOR_MAX} and 0 to {FEE_PPM_MAX} ppm",
                Code.AMOUNT_INVALID,
            )
