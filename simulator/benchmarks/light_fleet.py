"""Controllers without hardware for a hub: enrolled, with rights, and a journal to tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.bootstrap import Hub, build_hub
from hub.charging import allowances, tariffs
from hub.config import load_config
from hub.fleet import controllers, machines, sites
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.mqtt_link import NoLink
from hub.people import accounts
from hub.people.accounts import Terms
from hub.store.tables import fleet
from simulator.light_controller import MS_PER_MINUTE, LightController
from simulator.system.programs import program, run_command
from wire.events import SessionProgress
from wire.machines import Machine
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier
from wire.usage import Segment

SITE = "bench"
ACCOUNTS_EACH = 20
GRANTED_MINOR = 100_000
MINUTES = 5
EVENTS_PER_SESSION = 3
FLOOR_EVERY = 10
"""A session in ten began while the hub didn't answer, and rests on the floor."""
HOURS_BACK_MS = 400 * 3_600_000
TARIFF = Tariff(
    id="minute",
    version=1,
    name="A cent a minute",
    unit=EUR,
    time=Measure(unit="ms", per=MS_PER_MINUTE, tiers=(Tier(10_000),)),
    tax_rate_ppm=190_000,
)


@dataclass(frozen=True, slots=True)
class LightFleet:
    """A hub's folder, and controllers that it knows.

    Attributes:
        data: The folder.
        voices: The controllers, each with its journal from seq 1.
    """

    data: Path
    voices: tuple[LightController, ...]

    @property
    def events(self) -> int:
        """Events of all journals."""
        return sum(voice.last_seq for voice in self.voices)


def prepare_fleet(
    data: Path, names: Sequence[str], events_each: int, mqtt_port: int, database: str = ""
) -> LightFleet:
    """Make a hub in a folder that exists, and controllers with journals it hasn't seen.

    Args:
        data: The hub's folder.
        names: Names of the controllers.
        events_each: Events in each journal: sessions of start, checkpoint and end, backed
            but for one in `FLOOR_EVERY`.
        mqtt_port: Where the broker is on loopback.
        database: URL of an empty database; empty: SQLite in the folder.
    """
    (data / "hub.toml").write_text(
        f"database = {json.dumps(database)}\n[mqtt]\nport = {mqtt_port}\n"
    )
    run_command([program("standpipe-hub"), "init", "--data", str(data), "--unit", "EUR", "--json"])
    hub = build_hub(load_config(data), link=NoLink())
    hub.writer.start()
    try:
        hub.writer.run(lambda tx: sites.add_site(tx, sites.Site(id=SITE)))
        hub.writer.run(lambda tx: tariffs.add_version(tx, TARIFF))
        return LightFleet(data, tuple(_add(hub, name, events_each) for name in names))
    finally:
        hub.close()


def settings_with_port(data: Path, http_port: int) -> None:
    """Let the hub of a folder serve at a port."""
    path = data / "hub.toml"
    path.write_text(f"{path.read_text()}[http]\nport = {json.dumps(http_port)}\n")


def _add(hub: Hub, name: str, events_each: int) -> LightController:
    began_ms = hub.clock.now().wall_ms - HOURS_BACK_MS
    voice = LightController(name, name.encode().ljust(32, b"-"), f"epo_{name}", began_ms)
    hub.writer.run(lambda tx: _know(tx, voice))
    voice.config_version = 1  # as if the configuration had come
    voice.boot()
    number = 0
    while voice.last_seq + EVENTS_PER_SESSION <= events_each:
        number += 1
        on_floor = number % FLOOR_EVERY == 0
        account = f"{name}-{number % ACCOUNTS_EACH}"
        _session(voice, f"ses_{name}_{number}", account, on_floor=on_floor)
    while voice.last_seq < events_each:
        voice.boot()
    return voice


def _session(voice: LightController, session: str, account: str, *, on_floor: bool) -> None:
    machine = f"{voice.name}-machine"
    voice.start(session, account, machine)
    voice.wall_ms += MINUTES * MS_PER_MINUTE
    voice.append(
        SessionProgress,
        session=session,
        machine=machine,
        account=account,
        card=f"card of {account}",
        tariff="minute",
        tariff_version=1,
        started=voice.started[session],
        usage=(Segment(time_ms=MS_PER_MINUTE),),
        charge_minor=1,
    )
    shares = (0, MINUTES) if on_floor else (MINUTES, 0)
    voice.end(session, account, machine, shares, minutes=MINUTES)
    del voice.started[session]


def _know(tx: Tx, voice: LightController) -> None:
    """Enrol a controller without the exchange, and give its accounts backed rights there."""
    name = voice.name
    controllers.add_controller(tx, name, SITE)
    tx.connection.execute(
        fleet.controllers.update()
        .where(fleet.controllers.c.id == name)
        .values(state="active", public_key=voice.signer.public)
    )
    machines.put_machine(tx, name, Machine(id=f"{name}-machine", name=name, tariff="minute"))
    for number in range(ACCOUNTS_EACH):
        account = f"{name}-{number}"
        accounts.open_account(tx, account, "EUR", Terms(tariffs={}, permissions={}))
        wallet = chart.wallet(account, "EUR")
        paid = Move(chart.clearing("bench", "EUR"), wallet, 2 * GRANTED_MINOR)
        tx.book.must_post(Item(id=f"paid-{account}", unit="EUR", kind="top_up", legs=(paid,)))
        place = (account, name, voice.epoch)
        allowances.grant(tx, f"grant-{account}", place, "EUR", GRANTED_MINOR)
