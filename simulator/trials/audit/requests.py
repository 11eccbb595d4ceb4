"""What staff's requests are worth to accounts: read from what was asked, not from the book."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.trials.audit.hub_file import HubFile, Item


@dataclass(slots=True)
class Effect:
    """What a movement must do.

    Attributes:
        worth: By account, minor units.
        takings: To revenue and tax together.
    """

    worth: dict[str, int] = field(default_factory=dict)
    takings: int = 0


def effect_of_request(hub: HubFile, item: Item) -> Effect | None:
    """What a request must do; None: the kind isn't one that this knows."""
    reader = _READERS.get(item.kind)
    return None if reader is None else reader(hub, item)


def _top_up(hub: HubFile, item: Item) -> Effect | None:
    for account, amount, fee in hub.rows(
        "SELECT account, amount_minor, fee_minor FROM payments WHERE id = ?", item.id
    ):
        return Effect({account: amount - fee})
    return None


def _refund(hub: HubFile, item: Item) -> Effect | None:
    charge = hub.items.get(item.reverses or "")
    if charge is None or charge.kind != "session":
        return None
    for account, amount, fee in hub.rows(
        "SELECT account, amount_minor, fee_minor FROM payments WHERE id = ?", item.id
    ):
        handed = sum(move.amount for move in item.moves if hub.accounts[move.credit].kind == "cash")
        return Effect({account: amount - fee - handed}, -amount)
    return None


def _adjustment(hub: HubFile, item: Item) -> Effect | None:
    for account, amount, about in hub.rows(
        "SELECT account, amount_minor, about FROM payments WHERE id = ?", item.id
    ):
        return Effect({account: amount if about.startswith("credit:") else -amount})
    return None


def _payout(hub: HubFile, item: Item) -> Effect | None:
    for account, amount in hub.rows(
        "SELECT account, amount_minor FROM payouts WHERE id = ?", item.id
    ):
        return Effect({account: -amount})
    return None


def _payout_sent(hub: HubFile, item: Item) -> Effect | None:
    del hub, item
    return Effect()


def _payout_back(hub: HubFile, item: Item) -> Effect | None:
    for account, amount in hub.rows(
        "SELECT account, amount_minor FROM payouts WHERE id = "
        "(SELECT payout FROM payout_steps WHERE id = ?)",
        item.id,
    ):
        return Effect({account: amount})
    return None


def _transfer(hub: HubFile, item: Item) -> Effect | None:
    for sender, receiver, amount in hub.rows(
        "SELECT sender, receiver, amount_minor FROM account_transfers WHERE id = ?", item.id
    ):
        return Effect({sender: -amount, receiver: amount})
    return None


def _gift(hub: HubFile, item: Item) -> Effect | None:
    for account, amount, giver in hub.rows(
        "SELECT account, amount_minor, giver FROM lots WHERE id = ?", item.id
    ):
        kind, _, whose = giver.partition(":")[2].partition("/")
        return Effect({account: amount} | ({whose: -amount} if kind == "wallet" else {}))
    return None


_READERS: dict[str, Callable[[HubFile, Item], Effect | None]] = {
    "top_up": _top_up,
    "refund": _refund,
    "adjustment": _adjustment,
    "payout": _payout,
    "payout_sent": _payout_sent,
    "payout_back": _payout_back,
    "transfer": _transfer,
    "gift": _gift,
}
