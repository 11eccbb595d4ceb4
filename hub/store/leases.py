"""Leases: which of several hubs on one database does what, and until when.

A lease is a row: a name, its holder, when it runs out, and a number that rises each time
it changes hands. Partitions of controllers have one each (`p00` … `p63`), and so has
each job that only one hub may do at a time (`job:…`).

A lease that was had a moment ago may be another's by now: its holder slept, or its clock
is wrong. So whoever works under a lease calls `guard` in the transaction that does the
work. It compares the number, and keeps the lease from changing hands before that
transaction ends. A job that takes several transactions goes like this:

    lease = writer.run(lambda tx: take(tx.connection, "job:close", hub.instance, tx.now_ms))
    if lease is None:
        return  # another hub is at it
    for step in steps:
        writer.run(lambda tx: (guard(tx.connection, lease, tx.now_ms), step(tx)))
    writer.run(lambda tx: release(tx.connection, lease))

A step that takes long calls `renew` between. With one transaction, `take` alone is enough:
it holds the row to the end, and the lease stands until it runs out, so nobody does the same
again before.

Hubs' clocks differ, so on a server its clock counts, and the times given here only where
one process has the database to itself (SQLite). There whatever an earlier process held is
free at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Connection, Row, bindparam, cast, func, select, text, update

from hub.errors import StoreError
from hub.store.tables.cluster import leases

LEASE_MS = 15_000
"""How long a lease stands without being renewed: longer than any pause of a hub that lives
(a commit to a slow disk, a snapshot of its machine), and no longer than people at a machine
should wait for another hub."""

_HELD = select(leases).where(leases.c.name == bindparam("wanted"))
_LOCKED = (
    select(leases)
    .where(leases.c.name.in_(bindparam("wanted", expanding=True)))
    .order_by(leases.c.name)
    .with_for_update()
)
_CLOCK = cast(func.extract("epoch", func.clock_timestamp()) * 1_000, BigInteger)
"""A server's own clock, in ms."""
_GUARDED = _HELD.add_columns(_CLOCK.label("now_ms")).with_for_update(read=True)
_PUT = (
    update(leases)
    .where(leases.c.name == bindparam("wanted"))
    .values(holder=bindparam("by"), fence=bindparam("number"), expires_ms=bindparam("until"))
)
_MAKE = text("INSERT INTO leases (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
_SERVER_MS = select(_CLOCK)


class LeaseLostError(StoreError):
    """Raised when a lease is another's by now, or ran out: nothing may be done under it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it stands.

    Attributes:
        name: Of what.
        holder: Which hub's; empty: nobody's.
        fence: Rises with each new holder; 0: nobody had it yet.
        expires_ms: From then on anybody may take it.
    """

    name: str
    holder: str = ""
    fence: int = 0
    expires_ms: int = 0


def taken_over(
    row: Lease, holder: str, now_ms: int, ttl_ms: int, *, alone: bool = False
) -> Lease | None:
    """What becomes of a lease that a hub wants; None: it is another's.

    Args:
        row: As it stands.
        holder: Who wants it.
        now_ms: Now.
        ttl_ms: For how long.
        alone: Whether no other process can hold anything.
    """
    stands = now_ms < row.expires_ms
    if stands and row.holder == holder:
        return replace(row, expires_ms=max(row.expires_ms, now_ms + ttl_ms))
    if stands and row.holder and not alone:
        return None
    return Lease(row.name, holder, row.fence + 1, now_ms + ttl_ms)


def is_held(row: Lease, lease: Lease, now_ms: int) -> bool:
    """Whether a hub still has what it was given.

    Args:
        row: As it stands.
        lease: As it was given.
        now_ms: Now.
    """
    same = row.holder == lease.holder and row.fence == lease.fence
    return same and now_ms < row.expires_ms


def take(
    connection: Connection, name: str, holder: str, now_ms: int, ttl_ms: int = LEASE_MS
) -> Lease | None:
    """Take a lease, or prolong one's own; None: another hub has it.

    Args:
        connection: In a transaction that may write.
        name: Of what.
        holder: Id of this hub's run: `Hub.instance`.
        now_ms: The transaction's time.
        ttl_ms: For how long.
    """
    return next(iter(take_all(connection, (name,), holder, now_ms, ttl_ms)), None)


def take_all(
    connection: Connection, names: Iterable[str], holder: str, now_ms: int, ttl_ms: int = LEASE_MS
) -> list[Lease]:
    """Take those of these leases that are free or one's own, as `take`; in order of names."""
    rows = _lock(connection, names)
    now_ms = time_of(connection, now_ms)
    alone = connection.dialect.name == "sqlite"
    wanted = (taken_over(row, holder, now_ms, ttl_ms, alone=alone) for row in rows)
    return _put(connection, [lease for lease in wanted if lease is not None])


def renew_all(
    connection: Connection, held: Iterable[Lease], now_ms: int, ttl_ms: int = LEASE_MS
) -> list[Lease]:
    """Prolong those of these leases that are still as they were given.

    A lease that ran out isn't prolonged: `take` gives it again, under another number.
    """
    mine = {lease.name: lease for lease in held}
    rows = _lock(connection, mine)
    now_ms = time_of(connection, now_ms)
    good = [row for row in rows if is_held(row, mine[row.name], now_ms)]
    return _put(connection, [replace(row, expires_ms=now_ms + ttl_ms) for row in good])


def renew(
    connection: Connection, lease: Lease, now_ms: int, ttl_ms: int = LEASE_MS
) -> Lease | None:
    """Prolong a lease; None: it is another's by now, or ran out."""
    return next(iter(renew_all(connection, (lease,), now_ms, ttl_ms)), None)


def release_all(connection: Connection, held: Iterable[Lease]) -> None:
    """Give leases back; those that are another's by now stay so."""
    mine = {lease.name: lease for lease in held}
    rows = _lock(connection, mine)
    ended = [row for row in rows if is_held(row, mine[row.name], 0)]
    _put(connection, [replace(row, holder="", expires_ms=0) for row in ended])


def release(connection: Connection, lease: Lease) -> None:
    """Give a lease back; nothing happens if it is another's by now."""
    release_all(connection, (lease,))


def guard(connection: Connection, lease: Lease, now_ms: int) -> None:
    """Let this transaction do what only the holder of a lease may do.

    On a server the lease can't change hands before the transaction ends.

    Raises:
        LeaseLostError: It is another's by now, or ran out; do nothing.
    """
    # The statement waits while the lease changes hands, so what it reads is how it stands then.
    is_server = connection.dialect.name != "sqlite"
    row = connection.execute(_GUARDED if is_server else _HELD, {"wanted": lease.name}).first()
    if row is not None and is_server:
        now_ms = row.now_ms
    if row is None or not is_held(_lease(row), lease, now_ms):
        raise LeaseLostError(
            f"{lease.name} isn't held any more under number {lease.fence}: nothing was done"
        )


def all_leases(connection: Connection, names: Iterable[str]) -> list[Lease]:
    """Leases as they stand, in order of names; those never taken are nobody's."""
    wanted = sorted(set(names))
    query = select(leases).where(leases.c.name.in_(wanted))
    found = {row.name: _lease(row) for row in connection.execute(query)}
    return [found.get(name, Lease(name)) for name in wanted]


def time_of(connection: Connection, own_ms: int) -> int:
    """The time that counts for leases: a server's own, or else the given one."""
    if connection.dialect.name == "sqlite":
        return own_ms
    return int(connection.execute(_SERVER_MS).scalar_one())


def _lock(connection: Connection, names: Iterable[str]) -> list[Lease]:
    wanted = sorted(set(names))
    if not wanted:
        return []
    rows = connection.execute(_LOCKED, {"wanted": wanted}).all()
    missing = [name for name in wanted if name not in {row.name for row in rows}]
    if missing:
        connection.execute(_MAKE, [{"name": name} for name in missing])
        rows = connection.execute(_LOCKED, {"wanted": wanted}).all()
    return [_lease(row) for row in rows]


def _put(connection: Connection, wanted: list[Lease]) -> list[Lease]:
    rows = [
        {
            "wanted": lease.name,
            "by": lease.holder,
            "number": lease.fence,
            "until": lease.expires_ms,
        }
        for lease in wanted
    ]
    if rows:
        connection.execute(_PUT, rows)
    return wanted


def _lease(row: Row[tuple[object, ...]]) -> Lease:
    return Lease(row.name, row.holder, row.fence, row.expires_ms)
