"""`standpipe-hub init`: a new hub, once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hub.clock import SystemClock
from hub.commands.access import say
from hub.config import FILE_NAME, HubConfig, load_config
from hub.errors import ConfigError, HubError, InputError
from hub.fleet.broker_files import BrokerFiles
from hub.identity import claim
from hub.ids import RandomIds, system_entropy
from hub.keystore import SALT_FILE, SEED_FILE, make_keys
from hub.ledger.writer import Tx, Writer
from hub.people.keys import Scope, create_key
from hub.settings import is_initialised, write_settings
from hub.store import migrations
from hub.store.engine import open_store
from hub.store.lock import writing_turn
from wire.errors import AmountError
from wire.money import known_unit, parse_amount

FIRST_KEY_NAME = "first key"
UNIT_DEFAULT = "EUR"
LOSS_BUDGET_DEFAULT = "150"
_PRIVATE = 0o700


def init(data: Path, database: str, unit: str, loss_budget: str, *, as_json: bool) -> int:
    """Make a new hub and print its first API key; gives the exit code."""
    try:
        token = _init(data, database, unit, loss_budget)
    except (HubError, AmountError) as error:
        return say(error if isinstance(error, HubError) else InputError(str(error)))
    if as_json:
        print(json.dumps({"data": str(data), "token": token}))
        return 0
    print(f"The hub in {data} is ready. Its first API key, shown only now:\n\n  {token}\n")
    print(f"Keep {data} secret and backed up: its key signs everything that goes to controllers.")
    print(f"Settings go into {data / FILE_NAME}; start it with: standpipe-hub serve --data {data}")
    return 0


def _init(data: Path, database: str, unit: str, loss_budget: str) -> str:
    unit = unit or _ask("Unit of the money", UNIT_DEFAULT)
    known = known_unit(unit)
    asked = f"Loss budget in {unit}: what you accept to lose while controllers are cut off"
    budget_minor = parse_amount(loss_budget or _ask(asked, LOSS_BUDGET_DEFAULT), known)
    try:
        data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{data} can't be made: {error.strerror}") from None
    config = load_config(data, {"database": database or None})
    with writing_turn(data, shared=config.is_shared):
        store = open_store(config.database_url)
        try:
            migrations.upgrade(store)
            with store.read() as connection:
                if is_initialised(connection):
                    raise ConfigError(_already(config))
            claim(store, make_keys(data, system_entropy))
            BrokerFiles(config.broker, system_entropy).prepare(config.mqtt)
            with Writer(store, SystemClock()) as writer:
                return writer.run(lambda tx: _begin(tx, unit, budget_minor))
        finally:
            store.close()


def _already(config: HubConfig) -> str:
    if config.is_shared:
        return (
            "there is a hub in this database already: nothing was changed; for another hub on "
            f"it copy {SEED_FILE}, {SALT_FILE} and {FILE_NAME} of the first into {config.data}"
        )
    return (
        f"there is a hub in {config.data} already: nothing was changed; "
        "make further keys with standpipe-hub key"
    )


def _begin(tx: Tx, unit: str, budget_minor: int) -> str:
    write_settings(tx, unit, budget_minor)
    key_id = RandomIds(SystemClock()).new("key")
    return create_key(tx, key_id, FIRST_KEY_NAME, Scope, None, system_entropy).token


def _ask(question: str, default: str) -> str:
    if not sys.stdin.isatty():
        return default
    print(f"{question} [{default}]: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default
