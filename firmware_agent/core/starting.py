"""From a permitted tap to a running session, or to a no with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_agent.core.allowance import (
    Decision,
    Verdict,
    decide,
    decide_answered,
    decide_unanswered,
    usable,
)
from firmware_agent.core.effects import Answer, OfferFunds, Pulse, SendWant, SwitchOn
from firmware_agent.core.metering import need_to_start
from firmware_agent.core.model import MachineState, Shown
from firmware_agent.core.modes import bought_usage, charge_for, is_bought
from firmware_agent.core.session import State, Trigger
from firmware_agent.core.turn import Turn
from firmware_agent.core.visit import Ask, Offer, PendingWant, Session
from wire.downlink import CardEntry, WantAnswer
from wire.errors import Code
from wire.events import SessionStarted
from wire.keys import HUB
from wire.machines import HubDown, Machine, Mode
from wire.money import EUR, Unit
from wire.proof import Proof
from wire.tariff import Tariff
from wire.uplink import Outcome, Want


@dataclass(frozen=True, slots=True)
class Start:
    """A start that may be, if it can be paid.

    Attributes:
        session: Id that the session will have.
        entry: The card.
        spec: The machine's configuration; frozen now.
        tariff: What prices it; None: it is free. Frozen now.
        command: Id of the command that asked for it; empty: a tap.
        backed_only: The hub granted what the card's limit leaves.
        proof: How the card proved itself; None: it didn't.
        program: Program of a cycle that was chosen; empty: there is no choice.
    """

    session: str
    entry: CardEntry
    spec: Machine
    tariff: Tariff | None
    command: str = ""
    backed_only: bool = False
    proof: Proof | None = None
    program: str = ""


@dataclass(frozen=True, slots=True)
class Short:
    """By how much a balance or limit was too low, minor units of `unit`."""

    minor: int
    unit: Unit


NOT_SHORT = Short(0, EUR)


def try_start(turn: Turn, machine: MachineState, start: Start) -> None:
    """Start at once, ask the hub, or refuse."""
    spec = start.spec
    need = need_to_start(spec, start.tariff, turn.moment.wall_ms)
    decision = _decide(turn, start, need)
    if decision.verdict is Verdict.REFUSE:
        _refuse_start(turn, machine, start, decision)
        return
    if decision.verdict is Verdict.START:
        if _is_offered(machine, start) and not (decision.want_minor and turn.state.online):
            offer(turn, machine, start)
            return
        if not _is_offered(machine, start):
            began = begin(turn, machine, start, floor_used=decision.floor_used)
            if decision.want_minor:
                ask_more(turn, began, decision.want_minor)
            return
    want = PendingWant(f"{start.session}.0", decision.want_minor, turn.moment.mono_ms)
    ask = Ask(
        start.session,
        start.entry,
        spec,
        start.tariff,
        need,
        want,
        turn.moment.mono_ms + turn.state.policy.want_timeout_ms,
        start.command,
        start.proof,
        start.program,
    )
    turn.move(replace(machine, ask=ask, notice=None), Trigger.ASK)
    send_want(turn, machine.id, start.session, start.entry, want)


def answer_ask(turn: Turn, machine: MachineState, answer: WantAnswer) -> None:
    """The hub answered the tap that waits at a machine; its grant is merged already."""
    ask = _ask(machine)
    balance, policy = turn.balance(ask.entry), ask.spec.hub_down
    decision = decide_answered(balance, ask.need_minor, policy, answer.code)
    _conclude(turn, machine, decision, backed_only=answer.code == Code.SPENDING_LIMIT)


def tick_asking(turn: Turn, machine: MachineState) -> None:
    """Let the policy decide when nobody answered in time."""
    ask = _ask(machine)
    if turn.moment.mono_ms < ask.deadline_ms:
        return
    balance, policy = turn.balance(ask.entry), ask.spec.hub_down
    _conclude(turn, machine, decide_unanswered(balance, ask.need_minor, policy))


def begin(turn: Turn, machine: MachineState, start: Start, *, floor_used: bool) -> MachineState:
    """Journal a session and switch its machine on."""
    spec, entry, tariff, moment = start.spec, start.entry, start.tariff, turn.moment
    session = Session(
        start.session,
        spec,
        entry,
        tariff,
        moment.stamp,
        moment.mono_ms,
        checkpoint_ms=moment.mono_ms,
        active_ms=moment.mono_ms,
        backed_only=start.backed_only,
        program=start.program,
    )
    journal_start(turn, machine, session, start, floor_used=floor_used)
    if tariff is not None:
        usage = session.usage
        if is_bought(spec):
            usage = bought_usage(spec, tariff, moment.wall_ms)
        session = replace(session, usage=usage, charge_minor=charge_for(spec, tariff, usage))
    is_pulsed = spec.mode in {Mode.CYCLE, Mode.VEND}
    awaits = is_pulsed and spec.cycle.feedback_within_ms > 0
    machine = turn.move(
        replace(machine, session=session, ask=None, notice=None),
        Trigger.PULSE if awaits else Trigger.RUN,
    )
    pulse_ms = spec.cycle.pulse_ms if is_pulsed else 0
    turn.emit(Pulse(machine.id, pulse_ms) if pulse_ms else SwitchOn(machine.id))
    if start.command:
        turn.emit(Answer(start.command, Outcome.DONE))
    return machine


def journal_start(
    turn: Turn, machine: MachineState, session: Session, start: Start, *, floor_used: bool
) -> None:
    """Journal that a session begins."""
    turn.append(
        SessionStarted,
        **session.facts(machine.id),
        local_minor=max(0, turn.balance(start.entry).left_minor),
        online=turn.state.online,
        floor_used=floor_used,
        proof=start.proof,
    )


def offer(turn: Turn, machine: MachineState, start: Start) -> None:
    """Let something be chosen at a vending machine, for what may be spent there."""
    assert start.tariff is not None, "a vending machine has a tariff"
    funds = spendable(turn, start.entry, start.spec.hub_down, backed_only=start.backed_only)
    until_ms = turn.moment.mono_ms + start.spec.vend.choose_ms
    offered = Offer(
        start.session, start.entry, start.spec, start.tariff, funds, until_ms, start.proof
    )
    machine = replace(machine, offer=offered, ask=None, notice=None)
    turn.move(machine, Trigger.OFFER)
    turn.emit(OfferFunds(machine.id, funds))


def spendable(turn: Turn, entry: CardEntry, policy: HubDown, *, backed_only: bool = False) -> int:
    """What a card may spend now without asking anyone, ≥ 0."""
    is_backed_only = backed_only or policy is HubDown.DENY
    resting_on = HubDown.BACKED_ONLY if is_backed_only else policy
    left = usable(turn.balance(entry), resting_on)
    limit = turn.state.limit_left(entry)
    return max(0, left if limit is None else min(left, limit))


def ask_more(turn: Turn, machine: MachineState, amount_minor: int) -> None:
    """Ask the hub for backed rights for a session that is open."""
    session = machine.session
    if session is None or session.want is not None:
        return
    want = PendingWant(f"{session.id}.{session.wants}", amount_minor, turn.moment.mono_ms)
    turn.put(replace(machine, session=replace(session, want=want, wants=session.wants + 1)))
    send_want(turn, machine.id, session.id, session.entry, want)


def send_want(turn: Turn, machine: str, session: str, entry: CardEntry, want: PendingWant) -> None:
    """Send a question, or send it again with the same id."""
    turn.emit(
        SendWant(
            Want(
                sender=turn.state.name,
                receiver=HUB,
                request=want.request,
                epoch=turn.state.epoch,
                session=session,
                machine=machine,
                account=entry.account,
                card=entry.card,
                amount_minor=want.amount_minor,
                last_seq=turn.state.last_seq,
                sent_ms=turn.moment.wall_ms,
            )
        )
    )


def refuse(
    turn: Turn,
    machine: MachineState,
    code: Code,
    *,
    shown: Shown,
    short: Short = NOT_SHORT,
) -> None:
    """Refuse a tap: told to the person, and journalled."""
    turn.notice(machine, code=code, amount_minor=short.minor, unit=short.unit)
    turn.record_refusal(
        machine.wiring.reader,
        machine.id,
        code,
        shown=shown,
        short_minor=short.minor,
    )


def _decide(turn: Turn, start: Start, need_minor: int) -> Decision:
    """Decide by the card's limit first: the hub would only say the same."""
    limit = turn.state.limit_left(start.entry)
    if limit is not None and need_minor > limit:
        return Decision(Verdict.REFUSE, code=Code.SPENDING_LIMIT, short_minor=need_minor - limit)
    want = _want_at_start(start.spec, start.tariff)
    return decide(
        turn.balance(start.entry),
        need_minor,
        want if limit is None else min(want, limit),
        start.spec.hub_down,
        online=turn.state.online,
    )


