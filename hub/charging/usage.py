"""Usage that other programs report: hold money, take what was used, give the rest back.

For what isn't a machine: a cloud service, a course, a door. A hold moves money from the
account's lots and wallet into escrow, so it can't be spent twice; it counts in no
exposure, since the hub itself holds it. What was used is rated as at machines, by the
tariff version that was in force when the usage began. No timer frees a hold: its caller
or a person does, with a reason.

Every step is asked for with an id: the same id with the same content is answered as
before, and nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hub.charging import usage_money, usage_rows
from hub.charging.tariffs import find_version
from hub.charging.usage_asked import (
    Asked,
    Authorise,
    Capture,
    Raise,
    Release,
    check_asked,
    digest_of,
    rated_minor,
    used,
)
from hub.charging.usage_payer import open_usage, require_spendable
from hub.charging.usage_rows import Step, UsageRow
from hub.charging.usage_state import (
    ENDED,
    Part,
    StepKind,
    add_parts,
    held_of,
    next_state,
    take,
)
from hub.errors import ConflictError, RefusedError, StoreError
from hub.fleet.alarms import clear_alarm
from hub.ledger.writer import Tx
from hub.people import card_list, spending
from hub.people.spending import Spend
from wire.errors import Code
from wire.tariff import Tariff
from wire.usage import Usage, total_quantity, total_time_ms


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a step did, for its record."""

    amount_minor: int
    tax_minor: int = 0
    beyond_minor: int = 0
    reason: str = ""


def authorise(tx: Tx, asked: Authorise) -> Step:
    """Hold money for a usage. The same again: the step as it was.

    Raises:
        InputError: Something asked for can't be right.
        NotFoundError: No such account, card, member, service or tariff.
        ConflictError: The id was used otherwise, or the account is closed.
        RefusedError: The account or its member can't spend so much, or is blocked.
    """
    known = _known(tx, StepKind.AUTHORISE, asked)
    if known is not None:
        return known
    usage, tariff = open_usage(tx, asked, next_state(asked.id, None, StepKind.AUTHORISE))
    minor = asked.amount_minor
    if minor is None:
        minor = rated_minor(tariff, used(tariff, asked.use or (), usage.started_ms))
    require_spendable(tx, usage, minor)
    parts = usage_money.hold(tx, usage, asked.id, minor)
    usage = replace(usage, held_minor=minor)
    usage_rows.add_usage(tx, usage)
    usage_rows.keep_parts(tx, usage, parts)
    _note(tx, usage, held_minor=minor)
    return _done(tx, StepKind.AUTHORISE, asked, usage, _Taken(minor))


def charge(tx: Tx, asked: Authorise) -> Step:
    """Buy in one step: nothing is held, what it costs is paid at once. The same again: as it was.

    Raises:
        InputError: Something asked for can't be right.
        NotFoundError: No such account, card, member, service or tariff.
        ConflictError: The id was used otherwise, or the account is closed.
        RefusedError: The account or its member can't spend so much, or is blocked.
    """
    known = _known(tx, StepKind.CHARGE, asked)
    if known is not None:
        return known
    usage, tariff = open_usage(tx, asked, next_state(asked.id, None, StepKind.CHARGE))
    minor, time_ms, quantity = asked.amount_minor, 0, 0
    if minor is None:
        use = asked.use or ()
        # What was used ends now, where nobody says when it began.
        whole = used(tariff, use, tx.now_ms - sum(one.time_ms for one in use))
        minor, time_ms, quantity = rated_minor(tariff, whole), *_amounts(whole)
    require_spendable(tx, usage, minor)
    sources = usage_money.allocate(tx, usage, minor)
    tax = usage_money.purchase(tx, usage, asked.id, sources, tariff.tax_rate_ppm)
    usage = replace(
        usage,
        captured_minor=minor,
        tax_minor=tax,
        time_ms=time_ms,
        quantity=quantity,
        ended_ms=tx.now_ms,
    )
    usage_rows.add_usage(tx, usage)
    _note(tx, usage, spent_minor=minor)
    return _done(tx, StepKind.CHARGE, asked, usage, _Taken(minor, tax))


