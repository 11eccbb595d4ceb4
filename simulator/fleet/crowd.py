"""A hub that knows a fleet, made without the exchanges that enrolment takes.

Each controller has a machine, and a person with a card and money who uses it. Sites
have as many controllers as large sites do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hub.bootstrap import build_hub
from hub.charging import tariffs
from hub.charging.refresh import refresh_accounts
from hub.config import load_config
from hub.fleet import configuration, controllers, machines, sites
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.ledger.writer import Tx
from hub.mqtt_link import NoLink
from hub.people import accounts, card_list, cards
from hub.people.accounts import Terms
from hub.store.tables import fleet
from simulator.benchmarks.light_fleet import HOURS_BACK_MS, TARIFF
from simulator.light_controller import LightController
from simulator.system.programs import program, run_command
from wire.machines import Machine

CONTROLLERS_PER_SITE = 50
KNOWN_AT_ONCE = 100
"""Controllers in one transaction."""
WALLET_MINOR = 100_000
"""More than anybody spends here, so that nobody's floor changes and no card is listed anew."""

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A hub's folder, and controllers that it knows.

    Attributes:
        data: The folder.
        voices: The controllers, with empty journals.
    """

    data: Path
    voices: tuple[LightController, ...]


def prepare_crowd(data: Path, count: int, mqtt_port: int, progress: Progress) -> Crowd:
    """Make a hub in an empty folder, and the fleet that it knows.

    Args:
        data: The folder; made when it's missing.
        count: How many controllers.
        mqtt_port: Where the broker is on loopback.
        progress: Told how far it is.
    """
    data.mkdir(parents=True, exist_ok=True)
    (data / "hub.toml").write_text(f"[mqtt]\nport = {mqtt_port}\n")
    run_command([program("standpipe-hub"), "init", "--data", str(data), "--unit", "EUR", "--json"])
    hub = build_hub(load_config(data), link=NoLink())
    hub.writer.start()
    try:
        began_ms = hub.clock.now().wall_ms - HOURS_BACK_MS
        voices = tuple(_voice(number, began_ms) for number in range(count))
        hub.writer.run(lambda tx: tariffs.add_version(tx, TARIFF))
        for number in range(-(-count // CONTROLLERS_PER_SITE)):
            hub.writer.run(partial(_add_site, site=_site(number)))
        for first in range(0, count, KNOWN_AT_ONCE):
            some = voices[first : first + KNOWN_AT_ONCE]
            hub.writer.run(partial(_know, first=first, voices=some))
            progress(min(first + KNOWN_AT_ONCE, count), count)
        with hub.store.read() as connection:
            revision = card_list.last_revision(connection)
    finally:
        hub.close()
    for voice in voices:
        voice.list_revision = revision  # as if the list had come
    return Crowd(data, voices)


def machine_of(controller: str) -> str:
    """The machine at a controller."""
    return f"{controller}-machine"


def account_of(controller: str) -> str:
    """Who uses it."""
    return f"{controller}-person"


def card_of(account: str) -> str:
    """Reference of an account's card."""
    return account.encode().hex().ljust(32, "0")[-32:]


def _site(number: int) -> str:
    return f"site-{number:03d}"


def _voice(number: int, began_ms: int) -> LightController:
    name = f"light-{number:05d}"
    return LightController(name, name.encode().ljust(32, b"-"), f"epo_{name}", began_ms)


def _add_site(tx: Tx, site: str) -> None:
    sites.add_site(tx, sites.Site(id=site))


def _know(tx: Tx, first: int, voices: Sequence[LightController]) -> None:
    for number, voice in enumerate(voices, first):
        name, account = voice.name, account_of(voice.name)
        controllers.add_controller(tx, name, _site(number // CONTROLLERS_PER_SITE))
        tx.connection.execute(
            fleet.controllers.update()
            .where(fleet.controllers.c.id == name)
            .values(state="active", public_key=voice.signer.public)
        )
        machine = Machine(id=machine_of(name), name=name, tariff=TARIFF.id)
        machines.put_machine(tx, name, machine)
        configuration.refresh_config(tx, name)
        accounts.open_account(tx, account, "EUR", Terms(tariffs={}, permissions={}))
        cards.link_card(tx, f"crd-{name}", account, card_of(account), level=1)
        wallet = chart.wallet(account, "EUR")
        paid = Move(chart.clearing("fleet", "EUR"), wallet, WALLET_MINOR)
        tx.book.must_post(Item(id=f"paid-{account}", unit="EUR", kind="top_up", legs=(paid,)))
    tx.book.flush()
    # Now, and not when the hub starts: floors follow wallets, and lists follow floors.
    refresh_accounts(tx, [account_of(voice.name) for voice in voices])
