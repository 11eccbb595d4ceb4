"""A real hub's services on a real SQLite file, and its application over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from hub.config import HubConfig
from hub.fleet.broker_files import BrokerFiles
from hub.fleet.live import Live
from hub.ids import Entropy
from hub.keystore import Keys, make_keys
from hub.people.keys import NewKey, Scope, create_key
from hub.settings import Settings, read_settings, write_settings
from hub.store.engine import Store, open_store
from hub.store.migrations import upgrade
from hub.store.writer import Writer
from hub.web.app import create_app
from wire.clock import ManualClock
from wire.ids import CountingIds

UID = "04A1B2C3D4E5F6"
OTHER_UID = "04B1B2C3D4E5F6"


def counting_entropy() -> Entropy:
    count = 0

    def entropy(length: int) -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(length, "big")

    return entropy


@dataclass(frozen=True)
class HubParts:
    """What the edge needs of a hub, without broker and ingest."""

    store: Store
    writer: Writer
    clock: ManualClock
    ids: CountingIds
    entropy: Entropy
    settings: Settings
    config: HubConfig
    keys: Keys
    live: Live
    broker_files: BrokerFiles


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


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubParts]:
    store = open_store(str(tmp_path / "hub.db"))
    upgrade(store)
    clock, entropy = ManualClock(), counting_entropy()
    config = HubConfig(data=tmp_path)
    with Writer(store, clock) as writer:
        writer.run(lambda tx: write_settings(tx, "EUR", 15_000))
        with store.read() as connection:
            settings = read_settings(connection)
        yield HubParts(
            store=store,
            writer=writer,
            clock=clock,
            ids=CountingIds(),
            entropy=entropy,
            settings=settings,
            config=config,
            keys=make_keys(tmp_path, entropy),
            live=Live(),
            broker_files=BrokerFiles(config.broker, entropy),
        )
    store.close()


@pytest.fixture
def client(hub: HubParts) -> Iterator[TestClient[Litestar]]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with TestClient(create_app(hub), base_url="http://127.0.0.1") as client:
        yield client


def make_key(hub: HubParts, *scopes: Scope, expires_ms: int | None = None) -> NewKey:
    wanted = scopes or tuple(Scope)
    key_id = hub.ids.new("key")
    return hub.writer.run(
        lambda tx: create_key(tx, key_id, "test", wanted, expires_ms, hub.entropy)
    )


@pytest.fixture
def staff(hub: HubParts, client: TestClient[Litestar]) -> Caller:
    """A caller who may do everything."""
    return Caller(client, make_key(hub).token)
