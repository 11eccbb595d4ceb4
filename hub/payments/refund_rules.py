"""Rules of refunds: until when, for which reasons, who decides, what it costs, how long.

The rules of a unit are one document; the one that fits a session best is in force: one
for its site and machine kind before one for its site, then its kind, then any. The same
data decides and is told to people in plain words, so the two can't differ.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from sqlalchemy import Connection

from hub.errors import InputError
from hub.ledger.writer import Tx
from hub.payments.fees import check_fee, fee_words, span_words
from hub.payments.rules import Fee
from hub.settings import read_document, write_document
from hub.units import find_unit
from wire.errors import AmountError, Code
from wire.events import Ended
from wire.ids import is_name
from wire.money import AMOUNT_MINOR_MAX, Unit, format_amount

DAY_MS = 86_400_000
RULES_MAX = 64
"""More sites and kinds with refund rules of their own than anyone keeps apart."""
NAMED_MAX = 64
REASONS_MAX = 16
"""What a person reads through before choosing."""
WORDS_LENGTH_MAX = 120
DAYS_MAX = 365
WINDOW_MS_MAX = 3_650 * DAY_MS
_NAME = "refunds."


class Approver(StrEnum):
    """Who decides."""

    NONE = "none"  # the rule does
    STAFF = "staff"
    SECOND = "second"  # two people


class RefundReason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reason that a person may choose.

    Attributes:
        id: Its name.
        words: What people read.
        by_record: Whether the machine's record can decide it at once.
    """

    id: str
    words: str
    by_record: bool = False


USUAL_REASONS = (
    RefundReason(id="did_not_start", words="The machine did not start", by_record=True),
    RefundReason(id="stopped_early", words="The machine stopped too early", by_record=True),
    RefundReason(id="poor_result", words="The result was not what it should be"),
    RefundReason(id="wrong_amount", words="The amount is wrong"),
    RefundReason(id="other", words="Something else"),
)


class RefundRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a session may be refunded.

    Attributes:
        sites: Where it holds; empty: everywhere.
        kinds: Machine kinds that it holds for; empty: all.
        window_ms: Until when after the end, or after the booking where that came later.
        reasons: What a person may choose.
        automatic_minor: Up to here the record decides at once when it speaks for the
            person; 0: never.
        faults: Ends of a session that speak for the person.
        time_ms_max: Use of at most so long speaks for the person; None: it says nothing.
        quantity_max: Use of at most so many base units does; None: it says nothing. With
            both, both must hold.
        approver: Who decides all else.
        fee: Kept of the refund, unless the record speaks for the person.
        processing_days: How long a decision takes at most.
    """

    sites: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    window_ms: int = 14 * DAY_MS
    reasons: tuple[RefundReason, ...] = USUAL_REASONS
    automatic_minor: int = 1_000
    faults: tuple[Ended, ...] = (Ended.FEEDBACK_MISSING, Ended.FAULT)
    time_ms_max: int | None = None
    quantity_max: int | None = None
    approver: Approver = Approver.STAFF
    fee: Fee = Fee()
    processing_days: int = 5


class RefundRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules of a unit; one of them is for every site and kind."""

    rules: tuple[RefundRule, ...] = (RefundRule(),)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a controller reported of a session, as far as refunds look at it.

    Attributes:
        site: Where; empty: not known.
        kind: Kind of the machine; empty: not known.
        reason: Why it ended.
        time_ms: Time used.
        quantity: Base units used.
    """

    site: str
    kind: str
    reason: str
    time_ms: int
    quantity: int


def read_refund_rules(connection: Connection, unit: str) -> RefundRules:
    """The rules of refunds in a unit."""
    return read_document(connection, _NAME + unit, RefundRules, RefundRules())


def write_refund_rules(tx: Tx, unit: str, rules: RefundRules) -> RefundRules:
    """Decide the rules of refunds in a unit; they are in force at once.

    Raises:
        InputError: The unit can't be one, or a rule is out of range.
    """
    try:
        find_unit(tx.connection, unit)
    except AmountError as error:
        raise InputError(str(error)) from None
    check_refund_rules(rules)
    write_document(tx, _NAME + unit, rules)
    return rules


def rule_for(rules: RefundRules, record: Record) -> RefundRule:
    """The rule that fits best; of two that fit alike, the first."""
    fitting = [
        rule
        for rule in rules.rules
        if (not rule.sites or record.site in rule.sites)
        and (not rule.kinds or record.kind in rule.kinds)
    ]
    return max(fitting, key=lambda rule: (bool(rule.sites), bool(rule.kinds)))


def evidence_of(rule: RefundRule, record: Record) -> str:
    """What a session's record says for the person; empty: nothing."""
    if record.reason in rule.faults:
        return f"the record says that it ended by {record.reason.replace('_', ' ')}"
    bounds = ((record.time_ms, rule.time_ms_max), (record.quantity, rule.quantity_max))
    asked = [(used, most) for used, most in bounds if most is not None]
    if asked and all(used <= most for used, most in asked):
        return f"the record says that it was used for {record.time_ms} ms, {record.quantity} units"
    return ""


