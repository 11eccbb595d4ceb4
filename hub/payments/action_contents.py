"""What a second person may be asked for: each kind of action holds all that is to be done."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hub.payments.adjustments import Against, Direction
from hub.payments.records import REASON_LENGTH_MAX
from hub.payments.second_person import SecondPersonRules
from wire.bounds import Minor, Name

Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]


class Adjust(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="adjustment",
):
    """Adjust what an account has.

    Attributes:
        account: Whose.
        direction: `credit` gives to the account, `debit` takes from it.
        amount_minor: How much.
        against: Who is on the other side: `suspense`, `fees` or `promo`.
        cause: One of the list.
        reason: Words.
    """

    account: Name
    direction: Direction
    amount_minor: Amount
    against: Against
    cause: Name
    reason: Reason


class Correct(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="correction",
):
    """Take an item of the book back whole.

    Attributes:
        item: Its id.
        reason: Why, in words.
    """

    item: ItemId
    reason: Reason


class GiveBack(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="refund",
):
    """Refund a session, or another charge.

    Attributes:
        session: Which session; empty: `item` says what.
        item: Which item of the book; empty: `session` says what.
        amount_minor: How much; null: what is left of its charge.
        till: Where the paid part is handed out in cash; empty: to the wallet.
        reason: Why, in words.
    """

    session: Name = ""
    item: Annotated[str, msgspec.Meta(max_length=300)] = ""
    amount_minor: Amount | None = None
    till: Name = ""
    reason: Reason


class GrantRequest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="refund_request",
):
    """Grant a refund request.

    Attributes:
        request: Which.
    """

    request: Name


class ApprovePayout(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="payout",
):
    """Approve a payout.

    Attributes:
        payout: Which.
    """

    payout: Name


class Forfeit(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="forfeit",
):
    """Give up on what a dead controller holds for an account.

    Attributes:
        controller: Which controller.
        account: Whose money.
        epoch: Which journal held it.
        reason: Why, in words.
    """

    controller: Name
    account: Name
    epoch: Name
    reason: Reason


class SetCredit(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="credit_limit",
):
    """Change how far below zero an account's wallet may go.

    Attributes:
        account: Whose.
        credit_limit_minor: The new limit.
        reason: Why, in words.
    """

    account: Name
    credit_limit_minor: Minor
    reason: Reason


class SetLimits(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="limits",
):
    """Change above which amounts a second person must agree.

    Attributes:
        unit: In which unit.
        rules: All of its limits.
    """

    unit: Name
    rules: SecondPersonRules


Content = (
    Adjust | Correct | GiveBack | GrantRequest | ApprovePayout | Forfeit | SetCredit | SetLimits
)
"""What a second person may be asked for; `kind` tells them apart."""


def kind_of(content: Content) -> str:
    """Name of an action."""
    return str(content.__struct_config__.tag)
