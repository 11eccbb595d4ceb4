"""Whether all has come together again: what is still missing, in words."""

from __future__ import annotations

from collections.abc import Iterator

from hub.ledger.writer import Tx
from simulator.trials.office import Office
from simulator.trials.stage import FaultStage

_HELD = """
    SELECT held.controller, held.account FROM allowances AS held
    JOIN controllers ON controllers.id = held.controller AND controllers.epoch = held.epoch
    JOIN sites ON sites.id = controllers.site
    WHERE held.granted_minor + held.taken_in_minor - held.spent_minor - held.released_minor
            - held.forfeited_minor > sites.standing_minor
        AND NOT EXISTS (
            SELECT 1 FROM sessions WHERE sessions.account = held.account
                AND sessions.controller = held.controller AND sessions.state = 'running')
    ORDER BY held.controller, held.account
"""
_NOT_ACTIVE = "SELECT id, state FROM controllers WHERE state <> 'active' ORDER BY id"
_OWN_FAULTS = "SELECT subject, detail FROM alarms WHERE code = 607 AND cleared_ms IS NULL"
_BEHIND = """
    SELECT id FROM controllers WHERE reported_config < config_version
        OR held_revision < (
            SELECT max(revision) FROM floors_sent
            WHERE floors_sent.controller = controllers.id AND floors_sent.epoch = controllers.epoch)
    ORDER BY id
"""


def missing(stage: FaultStage, office: Office) -> Iterator[str]:
    """What keeps a run from being over; nothing: it may end."""
    if office.running or office.counter.open:
        yield f"{office.running} people and {office.counter.open} requests are still under way"
    if not stage.hub.is_up:
        yield "the hub is down"
        return
    for name, host in sorted(stage.controllers.items()):
        if not host.is_up or host.alarm:
            yield f"{name} authorises nothing ({host.alarm})"
        elif host.unsent:
            yield f"{name} has {host.unsent} events that the hub hasn't acknowledged"
    found = office.counter.look(_look)
    yield from ("the hub doesn't answer",) if found is None else found


def _look(tx: Tx) -> list[str]:
    def rows(sql: str) -> list[tuple[str, ...]]:
        return [tuple(row) for row in tx.connection.exec_driver_sql(sql)]

    return [
        *(f"the hub tells of a fault of its own: {' '.join(row)}" for row in rows(_OWN_FAULTS)),
        *(f"{name} is {state}" for name, state in rows(_NOT_ACTIVE)),
        *(f"{name} holds rights or a configuration of before" for (name,) in rows(_BEHIND)),
        *(f"{name} holds money of {account} for nobody" for name, account in rows(_HELD)),
    ]
