"""A program that sells a cloud service: what it asks of the hub, step by step."""

from __future__ import annotations

from hub.charging import lots, services, usage
from hub.charging.lots import Gift
from hub.charging.usage_asked import Authorise, Capture, Raise, Release, Stretch
from hub.ledger import accounts as chart
from hub.people import roster
from hub.people.limits import Limit
from hub.people.members import MemberState
from hub.people.periods import Period

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def register(desk, name: str, kind: str = "cloud", tariff: str = "minute") -> None:
    service = services.Service(id=name, name=name, kind=kind, tariff=tariff, tariff_by_group={})
    desk.run(lambda tx: services.put_service(tx, service))


def sell(desk):
    """Give a desk a service, and a customer with 10.00."""
    register(desk, "cloud")
    desk.add_account("ann", 1_000)
    return desk


def give(desk, minor: int, lot: str = "gift", account: str = "ann", **terms) -> None:
    gift = Gift(
        id=lot,
        account=account,
        amount_minor=minor,
        giver=chart.house("promo", "EUR"),
        source="promo",
        reason="welcome",
        by="cli",
        **terms,
    )
    desk.run(lambda tx: lots.give(tx, gift))


def hold(desk, minor: int | None = None, name: str = "use_1", **asked):
    who = {} if "card_ref" in asked else {"account": "ann"}
    asked = {"service": "cloud", "by": "key", "amount_minor": minor} | who | asked
    return desk.run(lambda tx: usage.authorise(tx, Authorise(id=name, **asked)))


def buy(desk, minor: int | None = None, name: str = "buy_1", **asked):
    asked = {"service": "cloud", "by": "key", "account": "ann", "amount_minor": minor} | asked
    return desk.run(lambda tx: usage.charge(tx, Authorise(id=name, **asked)))


def more(desk, minor: int, step: str = "more_1", name: str = "use_1"):
    asked = Raise(id=step, usage=name, amount_minor=minor, by="key")
    return desk.run(lambda tx: usage.raise_hold(tx, asked))


def take(desk, minor: int | None = None, step: str = "take_1", name: str = "use_1", **asked):
    asked = Capture(id=step, usage=name, amount_minor=minor, by="key", **asked)
    return desk.run(lambda tx: usage.capture(tx, asked))


def free(desk, step: str = "free_1", name: str = "use_1", reason: str = "cancelled"):
    asked = Release(id=step, usage=name, reason=reason, by="key")
    return desk.run(lambda tx: usage.release(tx, asked))


def minutes(count: int, from_ms: int | None = None) -> Stretch:
    return Stretch(from_ms=from_ms, time_ms=count * MINUTE_MS)


def steps(desk) -> int:
    return desk.rows("SELECT count(*) FROM usage_steps")[0][0]


def join(desk, *limits: Limit, state: MemberState = MemberState.ACTIVE) -> None:
    asked = roster.NewMember(id="mem_ann", account="ann", name="Ann", limits=limits)
    desk.run(lambda tx: roster.add_member(tx, asked))
    desk.run(lambda tx: roster.change_member(tx, "mem_ann", {"state": state}))
    desk.run(lambda tx: roster.give_card(tx, "mem_ann", "crd_ann"))


def daily(minor: int, kind: str = "") -> Limit:
    return Limit(period=Period.DAY, kind=kind, amount_minor=minor)


def spent(desk) -> list[tuple[int, int]]:
    rows = desk.rows("SELECT spent_minor, held_minor FROM member_spend ORDER BY day")
    return [tuple(row) for row in rows]