def raise_hold(tx: Tx, asked: Raise) -> Step:
    """Hold more for a usage. The same again: the step as it was.

    Raises:
        InputError: The amount or the id can't be one.
        NotFoundError: No such usage.
        ConflictError: The id was used otherwise, or the usage has ended.
        RefusedError: The account or its member can't spend so much more, or is blocked.
    """
    known = _known(tx, StepKind.RAISE, asked)
    if known is not None:
        return known
    usage = usage_rows.get_usage(tx.connection, asked.usage, lock=True)
    state = next_state(usage.id, usage.state, StepKind.RAISE)
    minor = asked.amount_minor
    require_spendable(tx, usage, minor)
    parts = usage_money.hold(tx, usage, asked.id, minor)
    parts = add_parts(usage_rows.parts_of(tx.connection, usage.id), parts)
    usage = replace(usage, state=state, held_minor=usage.held_minor + minor)
    usage_rows.save_usage(tx, usage, parts)
    _note(tx, usage, held_minor=minor)
    return _done(tx, StepKind.RAISE, asked, usage, _Taken(minor))


def capture(tx: Tx, asked: Capture) -> Step:
    """Take what was used: from the hold, beyond it from lots and wallet if the caller asks.

    Several captures may follow each other; the final one gives back what is left of the
    hold. What a use costs is a function of all of it, so how it was sliced changes nothing.

    Raises:
        InputError: Something asked for can't be right.
        NotFoundError: No such usage.
        ConflictError: The id was used otherwise, or the usage has ended.
        RefusedError: The hold, or what lies beyond it, can't give so much.
    """
    kind = StepKind.CAPTURE_FINAL if asked.final else StepKind.CAPTURE
    known = _known(tx, kind, asked)
    if known is not None:
        return known
    before = usage_rows.get_usage(tx.connection, asked.usage, lock=True)
    state = next_state(before.id, before.state, kind)
    tariff = _tariff(tx, before)
    minor, time_ms, quantity = _captured(before, tariff, asked)
    held = usage_rows.parts_of(tx.connection, before.id)
    beyond = _beyond(tx, before, minor - held_of(held), asked)
    sources, left = take(held, minor - sum(part for _, part in beyond))
    tax = usage_money.purchase(tx, before, asked.id, (*sources, *beyond), tariff.tax_rate_ppm)
    beyond_minor = sum(part for _, part in beyond)
    usage = replace(
        before,
        state=state,
        captured_minor=before.captured_minor + minor,
        tax_minor=before.tax_minor + tax,
        beyond_minor=before.beyond_minor + beyond_minor,
        time_ms=time_ms,
        quantity=quantity,
    )
    usage = _keep(tx, usage, left, f"{asked.id}/rest")
    _note(tx, usage, minor, usage.held_minor - before.held_minor)
    return _done(tx, kind, asked, usage, _Taken(minor, tax, beyond_minor))


def release(tx: Tx, asked: Release) -> Step:
    """Give a hold back, with a reason; what was captured stays. The same again: as it was.

    Raises:
        InputError: The id or the reason can't be one.
        NotFoundError: No such usage.
        ConflictError: The id was used otherwise, or the usage has ended.
    """
    known = _known(tx, StepKind.RELEASE, asked)
    if known is not None:
        return known
    before = usage_rows.get_usage(tx.connection, asked.usage, lock=True)
    state = next_state(before.id, before.state, StepKind.RELEASE)
    held = usage_rows.parts_of(tx.connection, before.id)
    usage = _keep(tx, replace(before, state=state, reason=asked.reason), held, asked.id)
    _note(tx, usage, held_minor=-before.held_minor)
    taken = _Taken(before.held_minor, reason=asked.reason)
    return _done(tx, StepKind.RELEASE, asked, usage, taken)