def words(rule: RefundRule, unit: Unit) -> str:
    """A rule as people read it, all its numbers taken from the rule.

    Args:
        rule: The rule.
        unit: Unit of the money.
    """
    days = span_words(rule.processing_days * DAY_MS)
    said = [f"You can ask for your money back within {span_words(rule.window_ms)} after the end."]
    if rule.automatic_minor and (rule.faults or _has_bound(rule)):
        most = format_amount(rule.automatic_minor, unit)
        said.append(
            f"When the machine's record shows that it failed, up to {most} is given back at once."
        )
    if rule.approver is Approver.NONE:
        said.append("Everything else is given back at once, too.")
    else:
        who = "Two people decide" if rule.approver is Approver.SECOND else "A person decides"
        said.append(f"{who} about everything else, within {days}.")
    fee = fee_words(rule.fee, unit)
    if fee:
        said.append(f"{fee} of it is kept, unless the machine's record shows that it failed.")
    else:
        said.append("It costs you nothing.")
    said.append("The money goes back to where it came from: paid money, or bonus.")
    return " ".join(said)


def check_refund_rules(rules: RefundRules) -> None:
    """Check that rules can be followed.

    Raises:
        InputError: A rule is out of range, or none is for every site and kind.
    """
    if len(rules.rules) > RULES_MAX:
        raise InputError(f"at most {RULES_MAX} rules of refunds")
    if not any(not rule.sites and not rule.kinds for rule in rules.rules):
        raise InputError("one rule must be for every site and machine kind: leave both empty")
    for rule in rules.rules:
        _check_rule(rule)


def _check_rule(rule: RefundRule) -> None:
    for named in (rule.sites, rule.kinds):
        if len(named) > NAMED_MAX or not all(is_name(name) for name in named):
            raise InputError(f"name at most {NAMED_MAX} sites and machine kinds")
    ids = [reason.id for reason in rule.reasons]
    if not 1 <= len(ids) <= REASONS_MAX or len(set(ids)) < len(ids):
        raise InputError(f"a rule has 1 to {REASONS_MAX} different reasons to choose from")
    for reason in rule.reasons:
        words_fit = 1 <= len(reason.words) <= WORDS_LENGTH_MAX and reason.words.isprintable()
        if not is_name(reason.id) or not words_fit:
            raise InputError(
                "a reason has a short name, and 1 to "
                f"{WORDS_LENGTH_MAX} printable characters that people read"
            )
    if not 0 <= rule.window_ms <= WINDOW_MS_MAX or not 0 <= rule.processing_days <= DAYS_MAX:
        raise InputError(f"a window is at most ten years, processing 0 to {DAYS_MAX} days")
    amounts = (rule.automatic_minor, rule.time_ms_max or 0, rule.quantity_max or 0)
    if not all(0 <= amount <= AMOUNT_MINOR_MAX for amount in amounts):
        raise InputError("amounts, times and quantities are 0 or more", Code.AMOUNT_INVALID)
    check_fee(rule.fee)


def _has_bound(rule: RefundRule) -> bool:
    return rule.time_ms_max is not None or rule.quantity_max is not None
