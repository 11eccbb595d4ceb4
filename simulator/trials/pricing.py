"""Prices and rules that change at any time: tariffs, floors, standing rights, policies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import msgspec

from hub.charging import tariffs
from hub.fleet import machines, sites
from hub.ledger.writer import Tx
from simulator.trials.draws import happens, weighed
from simulator.trials.office import MINUTE_MS, Errand, Office, Script, Wait
from wire.machines import AtZero, HubDown, Machine
from wire.tariff import Tariff

FACTORS_PERCENT = (50, 80, 100, 120, 200)
ROUND_MS = 1_000
FLOOR_MINOR_MAX = 800
STANDING_MINOR_MAX = 600
FORTH_AND_BACK_MS_MAX = 60 * MINUTE_MS

_TARIFFS = "SELECT DISTINCT id FROM tariffs ORDER BY id"
_SITES = "SELECT id FROM sites ORDER BY id"
_MACHINES = "SELECT id FROM machines WHERE removed_ms IS NULL ORDER BY id"


def new_prices(office: Office, errand: Errand) -> Script:
    """A new version of a tariff: dearer, cheaper, with a fee, a cap, or rounded."""
    stream = errand.stream
    found = office.found(_TARIFFS, stream)
    percent = stream.choice(FACTORS_PERCENT)
    fee_micros, has_cap = stream.choice((0, 0, 100_000, 333_333)), happens(stream, 25)
    step_ms, free_ms = stream.choice((1, ROUND_MS, 60_000)), stream.choice((0, 0, 90_000))
    cap_minor = stream.randint(200, 1_500)
    if found is None:
        return
    (tariff_id,) = found
    before = office.counter.look(lambda tx: tariffs.get_latest(tx.connection, tariff_id))
    if before is None:
        return
    tariff = _dearer(before, percent)
    time = tariff.time
    if time is not None:
        time = msgspec.structs.replace(time, next=step_ms, free=free_ms)
    tariff = msgspec.structs.replace(
        tariff,
        version=before.version + 1,
        start_fee_micros=tariff.start_fee_micros if time is None else fee_micros,
        cap_minor=cap_minor + tariff.minimum_minor if has_cap else None,
        time=time,
    )
    yield errand.request("tariff", lambda tx: tariffs.add_version(tx, tariff))


def new_floors(office: Office, errand: Errand) -> Script:
    """The operator takes another risk at a site, and after a while the one of before."""
    stream = errand.stream
    found = office.found(_SITES, stream)
    floors = (
        stream.choice((0, 200, FLOOR_MINOR_MAX)),
        stream.randint(0, FLOOR_MINOR_MAX),
        stream.randint(0, FLOOR_MINOR_MAX),
    )
    pause_ms, goes_back = stream.randint(MINUTE_MS, FORTH_AND_BACK_MS_MAX), happens(stream, 60)
    if found is None:
        return
    site = office.counter.look(lambda tx: sites.get_site(tx.connection, found[0]))
    if site is None:
        return
    yield errand.request("floors", lambda tx: _change(tx, site.id, floors_minor=floors))
    if goes_back:
        yield Wait(pause_ms)
        before = site.floors_minor
        yield errand.request("floors_back", lambda tx: _change(tx, site.id, floors_minor=before))


def new_standing(office: Office, errand: Errand) -> Script:
    """Money stands ready at the controllers of a site, or no more."""
    stream = errand.stream
    found = office.found(_SITES, stream)
    minor = weighed(stream, ((0, 50), (stream.randint(1, STANDING_MINOR_MAX), 50)))
    if found is not None:
        yield errand.request(
            "standing", lambda tx: _change(tx, found[0], standing_minor=minor), minor=minor
        )


def new_policy(office: Office, errand: Errand) -> Script:
    """Controllers of a site wait, checkpoint and ask otherwise."""
    stream = errand.stream
    found = office.found(_SITES, stream)
    given = {
        "want_timeout_ms": stream.choice((500, 1_500, 3_000)),
        "checkpoint_ms": stream.choice((30_000, 120_000, 300_000)),
        "low_percent": stream.choice((10, 30, 60)),
        "batch_events_max": stream.choice((1, 10, 100)),
    }
    if found is None:
        return
    site = office.counter.look(lambda tx: sites.get_site(tx.connection, found[0]))
    if site is not None:
        policy = msgspec.structs.replace(site.policy, **given)
        yield errand.request("policy", lambda tx: _change(tx, site.id, policy=policy))


def new_manners(office: Office, errand: Errand) -> Script:
    """A machine does otherwise when the hub is down, or the money ends."""
    stream = errand.stream
    found = office.found(_MACHINES, stream)
    given = _manners(stream)
    if found is None:
        return
    placed = office.counter.look(lambda tx: machines.get_machine(tx.connection, found[0]))
    if placed is not None:
        machine = msgspec.structs.replace(placed.machine, **given)
        yield errand.request(
            "machine", lambda tx: machines.put_machine(tx, placed.controller, machine)
        )


def out_of_service(office: Office, errand: Errand) -> Script:
    """A machine is taken out of service for a while."""
    found = office.found(_MACHINES, errand.stream)
    pause_ms = errand.stream.randint(MINUTE_MS, FORTH_AND_BACK_MS_MAX)
    if found is None:
        return
    for step, why in (("machine_out", "being repaired"), ("machine_back", "")):
        placed = office.counter.look(lambda tx: machines.get_machine(tx.connection, found[0]))
        if placed is None:
            return
        machine = msgspec.structs.replace(placed.machine, out_of_service=why)
        yield errand.request(step, partial(_put, controller=placed.controller, machine=machine))
        yield Wait(pause_ms if why else 0)


def _put(tx: Tx, controller: str, machine: Machine) -> object:
    return machines.put_machine(tx, controller, machine)


def _manners(stream: Random) -> dict[str, object]:
    return {
        "hub_down": stream.choice(tuple(HubDown)),
        "at_zero": weighed(stream, ((AtZero.STOP, 60), (AtZero.PROMPT_TOP_UP, 40))),
        "want_minor": stream.choice((50, 200, 500)),
    }


def _dearer(tariff: Tariff, percent: int) -> Tariff:
    """Prices as they were, times a percentage."""

    def of(micros: int) -> int:
        return micros * percent // 100

    measures = {}
    for name in ("time", "quantity"):
        measure = getattr(tariff, name)
        if measure is not None:
            tiers = tuple(
                msgspec.structs.replace(tier, price_micros=of(tier.price_micros))
                for tier in measure.tiers
            )
            measures[name] = msgspec.structs.replace(measure, tiers=tiers)
    return msgspec.structs.replace(tariff, start_fee_micros=of(tariff.start_fee_micros), **measures)


def _change(tx: Tx, site: str, **given: object) -> object:
    """Change some of a site's rules and leave what others changed meanwhile."""
    return sites.change_site(tx, replace(sites.get_site(tx.connection, site), **given))  # type: ignore[arg-type]  # names of fields
