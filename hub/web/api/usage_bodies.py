"""What requests about usages carry, and how usages are shown."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hub.charging.usage_asked import REASON_LENGTH_MAX, STRETCHES_MAX
from hub.charging.usage_state import StepKind, UsageState
from hub.web.api.cards import CardRef, Uid
from wire.bounds import Count, Name

Amount = Annotated[int, msgspec.Meta(ge=1, le=10**15)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_LENGTH_MAX)]
Time = Annotated[int, msgspec.Meta(ge=0, le=2**42)]


class StretchBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of what was used in all.

    Attributes:
        from_ms: When it began; null: where the one before it ended, the first where the
            usage began.
        time_ms: How long it was.
        quantity: Base units of the tariff's quantity.
    """

    from_ms: Time | None = None
    time_ms: Count = 0
    quantity: Count = 0


UseBody = Annotated[tuple[StretchBody, ...], msgspec.Meta(max_length=STRETCHES_MAX)]


class AuthoriseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to hold for a usage, or to pay at once.

    Attributes:
        service: What is used.
        account: Who pays; null: whose card it is.
        uid: UID of the card that was tapped.
        card_ref: Its reference, instead of the UID.
        member: Whose limits hold where no card says it.
        tariff: Which prices; null: the account's own, its group's or the service's.
        amount_minor: How much, in minor units; null: what `use` costs.
        use: What is expected to be used, or was; null: `amount_minor` says it.
    """

    service: Name
    account: Name | None = None
    uid: Uid | None = None
    card_ref: CardRef | None = None
    member: Name | None = None
    tariff: Name | None = None
    amount_minor: Amount | None = None
    use: UseBody | None = None


class RaiseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More to hold.

    Attributes:
        amount_minor: How much more, in minor units.
    """

    amount_minor: Amount


class CaptureBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was used and is to be paid.

    Attributes:
        amount_minor: How much more, in minor units; null: what `use` costs, less what was
            captured before.
        use: All that was used so far, not what came since; null: `amount_minor` says it.
        final: Nothing more comes: the rest of the hold goes back.
        beyond: What the hold doesn't cover may come from lots and wallet.
    """

    amount_minor: Amount | None = None
    use: UseBody | None = None
    final: bool = True
    beyond: bool = False


class ReleaseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A hold to give back.

    Attributes:
        reason: Why, in words.
    """

    reason: Reason


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a usage, and how things stood after it.

    Attributes:
        id: Made by the caller; the id of the movement in the ledger.
        usage: Of which usage.
        kind: What it did.
        amount_minor: How much it held, captured or released.
        tax_minor: Tax within what it captured.
        beyond_minor: Part of that which no hold covered.
        state: The usage after it.
        held_minor: Held after it.
        captured_minor: Captured in all after it.
        reason: Words of who released.
        by: Id of the API key.
        at_ms: When.
    """

    id: str
    usage: str
    kind: StepKind
    amount_minor: int
    tax_minor: int
    beyond_minor: int
    state: UsageState
    held_minor: int
    captured_minor: int
    reason: str
    by: str
    at_ms: int


class UsageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A usage as far as it is.

    Attributes:
        id: Made by the caller.
        account: Who pays.
        member: Whose limits hold; null: nobody's.
        card_ref: Reference of the card that was tapped; empty: none was.
        service: What is used.
        kind: What that is.
        unit: Unit of the money.
        tariff: Tariff, frozen when it began.
        tariff_version: Its version.
        state: `authorised`, `partly` captured, `captured` or `released`.
        held_minor: What is held for it now.
        captured_minor: What was paid for it, with tax.
        tax_minor: Tax within.
        beyond_minor: Part of the captured that no hold covered.
        refunded_minor: What was given back of it.
        time_ms: Time used, as captured last.
        quantity: Base units used, as captured last.
        reason: Why its hold was released.
        by: Id of the API key that began it.
        started_ms: When it began.
        ended_ms: When it ended; null: it is open.
        is_old: Whether it is open for so long that a person should look at it.
    """

    id: str
    account: str
    member: str | None
    card_ref: str
    service: str
    kind: str
    unit: str
    tariff: str
    tariff_version: int
    state: UsageState
    held_minor: int
    captured_minor: int
    tax_minor: int
    beyond_minor: int
    refunded_minor: int
    time_ms: int
    quantity: int
    reason: str
    by: str
    started_ms: int
    ended_ms: int | None
    is_old: bool


class UsageDetail(UsageSummary, frozen=True, kw_only=True):
    """A usage and its steps, oldest first.

    Attributes:
        steps: At most 200.
    """

    steps: list[StepView]
