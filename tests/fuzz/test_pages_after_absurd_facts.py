"""A controller says what it likes about times and amounts; every page can still be read."""

from __future__ import annotations

import msgspec
from litestar.testing import TestClient

from hub.mqtt_link import Received
from hub.people.keys import Scope, create_key
from hub.web.app import create_app
from tests.fuzz.hub_targets import NAME, InlineDesk, batch
from tests.fuzz.samples import sample
from tests.fuzz.target import Ears
from tests.fuzz.web_targets import address, routes
from tests.fuzz.wire_targets import golden
from wire.topics import UP_JOURNAL, UP_STATE, UP_STATUS
from wire.uplink import StateView, Status

SAID = (
    "boot",
    "session_started",
    "session_ended",
    "machine_fault",
    "card_refused",
    "clock_adjusted",
)


def facts(wall_ms):
    """Events whose every time is `wall_ms`."""
    for seq, name in enumerate(SAID, 1):
        event = msgspec.json.decode(golden()[name]) | {"seq": seq}
        for key in ("at", "started", "ended"):
            if key in event:
                event[key]["wall_ms"] = wall_ms
        if "session" in event:
            event |= {"session": f"ses_{wall_ms}", "machine": "washer-1", "tariff": "minute"}
            event |= {"tariff_version": 1}
        if name == "clock_adjusted":
            event["offset_ms"] = wall_ms
        yield msgspec.json.encode(event)


def view(wall_ms):
    state = msgspec.json.decode(sample(StateView)) | {"at_ms": wall_ms}
    about = {"machine": "washer-1", "since_ms": wall_ms, "left_ms": wall_ms, "time_ms": wall_ms}
    state["machines"][0] |= about | {"quantity": 10**12, "charge_minor": 10**15}
    return msgspec.json.encode(state)


def test_every_page_can_be_read_after_a_day_of_absurd_times(tmp_path):
    desk = InlineDesk(tmp_path)
    every = tuple(Scope)
    token = desk.run(lambda tx: create_key(tx, "key_x", "x", every, None, desk.entropy)).token
    status = msgspec.json.decode(sample(Status))
    app = create_app(desk.hub)
    with Ears("hub") as ears, TestClient(app, raise_server_exceptions=False) as client:
        client.base_url = "http://127.0.0.1"
        for wall_ms in (-(2**53), 2**53):
            for leaf, payload in (
                (UP_JOURNAL, batch(desk.voice.signer, b"\n".join(facts(wall_ms)))),
                (UP_STATE, view(wall_ms)),
                (UP_STATUS, msgspec.json.encode(status | {"at_ms": wall_ms})),
            ):
                desk.hub.uplink.handle(Received(desk.voice.topic(leaf), payload))
        assert desk.hub.uplink.counts.events == 2 * len(SAID)
        names = {"account": "acc_1", "machine": "washer-1", "controller": NAME, "site": "cellar"}
        for one in routes(app).values():
            if one.method == "GET":
                ids = [names.get(gap, f"ses_{2**53}") for gap in _gaps(one.path)]
                path = address(one.path, ids)
                answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code < 500, (path, ears.take())
        assert ears.take() == []
    app.state.streams.close()
    desk.close()


def _gaps(path):
    return [part[1:].partition(":")[0].rstrip("}") for part in path.split("/") if "{" in part]