def _known(tx: Tx, kind: StepKind, asked: Asked) -> Step | None:
    """The step that this id took before."""
    check_asked(asked)
    found = usage_rows.find_step(tx.connection, asked.id)
    if found is None:
        return None
    step, digest = found
    if digest != digest_of(kind, asked):
        raise ConflictError(
            f"{asked.id} was used for another movement already: nothing changed. "
            "Make a new id for a new movement.",
            Code.ID_CONFLICT,
        )
    return step


def _captured(usage: UsageRow, tariff: Tariff, asked: Capture) -> tuple[int, int, int]:
    """How much a capture takes, and what was used by then: time and quantity."""
    if asked.amount_minor is not None:
        return asked.amount_minor, usage.time_ms, usage.quantity
    whole = used(tariff, asked.use or (), usage.started_ms)
    minor = rated_minor(tariff, whole) - usage.captured_minor
    if minor < 0:
        raise RefusedError(
            f"{usage.captured_minor} minor units were captured for {usage.id}, and this use costs "
            f"{-minor} less: report all that was used, not what came since",
            Code.AMOUNT_INVALID,
        )
    return minor, *_amounts(whole)


def _beyond(
    tx: Tx, usage: UsageRow, short_minor: int, asked: Capture
) -> tuple[tuple[str, int], ...]:
    """Who gives what the hold doesn't cover."""
    if short_minor <= 0:
        return ()
    if not asked.beyond:
        raise RefusedError(
            f"{usage.held_minor} minor units are held for {usage.id}: capture at most that, "
            f"raise the hold by {short_minor}, or ask with beyond",
            Code.LIMIT_EXCEEDED,
        )
    # It was used already, so a member's limit doesn't stop it; a person is told.
    require_spendable(tx, usage, short_minor, limits=False)
    return usage_money.allocate(tx, usage, short_minor)


def _keep(tx: Tx, usage: UsageRow, parts: tuple[Part, ...], item_id: str) -> UsageRow:
    """Write a usage after a step; once it has ended, what is left of its hold goes back."""
    if usage.state in ENDED:
        usage_money.give_back(tx, usage, item_id, parts)
        usage = replace(usage, ended_ms=tx.now_ms, held_minor=0)
        clear_alarm(tx, Code.HOLD_OLD, "", usage.id)
    else:
        usage = replace(usage, held_minor=held_of(parts))
    usage_rows.save_usage(tx, usage, parts)
    return usage


def _note(tx: Tx, usage: UsageRow, spent_minor: int = 0, held_minor: int = 0) -> None:
    if usage.member is None:
        return
    spend = Spend(
        member=usage.member,
        started_ms=usage.started_ms,
        booked_ms=usage.started_ms,
        kind=usage.kind,
        spent_minor=spent_minor,
        held_minor=held_minor,
    )
    spending.note(tx, (spend,))


def _done(tx: Tx, kind: StepKind, asked: Asked, usage: UsageRow, taken: _Taken) -> Step:
    card_list.refresh_floor(tx, usage.account)
    tx.touch("account", usage.account)
    step = Step(
        id=asked.id,
        usage=usage.id,
        kind=kind,
        amount_minor=taken.amount_minor,
        tax_minor=taken.tax_minor,
        beyond_minor=taken.beyond_minor,
        state=usage.state,
        held_minor=usage.held_minor,
        captured_minor=usage.captured_minor,
        reason=taken.reason,
        by=asked.by,
        at_ms=tx.now_ms,
    )
    return usage_rows.add_step(tx, step, digest_of(kind, asked))


def _tariff(tx: Tx, usage: UsageRow) -> Tariff:
    found = find_version(tx.connection, usage.tariff, usage.tariff_version)
    if found is None:
        raise StoreError(f"tariff {usage.tariff} {usage.tariff_version} of {usage.id} is gone")
    return found


def _amounts(usage: Usage) -> tuple[int, int]:
    return total_time_ms(usage), total_quantity(usage)
