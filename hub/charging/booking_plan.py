"""What planning a stretch of one journal starts from, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.charging.allowances import Totals
from hub.charging.backing import Backing, Place
from hub.charging.cash_holdings import Holding
from hub.charging.code_rows import Redeemable
from hub.fleet.alarms import Matter
from hub.ledger.items import Item
from hub.people.spending import Spend
from wire.errors import Code
from wire.machines import Machine
from wire.tariff import Tariff

SessionRow = dict[str, Any]
"""A row of `sessions`, as far as known."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose money a fact moves: `account` is a placeholder when the reported one is unknown."""

    account: str
    unit: str


@dataclass(slots=True)
class Journal:
    """What planning must know about the controller and what its events name.

    Attributes:
        controller: Which.
        epoch: Of which journal.
        has_acceptor: Whether it may take cash.
        keeps_standing: Whether backed rights stand ready there, to be filled up again.
        now_ms: Hub's wall time.
        payers: By reported account.
        totals: By account; changed as events are planned.
        tariffs: Versions that exist, by id and version.
        machines: Its machines, by id; those removed, too.
        members: Whose each card of an organisation's account is: account and member.
        sessions: Rows known, by the id they are kept under; changed as events are planned.
        backings: Of those accounts that have lots; changed as events are planned.
        codes: Offline codes that are known, by counter; changed as events are planned.
        holdings: Money held for a card, by id; changed as events are planned.
        units: Units of held money that are known.
    """

    controller: str
    epoch: str
    has_acceptor: bool
    keeps_standing: bool
    now_ms: int
    payers: Mapping[str, Payer]
    totals: dict[str, Totals]
    tariffs: Mapping[tuple[str, int], Tariff]
    machines: Mapping[str, Machine]
    members: Mapping[str, tuple[str, str]]
    sessions: dict[str, SessionRow]
    backings: Mapping[str, Backing]
    codes: Mapping[int, Redeemable] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    units: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        """Where its rights are held."""
        return self.controller, self.epoch


@dataclass(slots=True)
class Plan:
    """What must be done for a stretch of a journal.

    Attributes:
        items: For the book, in order, each with the seq that it comes from.
        sessions: Rows to write, by id.
        alarms: To raise, by code and subject.
        cleared: Faults that are over: code and subject.
        accounts: Whose rights may have to change.
        spends: What members of organisations spent.
        codes: Offline codes that were redeemed.
    """

    items: list[tuple[int, Item]] = field(default_factory=list)
    sessions: dict[str, SessionRow] = field(default_factory=dict)
    alarms: dict[tuple[int, str], Matter] = field(default_factory=dict)
    cleared: list[tuple[int, str]] = field(default_factory=list)
    accounts: set[str] = field(default_factory=set)
    spends: list[Spend] = field(default_factory=list)
    codes: list[Redeemable] = field(default_factory=list)


def alarm(plan: Plan, journal: Journal, code: Code, subject: str, detail: str) -> None:
    """Note an alarm; one of a code and subject for the whole stretch."""
    plan.alarms[(int(code), subject)] = Matter(
        code=code, controller=journal.controller, subject=subject, detail=detail
    )
