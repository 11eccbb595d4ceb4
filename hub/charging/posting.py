"""Writes a stretch of one journal: events, movements, sessions, totals, alarms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import msgspec
from sqlalchemy import TextClause, bindparam, insert, select, text

from hub.charging import booking, lot_rows, tariffs
from hub.charging.allowances import Totals, load_totals, save_totals
from hub.charging.backing_sql import load_backings, save_backings
from hub.charging.booking import session_keys
from hub.charging.booking_plan import Journal, Payer, Plan, SessionRow, alarm
from hub.charging.bulk import insert_rows
from hub.charging.cash_holdings import holdings_of, save_holdings, units_named
from hub.charging.code_booking import codes_of, cut_before_gifts, give_promised
from hub.charging.code_rows import save_redeemed
from hub.errors import StoreError
from hub.fleet.alarms import Matter, clear_alarm, raise_alarm
from hub.fleet.controllers import Controller
from hub.ledger.accounts import kind_of
from hub.ledger.items import Booked, Item, Transfer
from hub.ledger.writer import Tx
from hub.people import spending, taps
from hub.settings import read_settings
from hub.store.failures import UnluckyError
from hub.store.rows import encode_rows, from_values
from hub.store.tables import charging, fleet, people
from wire.errors import Code
from wire.events import (
    AnyEvent,
    CashTaken,
    CodeRedeemed,
    Released,
    SessionEnded,
    SessionFacts,
    UnknownEvent,
    VendOutcome,
)
from wire.ids import is_name
from wire.machines import Machine

MALFORMED = "malformed"
"""Kind under which an event is kept that can't be read."""
PLACEHOLDER_BYTES = 13
"""26 hex digits: as long as the ids that hubs make."""
MACHINES_DECODED_MAX = 4_096
ANNOUNCED_MAX = 100
"""Sessions of one stretch that live pages are told of one by one."""
_MOVING = (Released, CashTaken, CodeRedeemed)
_CHARGES = ("session", "hold")
"""Kinds of items by which a session can lead to overrun: its charge, and what of other
rights it took that must be held anew."""


