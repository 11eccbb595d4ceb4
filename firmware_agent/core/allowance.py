"""What an account may spend here: its rights, and the decisions that rest on them.

Theory of operation
-------------------
For each account the controller holds four totals that only grow: granted (G, from the
hub), spent (S), released (R) and taken in (M), its own and journalled. Backed is
G + M - S - R: money that the hub has set aside for this controller. The floor is a
bounded risk that the operator accepts beyond it: an amount as of a seq, less what this
journal spent unbacked after that seq (docs/protocol.md, "Rights come down"). What open
sessions have charged so far is taken off, backed first.

Messages may be lost, repeated or late: totals merge by "larger wins", and floor, seq
and target by "newer revision wins".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from wire.downlink import Right
from wire.errors import Code
from wire.events import Totals
from wire.machines import HubDown


@dataclass(frozen=True, slots=True)
class Unbacked:
    """Spending beyond backed rights: the journal's seq and minor units."""

    seq: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Rights:
    """One account's rights at this controller.

    Attributes:
        account: Whose.
        granted_minor: G.
        spent_minor: S.
        released_minor: R.
        taken_in_minor: M.
        unbacked_minor: Everything ever spent here beyond backed rights.
        floor_minor: The hub's floor; None: no right of this account ever came, the
            card's own floor holds.
        as_of_seq: Unbacked spending up to here is in the floor already.
        target_minor: Backed balance that the hub wants here; None: release nothing.
        recent: Unbacked spending after `as_of_seq`, rising.
    """

    account: str
    granted_minor: int = 0
    spent_minor: int = 0
    released_minor: int = 0
    taken_in_minor: int = 0
    unbacked_minor: int = 0
    floor_minor: int | None = None
    as_of_seq: int = 0
    target_minor: int | None = 0
    recent: tuple[Unbacked, ...] = ()

    @property
    def backed_minor(self) -> int:
        """G + M - S - R."""
        return self.granted_minor + self.taken_in_minor - self.spent_minor - self.released_minor

    @property
    def totals(self) -> Totals:
        """The totals as events tell them."""
        return Totals(
            spent=self.spent_minor,
            released=self.released_minor,
            taken_in=self.taken_in_minor,
            unbacked=self.unbacked_minor,
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left for one card of an account, after what open sessions charged.

    Attributes:
        backed_minor: Left of backed rights, ≥ 0.
        floor_minor: Left of the floor, ≥ 0.
        short_minor: By how much open sessions are beyond both, ≥ 0.
    """

    backed_minor: int
    floor_minor: int
    short_minor: int = 0

    @property
    def left_minor(self) -> int:
        """Local balance; below 0 when facts went beyond all rights."""
        return self.backed_minor + self.floor_minor - self.short_minor


class Verdict(Enum):
    """What a tap comes to."""

    START = "start"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and what follows from it.

    Attributes:
        verdict: What to do.
        want_minor: How much to ask the hub for, 0: nothing.
        floor_used: Whether a start rests on the floor.
        code: Why refused.
        short_minor: By how much the balance is too low.
    """

    verdict: Verdict
    want_minor: int = 0
    floor_used: bool = False
    code: Code | None = None
    short_minor: int = 0


def floor_available(rights: Rights, card_floor_minor: int) -> int:
    """Floor left for a card, before open sessions; ≥ 0."""
    amount = card_floor_minor
    if rights.floor_minor is not None:
        amount = min(amount, rights.floor_minor)
    used = sum(entry.amount_minor for entry in rights.recent if entry.seq > rights.as_of_seq)
    return max(0, amount - used)


def local_balance(rights: Rights, card_floor_minor: int, open_minor: int) -> Balance:
    """Balance for a card while open sessions of its account have charged `open_minor`."""
    backed = max(0, rights.backed_minor)
    floor = floor_available(rights, card_floor_minor)
    on_floor = max(0, open_minor - backed)
    return Balance(max(0, backed - open_minor), max(0, floor - on_floor), max(0, on_floor - floor))


def decide(
    balance: Balance, need_minor: int, want_minor: int, policy: HubDown, *, online: bool
) -> Decision:
    """Decide on a tap (docs/protocol.md, "Wants").

    Args:
        balance: What is left for the card.
        need_minor: What the start takes.
        want_minor: What the machine asks for at a start, if anything is asked for.
        policy: What a tap may rest on when the hub doesn't answer.
        online: Whether the hub can be asked.
    """
    missing = need_minor - balance.backed_minor
    want = max(want_minor, missing)
    if policy is not HubDown.DENY or need_minor == 0:
        if missing <= 0:
            return Decision(Verdict.START)
        if need_minor <= usable(balance, policy):
            return Decision(Verdict.START, want_minor=want, floor_used=True)
    short = max(0, need_minor - usable(balance, policy))
    if online:
        return Decision(Verdict.ASK, want_minor=max(want, 1), short_minor=short)
    return Decision(Verdict.REFUSE, code=Code.BALANCE_TOO_LOW_OFFLINE, short_minor=short)


def decide_answered(balance: Balance, need_minor: int, policy: HubDown, code: int) -> Decision:
    """Decide on a tap after the hub's answer, its grant already merged.

    An answer that names another reason than money is final. One that names the card's
    limit leaves what it granted, and no floor.
    """
    is_backed_only = policy is HubDown.DENY or code == Code.SPENDING_LIMIT
    resting_on = HubDown.BACKED_ONLY if is_backed_only else policy
    short = need_minor - usable(balance, resting_on)
    if code not in _ABOUT_MONEY:
        return Decision(Verdict.REFUSE, code=_known(code), short_minor=max(0, short))
    if short <= 0:
        return Decision(Verdict.START, floor_used=need_minor > balance.backed_minor)
    reason = Code.BALANCE_TOO_LOW if code == 0 else _known(code)
    return Decision(Verdict.REFUSE, code=reason, short_minor=short)


def decide_unanswered(balance: Balance, need_minor: int, policy: HubDown) -> Decision:
    """Decide on a tap whose question nobody answered in time."""
    return decide(balance, need_minor, 0, policy, online=False)


_ABOUT_MONEY = frozenset({0, Code.BALANCE_TOO_LOW, Code.LIMIT_EXCEEDED, Code.SPENDING_LIMIT})


def _known(code: int) -> Code:
    """A later hub's reason that this version doesn't know is a plain no."""
    try:
        return Code(code)
    except ValueError:
        return Code.BALANCE_TOO_LOW


def usable(balance: Balance, policy: HubDown) -> int:
    """What a tap may rest on when the hub doesn't answer."""
    if policy is HubDown.DENY:
        return 0
    if policy is HubDown.BACKED_ONLY:
        return balance.backed_minor
    return balance.left_minor


def spend(rights: Rights, charge_minor: int, seq: int) -> tuple[Rights, int, int]:
    """Settle a charge (≥ 0) by the event `seq`: new rights, backed part, unbacked part."""
    backed = min(charge_minor, max(0, rights.backed_minor))
    unbacked = charge_minor - backed
    recent = (*rights.recent, Unbacked(seq, unbacked)) if unbacked else rights.recent
    after = replace(
        rights,
        spent_minor=rights.spent_minor + backed,
        unbacked_minor=rights.unbacked_minor + unbacked,
        recent=recent,
    )
    return after, backed, unbacked


def merge(rights: Rights, right: Right, *, newer: bool) -> Rights:
    """Take a right from the hub.

    Args:
        rights: What is held.
        right: What came.
        newer: Whether its message's revision is newer than the one held.
    """
    granted = max(rights.granted_minor, right.granted_minor)
    if not newer:
        return replace(rights, granted_minor=granted)
    # What is booked never goes back; a floor that says so is of a hub that forgot
    # bookings, and spending before it is no longer known here: it allows nothing.
    floor = right.floor_minor if right.as_of_seq >= rights.as_of_seq else 0
    as_of_seq = max(rights.as_of_seq, right.as_of_seq)
    return replace(
        rights,
        granted_minor=granted,
        floor_minor=floor,
        as_of_seq=as_of_seq,
        target_minor=right.target_minor,
        recent=tuple(entry for entry in rights.recent if entry.seq > as_of_seq),
    )


def excess(rights: Rights) -> int:
    """Backed rights above the target, ≥ 0; to be released while no session is open."""
    if rights.target_minor is None:
        return 0
    return max(0, rights.backed_minor - rights.target_minor)


def release(rights: Rights, amount_minor: int) -> Rights:
    """Give backed rights back; 0 ≤ `amount_minor` ≤ backed."""
    assert 0 <= amount_minor <= rights.backed_minor
    return replace(rights, released_minor=rights.released_minor + amount_minor)
