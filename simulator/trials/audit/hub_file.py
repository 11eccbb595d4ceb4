"""The hub's database, read a little further each time: what is new since the last look."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from simulator.trials.audit.events import Event, first_hash, next_hash, read_event
from simulator.trials.audit.rating import Prices, read_prices

BUSY_S = 10.0
"""The hub runs in the same process: whoever waits longer waits for ever."""
OWN = ("wallet", "bonus", "escrow", "deposit", "overrun", "receivable")
"""Kinds of ledger accounts that belong to a person's account."""


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger account as it is stored."""

    number: int
    code: str
    unit: str
    balance: int
    least: int | None
    most: int | None
    kind: str
    whose: str
    """A person's account, also where the ledger keeps several of its pots; or the rest of
    the code."""


class Move(NamedTuple):
    """One transfer."""

    number: int
    item: str
    ordinal: int
    debit: int
    credit: int
    amount: int


@dataclass(slots=True)
class Item:
    """A movement of the book with its transfers."""

    place: int
    id: str
    unit: str
    kind: str
    ref: str
    reverses: str | None
    batch: int
    moves: list[Move] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Sum of all its transfers."""
        return sum(move.amount for move in self.moves)


class Booked(NamedTuple):
    """An event as the hub keeps it, with the hash that the auditor gets for it."""

    controller: str
    epoch: str
    event: Event
    stored_hash: str
    hash: bytes


Place = tuple[str, str]
"""Controller and epoch."""


class Journal(NamedTuple):
    """How far the hub says that a journal is booked."""

    controller: str
    epoch: str
    through: int
    head: str
    gap: int | None


class Right(NamedTuple):
    """An account's totals at a controller in one of its journals, as the hub keeps them."""

    account: str
    controller: str
    epoch: str
    granted: int
    spent: int
    released: int
    taken_in: int
    unbacked: int
    forfeited: int

    @property
    def backed(self) -> int:
        """What is left of it."""
        return self.granted + self.taken_in - self.spent - self.released - self.forfeited


