"""A real hub's services on a real database, and its application over HTTP."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient
from postgres import drop_database, fresh_database

from hub.bootstrap import Hub, build_hub
from hub.config import HubConfig
from hub.ids import Entropy
from hub.keystore import make_keys
from hub.ledger.writer import Writer
from hub.mqtt_link import NoLink
from hub.people.keys import NewKey, Scope, create_key
from hub.settings import write_settings
from hub.store.engine import open_store
from hub.store.migrations import upgrade
from hub.web.app import create_app
from hub.web.limits import MINUTE_MS
from hub.web.streams import Streams
from wire.clock import ManualClock

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
ON_BOTH = frozenset(
    {
        "test_fleet",
        "test_lists",
        "test_lots",
        "test_money",
        "test_people",
        "test_sponsors",
        "test_units",
    }
)
"""Modules whose tests run on each database: what they test is SQL, money or people."""
UID = "04A1B2C3D4E5F6"
OTHER_UID = "04B1B2C3D4E5F6"


def counting_entropy(name: str) -> Entropy:
    count = 0

    def entropy(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{name} {count}".encode()).digest(length)

    return entropy


class Caller:
    """Speaks to the application with one key, as a staff program does."""

    def __init__(self, client: TestClient[Litestar], token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}
        self._posted = 0

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"/api/v1{path}", params=params, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/v1{path}", headers=self.headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(f"/api/v1{path}", json=body, headers=self.headers)

    def post(self, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = self.headers if key is None else {**self.headers, "Idempotency-Key": key}
        return self.client.post(f"/api/v1{path}", json=body, headers=headers)


def initialise(data: Path, entropy: Entropy, clock: ManualClock) -> None:
    """What `standpipe-hub init` does, with secrets that repeat."""
    make_keys(data, entropy)
    store = open_store(str(data / "hub.db"))
    upgrade(store)
    with Writer(store, clock) as writer:
        writer.run(lambda tx: write_settings(tx, "EUR", 15_000))
    store.close()


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub's directory right after `init`; the schema's steps are made once."""
    data = tmp_path_factory.mktemp("fresh")
    initialise(data, counting_entropy("init"), ManualClock())
    return data


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if "book_url" in metafunc.fixturenames and name in ON_BOTH:
        metafunc.parametrize("book_url", DATABASES, indirect=True)


@pytest.fixture
def book_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a hub keeps its book: empty for SQLite in its own folder, or a URL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres")
    url = fresh_database(server)
    yield url
    drop_database(server, url)


@pytest.fixture
def hub(tmp_path: Path, fresh: Path, book_url: str) -> Iterator[Hub]:
    entropy, clock = counting_entropy("hub"), ManualClock()
    shutil.copytree(fresh, tmp_path, dirs_exist_ok=True)
    config = HubConfig(data=tmp_path, database=book_url)
    hub = build_hub(config, clock=clock, entropy=entropy, link=NoLink(), alone=True)
    # The broker's threads have nothing to do here.
    hub.writer.start()
    yield hub
    hub.writer.close()
    hub.store.close()


@pytest.fixture
def clock(hub: Hub) -> ManualClock:
    assert isinstance(hub.clock, ManualClock)
    return hub.clock


class CurrentHub:
    """Stands for the hub of the test that runs, so that one application serves all tests.

    Building the routes takes longer than most tests. What an application keeps of its
    own (live streams, throttles) is tested with `app`, made for the test alone.
    """

    hub: Hub
    own_clock: ManualClock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.hub, name)


@pytest.fixture(scope="session")
def shared(fresh: Path) -> Iterator[tuple[CurrentHub, Litestar]]:
    current = CurrentHub()
    config = HubConfig(data=fresh)
    current.own_clock = ManualClock()
    current.hub = build_hub(
        config, clock=current.own_clock, entropy=counting_entropy("x"), link=NoLink()
    )
    yield current, create_app(current)  # type: ignore[arg-type]
    current.hub.store.close()


@pytest.fixture
def client(hub: Hub, shared: tuple[CurrentHub, Litestar]) -> Iterator[TestClient[Litestar]]:
    current, app = shared
    before, current.hub = current.hub, hub
    current.own_clock.advance(MINUTE_MS)  # what earlier tests tried doesn't count
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client
    current.hub = before


@pytest.fixture
def own_client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    """A client of an application of its own."""
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def make_key(hub: Hub, *scopes: Scope, expires_ms: int | None = None) -> NewKey:
    wanted = scopes or tuple(Scope)
    key_id = hub.ids.new("key")
    return hub.writer.run(
        lambda tx: create_key(tx, key_id, "test", wanted, expires_ms, hub.entropy)
    )


@pytest.fixture
def staff(hub: Hub, client: TestClient[Litestar]) -> Caller:
    """A caller who may do everything."""
    return Caller(client, make_key(hub).token)


@pytest.fixture
def app(hub: Hub) -> Litestar:
    return create_app(hub)


@pytest.fixture
def app_streams(app: Litestar) -> Streams:
    streams: Streams = app.state.streams
    return streams


@pytest.fixture
def served(app: Litestar) -> Iterator[str]:
    """Address of an application of its own on a real socket."""
    with _serving(app) as url:
        yield url


@pytest.fixture
def served_shared(hub: Hub, shared: tuple[CurrentHub, Litestar]) -> Iterator[str]:
    """Address of the shared application; its live streams say nothing of this test's hub."""
    current, app = shared
    before, current.hub = current.hub, hub
    with _serving(app) as url:
        yield url
    current.hub = before


@contextmanager
def _serving(app: Litestar) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.streams.close()
        server.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive()
