"""What requests are worth to accounts: read from what was asked, not from what was booked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.trials.audit.hub_file import HubFile, Item

OF_CODE = "gift:code:"
"""Begins the id of what an offline code gave: the fact of its use counts already."""


@dataclass(slots=True)
class Effect:
    """What a movement must do.

    Attributes:
        worth: By account, minor units.
        takings: To revenue and tax together.
    """

    worth: dict[str, int] = field(default_factory=dict)
    takings: int = 0

    def reversed(self) -> Effect:
        """The opposite."""
        return Effect({who: -minor for who, minor in self.worth.items()}, -self.takings)


def effect_of_request(hub: HubFile, item: Item) -> Effect | None:
    """What a request must do; None: the kind isn't one that this knows."""
    reader = _READERS.get(item.kind)
    return None if reader is None else reader(hub, item)


def _payment(hub: HubFile, item: Item) -> tuple[Any, ...] | None:
    """Account, amount, fee, till and what it is about, as they were recorded."""
    rows = hub.rows(
        "SELECT account, amount_minor, fee_minor, till, about FROM payments WHERE id = ?", item.id
    )
    return rows[0] if rows else None


def _paid_in(hub: HubFile, item: Item) -> Effect | None:
    """A top-up, a sold voucher that is redeemed, a receivable that is paid."""
    row = _payment(hub, item)
    if row is None:
        return None
    account, amount, fee, _, _ = row
    return Effect({account: amount - fee})


def _refund(hub: HubFile, item: Item) -> Effect | None:
    charge = hub.items.get(item.reverses or "")
    row = _payment(hub, item)
    if charge is None or charge.kind != "session" or row is None:
        return None
    account, amount, fee, _, _ = row
    handed = sum(move.amount for move in item.moves if hub.accounts[move.credit].kind == "cash")
    return Effect({account: amount - fee - handed}, -amount)


def _adjustment(hub: HubFile, item: Item) -> Effect | None:
    row = _payment(hub, item)
    if row is None:
        return None
    account, amount, _, _, about = row
    return Effect({account: amount if about.startswith("credit:") else -amount})


def _deposit_taken(hub: HubFile, item: Item) -> Effect | None:
    """From a till it is new money of the account; from its wallet it stays its own."""
    row = _payment(hub, item)
    if row is None:
        return None
    account, amount, _, till, _ = row
    return Effect({account: amount if till else 0})


def _deposit_returned(hub: HubFile, item: Item) -> Effect | None:
    taken = _deposit_taken(hub, item)
    return None if taken is None else taken.reversed()


def _deposit_kept(hub: HubFile, item: Item) -> Effect | None:
    row = _payment(hub, item)
    return None if row is None else Effect({row[0]: -row[1]})


def _payout(hub: HubFile, item: Item) -> Effect | None:
    rows = hub.rows("SELECT account, amount_minor FROM payouts WHERE id = ?", item.id)
    return Effect({rows[0][0]: -rows[0][1]}) if rows else None


def _payout_back(hub: HubFile, item: Item) -> Effect | None:
    rows = hub.rows(
        "SELECT p.account, p.amount_minor FROM payouts AS p"
        " JOIN payout_steps AS s ON s.payout = p.id WHERE s.id = ?",
        item.id,
    )
    return Effect({rows[0][0]: rows[0][1]}) if rows else None


def _transfer(hub: HubFile, item: Item) -> Effect | None:
    rows = hub.rows(
        "SELECT sender, receiver, amount_minor FROM account_transfers WHERE id = ?", item.id
    )
    return Effect({rows[0][0]: -rows[0][2], rows[0][1]: rows[0][2]}) if rows else None


def _gift(hub: HubFile, item: Item) -> Effect | None:
    if item.id.startswith(OF_CODE):
        return Effect()
    rows = hub.rows("SELECT account, amount_minor, giver FROM lots WHERE id = ?", item.id)
    if not rows:
        return None
    account, amount, giver = rows[0]
    kind, _, whose = giver.partition(":")[2].partition("/")
    return Effect({account: amount} | ({whose: -amount} if kind == "wallet" else {}))


def _correction(hub: HubFile, item: Item) -> Effect | None:
    wrong = hub.items.get(item.reverses or "")
    effect = None if wrong is None else effect_of_request(hub, wrong)
    return None if effect is None else effect.reversed()


def _purchase(hub: HubFile, item: Item) -> Effect | None:
    """What another program reported as used."""
    rows = hub.rows(
        "SELECT u.account, s.amount_minor FROM usage_steps AS s"
        " JOIN usages AS u ON u.id = s.usage WHERE s.id = ?",
        item.id,
    )
    return Effect({rows[0][0]: -rows[0][1]}, rows[0][1]) if rows else None


def _subscription(hub: HubFile, item: Item) -> Effect | None:
    """What a period of a subscription costs."""
    rows = hub.rows(
        "SELECT s.account, p.amount_minor FROM subscription_periods AS p"
        " JOIN subscriptions AS s ON s.id = p.subscription WHERE p.item = ?",
        item.id,
    )
    return Effect({rows[0][0]: -rows[0][1]}, rows[0][1]) if rows else None


def _nothing(hub: HubFile, item: Item) -> Effect | None:
    """Money that has left its account before, or doesn't belong to one yet."""
    del hub, item
    return Effect()


_READERS: dict[str, Callable[[HubFile, Item], Effect | None]] = {
    "top_up": _paid_in,
    "voucher": _paid_in,
    "voucher_sold": _nothing,
    "receivable_paid": _paid_in,
    "refund": _refund,
    "adjustment": _adjustment,
    "deposit_taken": _deposit_taken,
    "deposit_returned": _deposit_returned,
    "deposit_kept": _deposit_kept,
    "payout": _payout,
    "payout_sent": _nothing,
    "payout_back": _payout_back,
    "transfer": _transfer,
    "gift": _gift,
    "correction": _correction,
    "purchase": _purchase,
    "subscription": _subscription,
    "codes_sold": _nothing,
    "codes_void": _nothing,
}
