"""The power of a hub goes while controllers report: what it acked and granted is booked.

An ack lets a controller forget its rows one day, and a grant is money: neither may go out
before the disk has what it says, whatever the power cut takes.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass

import pytest
from cuts import IMAGES, Cut, Looks, plain_cuts, scattered_cuts
from desk import Desk, card_of
from quick_disk import quick_folder

from hub.charging.audit import audit_charging
from hub.ledger.verify import verify_book
from hub.store.engine import open_store
from simulator.disk.recorder import recording
from simulator.disk.steps import Tape
from wire import topics

NAME = "pi-1"
SESSIONS = 4
EVERY = 1 if IMAGES > 1 else 12
"""A cut after so many steps; the book alone is cut after each elsewhere."""


@dataclass(frozen=True, slots=True)
class Acked:
    """A controller was told that its journal is booked up to here."""

    through_seq: int
    head_hash: str


@dataclass(frozen=True, slots=True)
class Granted:
    """A controller was told that it holds so much, ever, for an account."""

    granted_minor: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What a hub finds of it after a cut."""

    faults: tuple[str, ...]
    through_seq: int = 0
    head_hash: str = ""
    granted_minor: int = 0


def report(desk: Desk, tape: Tape) -> int:
    """Let a controller report, ask and hear; returns when it had been set up."""
    controller = desk.add_controller(NAME, "washer")
    desk.add_account("ann", 5_000)
    controller.boot()
    begun = len(tape.steps)
    for number in range(SESSIONS):
        want = controller.want(f"req_{number}", "ann", card_of("ann"), "washer", 300)
        desk.deliver(controller, topics.UP_WANT, want)
        desk.step()
        controller.start(f"ses_{number}", "ann", "washer")
        controller.wall_ms += 3_600_000
        controller.end(f"ses_{number}", "ann", "washer", (0, 100), minutes=10)
        desk.journal(controller)
        desk.step()
    return begun


def listen(desk: Desk, tape: Tape) -> None:
    """Hold the hub to each message, from the moment when it goes out."""
    send = desk.cable.send

    def witness(message) -> bool:
        went = send(message)
        for ack in desk.taken(NAME, topics.DOWN_ACK):
            tape.promise(Acked(ack.through_seq, ack.head_hash))
        for accounts in desk.taken(NAME, topics.DOWN_ACCOUNTS):
            for right in accounts.rights:
                tape.promise(Granted(right.granted_minor))
        return went

    desk.cable.send = witness


@pytest.fixture(scope="module")
def cuts() -> tuple[Tape, list[Cut]]:
    with quick_folder() as template, quick_folder() as folder:
        Desk(template).close()  # so that the copies of a new hub are there when it begins
        shutil.copytree(template, folder, dirs_exist_ok=True)
        with recording(folder) as tape, closing(Desk(folder)) as desk:
            listen(desk, tape)
            desk.add_site()
            begun = report(desk, tape)
    plain = [cut for cut in plain_cuts(tape) if cut.count % EVERY == 0]
    found = [*plain, *scattered_cuts(tape, every=EVERY)]
    return tape, [cut for cut in found if cut.count > begun]


def look(folder) -> Kept:
    with closing(open_store(str(folder / "hub.db"))) as store:
        store.writing.connect().close()
        with store.read() as sql:
            faults = (*verify_book(sql), *audit_charging(sql))
            journals = sql.exec_driver_sql("SELECT through_seq, head_hash FROM journals").all()
            granted = sql.exec_driver_sql("SELECT sum(granted_minor) FROM allowances").scalar()
    through_seq, head = journals[0] if journals else (0, "")
    return Kept(faults, through_seq, head, granted or 0)


def test_much_was_promised(cuts):
    tape, _ = cuts
    acked = [said.through_seq for _, said in tape.promises if isinstance(said, Acked)]
    granted = [said.granted_minor for _, said in tape.promises if isinstance(said, Granted)]

    assert acked[-1] == 1 + 2 * SESSIONS
    assert granted[-1] >= 300


def test_no_ack_and_no_grant_runs_ahead_of_the_disk(cuts):
    tape, tried = cuts
    looks = Looks(look)
    for cut in tried:
        kept = looks.at(cut)
        said = [said for at, said in tape.promises if at <= cut.count]
        acks = [ack for ack in said if isinstance(ack, Acked)]
        grants = [grant.granted_minor for grant in said if isinstance(grant, Granted)]
        where = f"after {cut.count} steps, {cut.loss}"
        assert not kept.faults, where
        assert kept.through_seq >= max((ack.through_seq for ack in acks), default=0), where
        assert kept.granted_minor >= max(grants, default=0), where
        for ack in acks:
            assert ack.through_seq < kept.through_seq or ack.head_hash == kept.head_hash, where
