"""What comes first at a start: check what is stored, settle what was open.

A session that was open when the power went is settled by its last checkpoint, in the
customer's favour: what came after it, and a session without any, costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from firmware_agent.core.allowance import Rights, spend
from firmware_agent.core.effects import Effect
from firmware_agent.core.ending import VEND_OUTCOMES, is_cut_cycle, release_excess
from firmware_agent.core.model import Alarm, ControllerState, Moment
from firmware_agent.core.turn import Turn
from firmware_agent.errors import StoreCorrupt, StoreError
from firmware_agent.journal import check_totals, find_break
from firmware_agent.records import Records
from wire.codec import decode_event
from wire.errors import Code, DecodeError
from wire.events import (
    Boot,
    CashHeld,
    CashUnclaimed,
    Ended,
    SessionEnded,
    SessionProgress,
    SessionStarted,
    VendOutcome,
)
from wire.machines import Machine, Mode
from wire.usage import NOTHING

KEEP_AND_CALL = (
    "Nothing is authorised. Keep the data folder as it is and call the operator; the hub"
    " has everything that it acknowledged"
)


def check(records: Records) -> tuple[Alarm | None, int]:
    """Check the database, the chain and the totals.

    Returns:
        An alarm, or None when all is well; and the last seq that may be sent.
    """
    journal = records.journal
    complaint = records.store.check()
    if complaint:
        complaint = f"the database is damaged: {complaint}"
    sound_seq = journal.acked_seq
    try:
        digest = journal.known_hash(journal.base_seq)
        sound_seq, broken = find_break(journal.walk(journal.base_seq), journal.base_seq, digest)
        complaint = complaint or broken or check_totals(records.store, journal)
    except StoreError as error:
        complaint = complaint or str(error)
    return (_corrupt(complaint), sound_seq) if complaint else (None, journal.head_seq)


def settle_open(
    state: ControllerState,
    open_sessions: tuple[SessionStarted | SessionProgress, ...],
    rights: Mapping[str, Rights],
    specs: Mapping[str, Machine],
    boot: tuple[Moment, str],
    held_cash: tuple[CashHeld, ...] = (),
) -> tuple[ControllerState, tuple[Effect, ...]]:
    """Journal the start, and the end of every session that was open. Pure.

    Args:
        state: Of the controller, with the last seq found.
        open_sessions: Last event of each.
        rights: Of their accounts.
        specs: Machines as configured, by id.
        boot: Now, and the agent's version.
        held_cash: Money that no card had claimed.
    """
    moment, version = boot
    turn = Turn(replace(state, accounts=dict(rights)), moment)
    turn.append(Boot, version=version, previous_seq=state.last_seq, settled=len(open_sessions))
    for event in open_sessions:
        _settle(turn, event, specs.get(event.machine))
    for held in held_cash:
        # For how long it has waited isn't known: nobody gets what may be another's.
        turn.append(
            CashUnclaimed,
            holding=held.holding,
            machine=held.machine,
            unit=held.unit,
            amount_minor=held.held_minor,
        )
    for account in rights:
        release_excess(turn, turn.rights(account))
    return replace(turn.state, accounts={}), tuple(turn.effects)


def read_open_sessions(records: Records) -> tuple[SessionStarted | SessionProgress, ...]:
    """Last event of each session that is open in the journal.

    Raises:
        StoreCorrupt: One can't be read.
    """
    try:
        events = [decode_event(data) for data in records.open_sessions()]
    except DecodeError as error:
        raise StoreCorrupt(f"an open session can't be read: {error}") from None
    return tuple(event for event in events if isinstance(event, SessionStarted | SessionProgress))


def read_held_cash(records: Records) -> tuple[CashHeld, ...]:
    """Money that no card has claimed.

    Raises:
        StoreCorrupt: It can't be read.
    """
    try:
        events = [decode_event(data) for data in records.held_cash()]
    except DecodeError as error:
        raise StoreCorrupt(f"held money can't be read: {error}") from None
    return tuple(event for event in events if isinstance(event, CashHeld))


def _settle(turn: Turn, event: SessionStarted | SessionProgress, spec: Machine | None) -> None:
    usage, charge = NOTHING, 0
    is_cut = spec is not None and is_cut_cycle(spec, Ended.POWER_LOST)
    if isinstance(event, SessionProgress) and not is_cut:
        usage, charge = event.usage, event.charge_minor
    reason = Ended.POWER_LOST
    if event.mode == Mode.VEND and charge:
        # It was told to give something, and nobody heard whether it did.
        reason = Ended.VEND_UNKNOWN
        turn.append(
            VendOutcome,
            session=event.session,
            outcome=VEND_OUTCOMES[reason],
            machine=event.machine,
            account=event.account,
            detail="the power went meanwhile",
        )
    rights, backed, unbacked = spend(turn.rights(event.account), charge, turn.state.last_seq + 1)
    turn.append(
        SessionEnded,
        session=event.session,
        machine=event.machine,
        account=event.account,
        card=event.card,
        tariff=event.tariff,
        tariff_version=event.tariff_version,
        started=event.started,
        ended=event.at,
        reason=reason,
        mode=event.mode,
        program=event.program,
        usage=usage,
        charge_minor=charge,
        backed_minor=backed,
        unbacked_minor=unbacked,
        totals=rights.totals,
    )
    turn.put_rights(rights)


def _corrupt(what: str) -> Alarm:
    return Alarm(Code.JOURNAL_CORRUPT, f"{what}. {KEEP_AND_CALL}", writable=False)
