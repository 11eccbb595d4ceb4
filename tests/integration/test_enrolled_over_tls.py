"""From a one-time code to a revoked controller: hub, agent and mosquitto over TLS."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import httpx
import pytest
from desk import initialise
from guarded import Guarded
from parts import require

from firmware_agent.bootstrap import Edges, build_agent
from firmware_agent.clock import SystemClock as AgentClock
from firmware_agent.config import parse_config
from firmware_agent.enrolment import enrol
from hub.bootstrap import build_hub
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.ids import system_entropy
from hub.web.app import create_app
from simulator.waiting import wait_for
from tests.firmware_agent.rig import TOML, FakeParts
from tests.hub_web.conftest import _serving, make_key
from wire.clock import ManualClock

pytestmark = pytest.mark.mosquitto
NAME = "pi-1"
WAIT_S = 20


@pytest.fixture
def guarded(tmp_path):
    require("mosquitto", "mosquitto")
    guarded = Guarded(tmp_path, tls=True)
    yield guarded
    guarded.child.stop()


@pytest.fixture
def hub(guarded):
    data = guarded.folder
    initialise(data, SystemClock(), system_entropy)
    hub = build_hub(HubConfig(data=data, mqtt=guarded.mqtt, broker=guarded.broker))
    hub.start()
    yield hub
    hub.close()


@pytest.fixture
def staff(hub):
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with (
        _serving(create_app(hub)) as url,
        httpx.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False) as client,
    ):
        client.post("/sites", json={"id": "cellar", "timezone": "UTC"})
        client.post("/controllers", json={"id": NAME, "site": "cellar"})
        yield client


@pytest.fixture
def agent(staff, tmp_path):
    folder = tmp_path / "agent"
    code = staff.post(f"/controllers/{NAME}/enrolment-codes", json={}).json()["code"]
    enrol(folder, str(staff.base_url).removesuffix("/api/v1/"), NAME, code, "1")
    edges = Edges(parts=FakeParts(ManualClock()), clock=AgentClock())
    agent = build_agent(parse_config(TOML.format(folder=folder)), edges)
    thread = threading.Thread(target=agent.run)
    thread.start()
    yield agent
    agent.stop()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def booked(hub):
    with closing(sqlite3.connect(hub.config.data / "hub.db")) as database:
        return database.execute("SELECT count(*) FROM events").fetchone()[0]


def test_a_controller_works_over_tls_until_it_is_revoked(guarded, hub, staff, agent):
    link = agent._wires.link
    wait_for("its start is booked", lambda: booked(hub) >= 1 and not agent.waiting, WAIT_S)
    assert staff.get(f"/controllers/{NAME}").json()["online"]
    before = booked(hub)

    assert staff.post(f"/controllers/{NAME}/revoke").json()["state"] == "revoked"

    wait_for("the broker throws it off", lambda: not link.is_up, WAIT_S)
    attempts = link._attempts
    wait_for("it tried again in vain", lambda: link._attempts > attempts + 1, WAIT_S)
    assert not link.is_up
    assert booked(hub) == before