def _conclude(
    turn: Turn, machine: MachineState, decision: Decision, *, backed_only: bool = False
) -> None:
    ask = _ask(machine)
    start = Start(
        ask.session,
        ask.entry,
        ask.spec,
        ask.tariff,
        ask.command,
        backed_only,
        ask.proof,
        ask.program,
    )
    if decision.verdict is Verdict.START and turn.state.alarm is None:
        if _is_offered(machine, start):
            offer(turn, machine, start)
        else:
            begin(turn, machine, start, floor_used=decision.floor_used)
        return
    if turn.state.alarm is not None:
        decision = Decision(Verdict.REFUSE, code=turn.state.alarm.code)
    machine = turn.move(replace(machine, ask=None), Trigger.REFUSE)
    _refuse_start(turn, machine, start, decision)


def _refuse_start(turn: Turn, machine: MachineState, start: Start, decision: Decision) -> None:
    code = decision.code or Code.BALANCE_TOO_LOW
    refuse(
        turn,
        machine,
        code,
        shown=Shown(start.entry.card, start.entry.account, start.proof),
        short=Short(decision.short_minor, start.tariff.unit if start.tariff else EUR),
    )
    if start.command:
        turn.emit(Answer(start.command, Outcome.REFUSED, int(code)))


def _want_at_start(spec: Machine, tariff: Tariff | None) -> int:
    """What is bought asks for its price; what isn't known yet asks for a stretch of use."""
    if is_bought(spec) and spec.mode is not Mode.VEND:
        return 0
    if tariff is None or tariff.cap_minor is None:
        return spec.want_minor
    return min(spec.want_minor, tariff.cap_minor + spec.reserve_minor)


def _is_offered(machine: MachineState, start: Start) -> bool:
    """Whether a vending machine says what is chosen, and what it costs."""
    return start.spec.mode is Mode.VEND and machine.wiring.has_bus


def _ask(machine: MachineState) -> Ask:
    assert machine.state is State.ASKING
    assert machine.ask is not None
    return machine.ask
