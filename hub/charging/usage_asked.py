"""What is asked about a usage. Each step carries an id that the caller made and stored."""

from __future__ import annotations

import hashlib
import re

import msgspec

from hub.charging.usage_state import StepKind
from hub.errors import InputError
from wire.errors import Code
from wire.money import AMOUNT_MINOR_MAX
from wire.rating import rate
from wire.tariff import USAGE_MAX, Tariff
from wire.usage import NOTHING, Usage, add_use, total_quantity, total_time_ms

ID_LENGTH_MAX = 64
REASON_LENGTH_MAX = 200
STRETCHES_MAX = 100
"""Far more interruptions than anyone bills one by one."""
BANDED_MS_MAX = 31 * 86_400_000
"""Time of one usage where prices change with the hour: it is walked minute by minute."""
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what was used in all.

    Attributes:
        from_ms: When it began, wall time; None: where the one before ended.
        time_ms: How long it was.
        quantity: Base units used in it.
    """

    from_ms: int | None = None
    time_ms: int = 0
    quantity: int = 0


Use = tuple[Stretch, ...]
"""All that was used so far, not what came since the last step."""


class Authorise(msgspec.Struct, frozen=True, kw_only=True):
    """A hold to open, or with `charge` a purchase in one step.

    Attributes:
        id: Made and stored by the caller; the usage's id, too.
        service: What is used.
        account: Who pays; empty: whose card it is.
        card_ref: Reference of the card that was tapped; empty: none was.
        member: Whose limits hold, where no card says it; empty: nobody's.
        tariff: Which prices; empty: those of the account, its group or the service.
        amount_minor: How much; None: what `use` costs.
        use: What is expected to be used; None: `amount_minor` says it.
        by: Id of the API key.
    """

    id: str
    service: str
    account: str = ""
    card_ref: str = ""
    member: str = ""
    tariff: str = ""
    amount_minor: int | None = None
    use: Use | None = None
    by: str


class Raise(msgspec.Struct, frozen=True, kw_only=True):
    """More to hold: how much more, in minor units."""

    id: str
    usage: str
    amount_minor: int
    by: str


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What was used and is to be paid.

    Attributes:
        id: Made and stored by the caller; the movement's id, too.
        usage: Of which usage.
        amount_minor: How much more; None: what `use` costs, less what was captured.
        use: All that was used so far; None: `amount_minor` says it.
        final: Nothing more comes: the rest of the hold goes back.
        beyond: What the hold doesn't cover may come from the wallet.
        by: Id of the API key.
    """

    id: str
    usage: str
    amount_minor: int | None = None
    use: Use | None = None
    final: bool = True
    beyond: bool = False
    by: str


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A hold to give back, with the words of who decides it."""

    id: str
    usage: str
    reason: str
    by: str


Asked = Authorise | Raise | Capture | Release


def digest_of(kind: StepKind, asked: Asked) -> str:
    """Digest of all that a step asks for: the same id must ask for the same."""
    content = kind.value.encode() + b"\n" + msgspec.json.encode(asked, order="deterministic")
    return hashlib.sha256(content).hexdigest()


def check_asked(asked: Asked) -> None:
    """Check what can't be right whatever the state.

    Raises:
        InputError: An id, an amount, a use or a reason can't be one.
    """
    if _ID.fullmatch(asked.id) is None:
        raise InputError(f"an id is 1 to {ID_LENGTH_MAX} letters, digits and _ . : -")
    if isinstance(asked, Release):
        reason = asked.reason
        if not 1 <= len(reason.strip()) <= REASON_LENGTH_MAX or not reason.isprintable():
            raise InputError(f"give a reason of 1 to {REASON_LENGTH_MAX} printable characters")
        return
    if asked.amount_minor is not None and not 1 <= asked.amount_minor <= AMOUNT_MINOR_MAX:
        raise InputError(
            f"{asked.amount_minor} is out of range: 1 to {AMOUNT_MINOR_MAX} minor units",
            Code.AMOUNT_INVALID,
        )
    if isinstance(asked, (Authorise, Capture)):
        _check_use(asked)


def used(tariff: Tariff, use: Use, started_ms: int) -> Usage:
    """A use as tariffs price it.

    Args:
        tariff: Its frozen version.
        use: All that was used.
        started_ms: When it began, where no stretch says so.

    Raises:
        InputError: Stretches overlap, or are longer than can be priced.
    """
    total_ms = sum(one.time_ms for one in use)
    if tariff.bands and total_ms > BANDED_MS_MAX:
        raise InputError(f"a usage by the hour is at most {BANDED_MS_MAX} ms: end it in between")
    found, at_ms = NOTHING, started_ms
    for place, one in enumerate(use):
        begins_ms = at_ms if one.from_ms is None else one.from_ms
        if place and begins_ms < at_ms:
            raise InputError("stretches come one after another: one began before the last ended")
        found = add_use(tariff, found, begins_ms, one.time_ms, one.quantity)
        at_ms = begins_ms + one.time_ms
    if max(total_time_ms(found), total_quantity(found)) > USAGE_MAX:
        raise InputError(f"a usage is at most {USAGE_MAX} base units")
    return found


def rated_minor(tariff: Tariff, usage: Usage) -> int:
    """What a use costs: the rating of machines."""
    return rate(tariff, usage)


def _check_use(asked: Authorise | Capture) -> None:
    if (asked.amount_minor is None) == (asked.use is None):
        raise InputError("say either amount_minor or what was used: exactly one of them")
    use = asked.use or ()
    if len(use) > STRETCHES_MAX:
        raise InputError(f"a use has at most {STRETCHES_MAX} stretches")
    for one in use:
        if not 0 <= one.time_ms <= USAGE_MAX or not 0 <= one.quantity <= USAGE_MAX:
            raise InputError(f"time and quantity are 0 to {USAGE_MAX}")
        if one.from_ms is not None and not 0 <= one.from_ms <= 2**42:
            raise InputError("from_ms is a wall time in ms since 1970")
