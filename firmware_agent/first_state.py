"""What a start begins from: what the controller's file says, and what was kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from firmware_agent.config import AgentConfig
from firmware_agent.core.controller import step
from firmware_agent.core.inputs import ConfigCame
from firmware_agent.core.metering import NO_BOUNDS, Bounds
from firmware_agent.core.model import (
    CodeTries,
    ControllerState,
    MachineState,
    Moment,
    ReaderState,
    Wiring,
)
from firmware_agent.errors import StoreCorrupt
from firmware_agent.hub_side import CONFIG_DOCUMENT, HUB_KEYS_DOCUMENT
from firmware_agent.identity import Identity
from firmware_agent.machine_side import Pace
from firmware_agent.records import Records
from hardware.specs import MeterSpec
from wire.codec import decode_event
from wire.envelope import unseal
from wire.errors import WireError
from wire.keys import HUB, Verifier
from wire.machines import Config
from wire.succession import follow

T = TypeVar("T")
_log = logging.getLogger(__name__)


def first_state(
    config: AgentConfig, records: Records, identity: Identity, pace: Pace, moment: Moment
) -> ControllerState:
    """The state at a start: wired, configured as stored, nothing open."""
    locked: frozenset[str] = _unless_damaged(records.locked_machines, frozenset())
    retired: dict[str, str] = _unless_damaged(records.retired_machines, {})
    state = ControllerState(
        identity.controller,
        records.journal.epoch,
        last_seq=records.journal.head_seq,
        machines={
            wiring.machine: MachineState(
                wiring,
                locked=wiring.machine in locked,
                retired=retired.get(wiring.machine, ""),
            )
            for wiring in _wirings(config)
        },
        readers={reader.id: ReaderState(reader.id) for reader in config.readers},
        accounts_revision=records.accounts_revision(),
        pace_ms=pace.running_ms,
        code_tries=CodeTries(since_ms=moment.mono_ms),
    )
    stored = _stored_config(records, identity)
    if stored is None:
        return state
    state, _ = step(state, ConfigCame(stored, journal=False), moment)
    return state


def _wirings(config: AgentConfig) -> list[Wiring]:
    readers = [machine.reader for machine in config.machines]
    return [
        Wiring(
            machine.id,
            machine.reader,
            shared=bool(machine.reader) and readers.count(machine.reader) > 1,
            meter_unit=machine.meter.unit if machine.meter is not None else None,
            has_feedback=machine.feedback is not None,
            meter_bounds=_bounds(machine.meter),
            acceptors={spec.id: spec.most_minor for spec in machine.cash},
            has_bus=machine.vend is not None,
        )
        for machine in config.machines
    ]


def _bounds(meter: MeterSpec | None) -> Bounds:
    if meter is None:
        return NO_BOUNDS
    return Bounds(meter.units_per_hour_max, meter.wraps_at)


def _stored_config(records: Records, identity: Identity) -> Config | None:
    """The configuration as received; its signature is checked again."""
    payload = _unless_damaged(lambda: records.document(CONFIG_DOCUMENT), None)
    if payload is None:
        return None
    complaint: WireError | None = None
    # It was signed when it came, perhaps with an earlier key of the hub.
    for key in reversed(hub_keys(records, identity)):
        try:
            return unseal(payload, Config, Verifier(key, HUB), identity.controller)
        except WireError as error:
            complaint = error
    _log.error("the stored configuration is unusable, waiting for another: %s", complaint)
    return None


def hub_keys(records: Records, identity: Identity) -> tuple[str, ...]:
    """The hub's keys, from the one told at enrolment to the newest that it leads to."""
    first = identity.reply.hub_public_key
    payload = records.document(HUB_KEYS_DOCUMENT)
    if payload is None:
        return (first,)
    try:
        return (first, *follow(payload, first))
    except WireError as error:
        _log.error("the stored keys of the hub are unusable, it tells them again: %s", error)
        return (first,)


def last_wall_ms(records: Records) -> int:
    """Latest time in the journal; 0: it has none that can be read."""
    try:
        rows = records.journal.rows(records.journal.head_seq, 1)
        return decode_event(rows[0].data).at.wall_ms if rows else 0
    except (StoreCorrupt, WireError):
        return 0


def _unless_damaged(read: Callable[[], T], instead: T) -> T:
    """What is stored, or something instead: the check of the file has raised the alarm."""
    try:
        return read()
    except StoreCorrupt:
        return instead