class HubFile:
    """What the hub has committed.

    Attributes:
        accounts: All ledger accounts by number, as of the last look.
        numbers: Their numbers by code.
        items: All movements so far, by id.
        fresh_items: Those new since the look before, in the order of booking.
        loose: New transfers of no movement that is new.
        repeated: Ids of movements that stand twice.
        fresh_events: Events new since the look before, in order within each journal.
        journals: How far each is booked.
        hashes: Chain hash after each booked event, by journal: the first is the origin's.
        rights: All rights, by account, controller and epoch.
        states: State and current epoch of each controller.
        holds: What open holds of other programs keep in escrow, by account.
        gaps: Journals with an open alarm about a gap.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sql: sqlite3.Connection | None = None
        self.accounts: dict[int, Account] = {}
        self.numbers: dict[str, int] = {}
        self.items: dict[str, Item] = {}
        self.fresh_items: list[Item] = []
        self.loose: list[Move] = []
        self.repeated: list[str] = []
        self.fresh_events: list[Booked] = []
        self.journals: dict[Place, Journal] = {}
        self.hashes: dict[Place, list[bytes]] = {}
        self.rights: dict[tuple[str, str, str], Right] = {}
        self.states: dict[str, tuple[str, str]] = {}
        self.holds: dict[str, int] = {}
        self.gaps: set[Place] = set()
        self._prices: dict[tuple[str, int], Prices | None] = {}
        self._last_place = 0
        self._last_move = 0

    def look(self) -> None:
        """Read what is new, and how everything stands, in one transaction."""
        sql = self._connection()
        sql.execute("BEGIN")
        try:
            self._read_book(sql)
            self._read_journals(sql)
            self._read_standing(sql)
        finally:
            sql.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read rows as of now."""
        with closing(self._connection().execute(sql, values)) as found:
            return found.fetchall()

    def prices(self, tariff: str, version: int) -> Prices | None:
        """A version of a tariff; None: the hub doesn't know it. A version never changes."""
        key = (tariff, version)
        if self._prices.get(key) is None:
            rows = self.rows(
                "SELECT definition FROM tariffs WHERE id = ? AND version = ?", tariff, version
            )
            self._prices[key] = read_prices(rows[0][0]) if rows else None
        return self._prices[key]

    def mode_of(self, machine: str) -> str:
        """How a machine charges now; empty: it isn't known."""
        rows = self.rows("SELECT definition FROM machines WHERE id = ?", machine)
        return str(msgspec.json.decode(rows[0][0]).get("mode", "metered")) if rows else ""

    def code_of(self, number: int) -> str:
        """Name of a ledger account."""
        account = self.accounts.get(number)
        return f"account {number}" if account is None else account.code

    def _connection(self) -> sqlite3.Connection:
        if self._sql is None:
            uri = f"file:{self._path}?mode=ro"
            self._sql = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
        return self._sql

    def _read_book(self, sql: sqlite3.Connection) -> None:
        self.accounts = {row[0]: _account(row) for row in sql.execute(_ACCOUNTS)}
        self.numbers = {account.code: number for number, account in self.accounts.items()}
        self.fresh_items, self.loose, self.repeated = [], [], []
        fresh: dict[str, Item] = {}
        for row in sql.execute(_ITEMS, (self._last_place,)):
            item = Item(*row)
            if item.id in self.items:
                self.repeated.append(item.id)
            self.items[item.id] = fresh[item.id] = item
            self.fresh_items.append(item)
            self._last_place = item.place
        for move in map(Move._make, sql.execute(_MOVES, (self._last_move,))):
            owner = fresh.get(move.item)
            if owner is None:
                self.loose.append(move)
            else:
                owner.moves.append(move)
            self._last_move = move.number

    def _read_journals(self, sql: sqlite3.Connection) -> None:
        self.fresh_events = []
        found = map(Journal._make, sql.execute(_JOURNALS))
        self.journals = {(one.controller, one.epoch): one for one in found}
        for place in self.journals:
            hashes = self.hashes.setdefault(place, [first_hash(*place)])
            for stored, body in sql.execute(_EVENTS, (*place, len(hashes) - 1)):
                data = bytes(body)
                hashes.append(next_hash(hashes[-1], data))
                event = read_event(data)
                self.fresh_events.append(Booked(*place, event, stored, hashes[-1]))

    def _read_standing(self, sql: sqlite3.Connection) -> None:
        rights = map(Right._make, sql.execute(_RIGHTS))
        self.rights = {(one.account, one.controller, one.epoch): one for one in rights}
        self.states = {name: (state, epoch) for name, state, epoch in sql.execute(_CONTROLLERS)}
        self.holds = dict(sql.execute(_HOLDS).fetchall())
        self.gaps = set(sql.execute(_GAPS).fetchall())


def _account(row: tuple[Any, ...]) -> Account:
    number, code, unit, balance, least, most = row
    kind, _, whose = code.partition(":")[2].partition("/")
    owner = whose.partition("/")[0] if kind in OWN else whose
    return Account(number, code, unit, balance, least, most, kind, owner)


_ACCOUNTS = "SELECT id, code, unit, balance, balance_min, balance_max FROM ledger_accounts"
_ITEMS = """
    SELECT place, id, unit, kind, ref, reverses, batch FROM items WHERE place > ? ORDER BY place
"""
_MOVES = """
    SELECT id, item, ordinal, debit, credit, amount FROM transfers WHERE id > ? ORDER BY id
"""
_JOURNALS = """
    SELECT controller, epoch, through_seq, head_hash, gap_seq FROM journals
    ORDER BY opened_ms, controller, epoch
"""
_EVENTS = """
    SELECT hash, body FROM events WHERE controller = ? AND epoch = ? AND seq > ? ORDER BY seq
"""
_RIGHTS = """
    SELECT account, controller, epoch, granted_minor, spent_minor, released_minor,
        taken_in_minor, unbacked_minor, forfeited_minor
    FROM allowances ORDER BY account, controller, epoch
"""
_CONTROLLERS = "SELECT id, state, epoch FROM controllers"
_HOLDS = "SELECT account, sum(minor) FROM usage_holds GROUP BY account"
_GAPS = "SELECT controller, subject FROM alarms WHERE code = 303 AND cleared_ms IS NULL"