_EVENT_COLUMNS = tuple(column.name for column in charging.events.columns)
_SESSION_COLUMNS = tuple(column.name for column in charging.sessions.columns)
_session_values = itemgetter(*_SESSION_COLUMNS)
_UNITS = select(
    people.accounts.c.id, people.accounts.c.unit, lot_rows.has_lots(people.accounts.c.id)
).where(people.accounts.c.id.in_(bindparam("wanted", expanding=True)))
_STANDING = select(fleet.sites.c.standing_minor).where(fleet.sites.c.id == bindparam("site"))
_MACHINES = select(fleet.machines.c.id, fleet.machines.c.definition).where(
    fleet.machines.c.controller == bindparam("controller")
)
_MEMBERS = select(people.cards.c.card_ref, people.cards.c.account, people.cards.c.member).where(
    people.cards.c.card_ref.in_(bindparam("wanted", expanding=True)),
    people.cards.c.member.is_not(None),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a journal.

    Attributes:
        seq: Its place.
        raw: Its bytes.
        hash: Chain hash after it, hex.
        event: Decoded; None: it can't be read.
        fault: Why it can't.
    """

    seq: int
    raw: bytes
    hash: str
    event: AnyEvent | UnknownEvent | None
    fault: str = ""

    @property
    def kind(self) -> str:
        """Its kind, as kept."""
        if self.event is None:
            return MALFORMED
        if isinstance(self.event, UnknownEvent):
            return self.event.kind
        return str(self.event.__struct_config__.tag)


def post_entries(tx: Tx, controller: Controller, epoch: str, entries: tuple[Entry, ...]) -> None:
    """Book the next entries of a journal. Each is booked exactly once: the caller checked.

    Raises:
        StoreError: The book refused a fact, which no fact can cause: the hub is broken.
        UnluckyError: The same, where another hub may have changed what was read.
    """
    place = (controller.id, epoch)
    for stretch in cut_before_gifts(tx, place, entries):
        give_promised(tx, place, stretch[0])
        _post_stretch(tx, controller, epoch, stretch)


def _post_stretch(tx: Tx, controller: Controller, epoch: str, entries: tuple[Entry, ...]) -> None:
    _keep_events(tx, controller.id, epoch, entries)
    journal = _journal(tx, controller, epoch, entries)
    plan = Plan()
    for entry in entries:
        if entry.event is None:
            words = f"event {entry.seq} can't be read and is kept: {entry.fault}"
            alarm(plan, journal, Code.BODY_MALFORMED, "", words)
        else:
            booking.plan_event(journal, plan, entry.event)
    _post_items(tx, journal, plan)
    _keep_sessions(tx, plan)
    save_totals(tx, controller.id, epoch, journal.totals)
    save_backings(tx, journal.backings)
    spending.note(tx, plan.spends)
    taps.note(tx, (controller.id, epoch), [entry.event for entry in entries])
    save_redeemed(tx, controller.id, plan.codes)
    save_holdings(tx, journal.holdings)
    _tell(tx, controller.id, plan)


def _keep_events(tx: Tx, controller: str, epoch: str, entries: tuple[Entry, ...]) -> None:
    rows = [
        (controller, epoch, entry.seq, entry.kind, entry.hash, entry.raw, tx.now_ms)
        for entry in entries
    ]
    insert_rows(tx.connection, "events", _EVENT_COLUMNS, rows)


def _journal(tx: Tx, controller: Controller, epoch: str, entries: tuple[Entry, ...]) -> Journal:
    """Load what planning must know, a statement for each table."""
    found = [entry.event for entry in entries]
    facts = [event for event in found if isinstance(event, SessionFacts)]
    moving = [event for event in found if isinstance(event, _MOVING)]
    vended = {event.session for event in found if isinstance(event, VendOutcome) and event.late}
    named = {event.account for event in facts} | {event.account for event in moving}
    payers, with_lots = _payers(tx, controller.id, named)
    paid = {event.account for event in facts if isinstance(event, SessionEnded)}
    paid |= {event.account for event in moving}
    accounts = {payers[account].account for account in paid}
    versions = {
        (event.tariff, event.tariff_version) for event in facts if isinstance(event, SessionEnded)
    }
    # Before the totals: on PostgreSQL their rows are locked in this order.
    behind = load_backings(tx, with_lots & accounts, controller.id) if with_lots else {}
    return Journal(
        controller=controller.id,
        epoch=epoch,
        has_acceptor=controller.has_acceptor,
        keeps_standing=tx.connection.execute(_STANDING, {"site": controller.site}).scalar() != 0,
        now_ms=tx.now_ms,
        payers=payers,
        totals=_totals(tx, controller.id, epoch, accounts),
        tariffs=tariffs.find_versions(tx.connection, versions) if versions else {},
        machines=_machines(tx, controller.id) if facts else {},
        members=_members(tx, {event.card for event in facts}) if facts else {},
        sessions=_sessions(tx, controller.id, epoch, vended | {event.session for event in facts}),
        backings=behind,
        codes=codes_of(tx, (controller.id, epoch), entries),
        holdings=holdings_of(tx, (controller.id, epoch), found),
        units=units_named(tx.connection, found),
    )


def _totals(tx: Tx, controller: str, epoch: str, accounts: set[str]) -> dict[str, Totals]:
    return load_totals(tx.connection, controller, epoch, accounts, make=True) if accounts else {}


def _payers(tx: Tx, controller: str, reported: Iterable[str]) -> tuple[dict[str, Payer], set[str]]:
    """Whose money moves, and which of them have lots.

    An account that isn't known gets a blocked one in its place.
    """
    keys = {account: _account_key(account) for account in reported}
    if not keys:
        return {}, set()
    rows = tx.connection.execute(_UNITS, {"wanted": sorted(set(keys.values()))}).all()
    units = {row.id: row.unit for row in rows}
    for key in sorted(set(keys.values()) - set(units)):
        units[key] = _open_placeholder(tx, controller, key)
    payers = {account: Payer(key, units[key]) for account, key in keys.items()}
    return payers, {row.id for row in rows if row.has_lots}


def _account_key(reported: str) -> str:
    if is_name(reported):
        return reported
    digest = hashlib.blake2b(reported.encode(), digest_size=PLACEHOLDER_BYTES)
    return f"acc_{digest.hexdigest()}"


def _open_placeholder(tx: Tx, controller: str, account: str) -> str:
    unit = read_settings(tx.connection).unit.code
    tx.connection.execute(
        insert(people.accounts).values(
            id=account,
            name=f"unknown, reported by {controller}",
            unit=unit,
            state="blocked",
            created_ms=tx.now_ms,
        )
    )
    words = f"{controller} reported facts of {account}, which isn't known: it was opened, blocked"
    raise_alarm(
        tx,
        Matter(code=Code.ACCOUNT_UNKNOWN, controller=controller, subject=account, detail=words),
    )
    return unit


def _members(tx: Tx, card_refs: set[str]) -> dict[str, tuple[str, str]]:
    """Cards of organisations' members: account and member of each."""
    rows = tx.connection.execute(_MEMBERS, {"wanted": sorted(card_refs)})
    return {row.card_ref: (row.account, row.member) for row in rows}


def _machines(tx: Tx, controller: str) -> dict[str, Machine]:
    rows = tx.connection.execute(_MACHINES, {"controller": controller})
    return {row.id: _machine(row.definition) for row in rows}


@lru_cache(maxsize=MACHINES_DECODED_MAX)
def _machine(definition: str) -> Machine:
    return msgspec.json.decode(definition, type=Machine)


def _sessions(tx: Tx, controller: str, epoch: str, named: set[str]) -> dict[str, SessionRow]:
    if not named:
        return {}
    keys = [key for session in named for key in session_keys(controller, epoch, session)]
    statement = _sessions_of(tx.connection.dialect.name)
    rows = tx.connection.execute(statement, {"wanted": encode_rows(sorted(keys))})
    return {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001 a public name of SQLAlchemy


@lru_cache(maxsize=4)
def _sessions_of(dialect: str) -> TextClause:
    """Sessions by id: a hundred at once, so they travel as one parameter."""
    return text(
        f"SELECT s.* FROM {from_values(dialect, 'wanted')} "  # noqa: S608 our own names
        "JOIN sessions AS s ON s.id = r.value"
    )


def _post_items(tx: Tx, journal: Journal, plan: Plan) -> None:
    if not plan.items:
        return
    tx.book.load(item for _, item in plan.items)
    for seq, item in plan.items:
        transfers = _post(tx, journal, plan, (seq, item))
        row = plan.sessions.get(item.ref)
        if row is not None and item.kind in _CHARGES:
            over = sum(
                transfer.amount_minor
                for transfer in transfers
                if kind_of(transfer.debit) == "overrun"
            )
            _note_overrun(row, over)


def _note_overrun(row: SessionRow, minor: int) -> None:
    """Note what of a charge is beyond all rights: at most what wasn't backed by one."""
    row["overrun_minor"] += minor
    short = row["overrun_minor"] - row["unbacked_minor"]
    if short > 0:
        # A lot was held for it that doesn't pay for this machine any more.
        row["backed_minor"] -= short
        row["unbacked_minor"] += short


def _post(tx: Tx, journal: Journal, plan: Plan, planned: tuple[int, Item]) -> tuple[Transfer, ...]:
    seq, item = planned
    outcome = tx.book.post(item)
    if not isinstance(outcome, Booked):
        # Each event is booked once, so another movement has this id: both are facts.
        other = f"{item.id}@{journal.controller}/{journal.epoch}/{seq}"
        words = f"{item.id} exists already: booked as {other}"
        alarm(plan, journal, Code.ID_CONFLICT, item.id, words)
        outcome = tx.book.post(msgspec.structs.replace(item, id=other))
    if not isinstance(outcome, Booked):
        words = f"the book refuses a fact of {journal.controller}: {outcome}"
        if tx.connection.dialect.name == "sqlite":
            raise StoreError(words)
        # Another hub gave a first lot since we saw that there is none: look again.
        raise UnluckyError(words)
    return outcome.transfers


def _keep_sessions(tx: Tx, plan: Plan) -> None:
    rows = [_session_values(row) for row in plan.sessions.values()]
    insert_rows(tx.connection, "sessions", _SESSION_COLUMNS, rows, ("id",))


def _tell(tx: Tx, controller: str, plan: Plan) -> None:
    for matter in plan.alarms.values():
        raise_alarm(tx, matter)
    for code, subject in plan.cleared:
        clear_alarm(tx, code, controller, subject)
    for account in plan.accounts:
        tx.touch("account", account)
    for session in list(plan.sessions)[:ANNOUNCED_MAX]:
        tx.touch("session", session)
