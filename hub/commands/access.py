"""How a command reaches the hub: its database while it is stopped, its API while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import msgspec
from sqlalchemy import Connection

from hub.bootstrap import Hub, build_hub
from hub.config import DATABASE_FILE, load_config
from hub.errors import ConfigError, ConflictError, InputError
from hub.ledger.writer import Tx
from hub.mqtt_link import NoLink
from hub.store import migrations
from hub.store.engine import open_store
from hub.store.lock import writing_turn
from wire.money import Unit

CALLER = "cli"
"""Who is named as the maker of what is written directly."""
TIMEOUT_S = 15.0
SILENCE_S = 20.0
"""A live stream beats every 5 s: after four missed ones the hub is gone."""
T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works.

    Attributes:
        data: The hub's data directory.
        database: SQLAlchemy URL; empty: as the directory's `hub.toml` says.
        hub: Address of a running hub; empty: directly on the database.
        key: API key for it.
    """

    data: Path
    database: str = ""
    hub: str = ""
    key: str = ""


@contextmanager
def direct(place: Place) -> Iterator[Hub]:
    """The hub's services on its database, while no hub runs on it.

    Raises:
        ConfigError: A hub runs on it, or it was never initialised.
    """
    config = load_config(place.data, {"database": place.database or None})
    with writing_turn(place.data, shared=config.is_shared):
        hub = build_hub(config, link=NoLink())
        hub.writer.start()
        try:
            yield hub
        finally:
            hub.close()


@contextmanager
def reading(data: Path, database: str) -> Iterator[Connection]:
    """A connection that can't write and sees one moment, also while the hub runs.

    Args:
        data: The hub's directory.
        database: Database URL; empty: as `hub.toml` says.

    Raises:
        ConfigError: There is no hub, or its schema isn't this version's.
        StoreError: The database can't be read.
    """
    config = load_config(data, {"database": database or None})
    if not config.database and not (data / DATABASE_FILE).exists():
        raise ConfigError(f"there is no hub in {data}: run standpipe-hub init, or name it")
    store = open_store(config.database_url)
    try:
        migrations.check_current(store)
        with store.read() as connection:
            yield connection
    finally:
        store.close()


@contextmanager
def progress_bar(words: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far a long work is; gives what to tell (done, of all)."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)


def write_directly(place: Place, job: Callable[[Hub, Tx], T]) -> T:
    """Run one job on the database.

    Raises:
        HubError: As the job and `direct`.
    """
    with direct(place) as hub:
        return hub.writer.run(lambda tx: job(hub, tx))


class Api:
    """A running hub's API with a key.

    Args:
        place: Where; with `hub` and `key`.
    """

    def __init__(self, place: Place) -> None:
        if not place.key:
            raise InputError("a running hub needs an API key: --key sp_…")
        self._client = httpx.Client(
            base_url=f"{place.hub.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {place.key}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int) -> Json:
        """Read.

        Raises:
            HubError: The hub says no, or can't be reached.
        """
        return self._send("GET", path, params=query)

    def post(self, path: str, body: Json, key: str | None = None) -> Json:
        """Write; `key` is the Idempotency-Key of what moves money. Raises as `get`."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._send("POST", path, json=body, headers=headers)

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[str]]:
        """Follow a live stream, line by line.

        Raises:
            HubError: The hub says no, or went away.
        """
        timeout = httpx.Timeout(TIMEOUT_S, read=SILENCE_S)
        try:
            with self._client.stream("GET", path, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise ConflictError(_detail(answer))
                yield answer.iter_lines()
        except httpx.TransportError as error:
            raise ConfigError(f"no hub answers at {self._client.base_url}: {error}") from None

    def _send(self, method: str, path: str, **options: Any) -> Json:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise ConfigError(f"no hub answers at {self._client.base_url}: {error}") from None
        if answer.is_success:
            decoded: Json = msgspec.json.decode(answer.content)
            return decoded
        raise ConflictError(_detail(answer))


def say(error: Exception) -> int:
    """Print an error in words and give the exit code of a command that failed."""
    print(f"standpipe-hub: {error}", file=sys.stderr)
    return 1


def print_json(value: Any) -> None:
    """Print JSON for programs."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def moment(wall_ms: object, missing: str = "") -> str:
    """A wall time for people, in UTC; None: `missing`."""
    if not isinstance(wall_ms, int):
        return missing
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _detail(answer: httpx.Response) -> str:
    try:
        problem: Json = msgspec.json.decode(answer.content)
        return str(problem["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"the hub answered {answer.status_code}"


def unit_at(api: Api, code: str) -> Unit:
    """A unit as a running hub knows it.

    Raises:
        HubError: The hub says no, or can't be reached.
    """
    return msgspec.convert(api.get(f"/units/{code}"), Unit)
