"""Live streams: they say what changed, are few, and end when they should."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import msgspec
import pytest

from hub.bootstrap import Hub
from hub.people.accounts import Terms, open_account
from hub.web import streams as streams_module
from hub.web.app import topics_of
from hub.web.streams import TOPICS
from tests.hub_web.conftest import make_key
from wire.uplink import Presence, Status

GIVE_UP_S = 20.0


@contextmanager
def listening(served: str, hub: Hub) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with (
        httpx.Client(base_url=served, timeout=GIVE_UP_S, trust_env=False) as client,
        client.stream("GET", "/api/v1/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data" and value.strip():
            yield name, msgspec.json.decode(value)


def changes(stream: Iterator[tuple[str, dict[str, Any]]]) -> set[str]:
    """What the next `changed` names."""
    return next(set(data["what"]) for name, data in stream if name == "changed")


def test_a_stream_begins_with_a_beat_and_names_what_a_commit_changed(served: str, hub: Hub) -> None:
    with listening(served, hub) as stream:
        assert next(stream)[0] == "beat"

        hub.writer.run(
            lambda tx: open_account(tx, "acc_x", "EUR", Terms(tariffs={}, permissions={}))
        )

        assert "accounts" in changes(stream)


def test_a_stream_names_what_a_controller_said(served: str, hub: Hub) -> None:
    with listening(served, hub) as stream:
        next(stream)

        hub.live.hear_status("wash-1", Status(state=Presence.ONLINE, boot_id="b"), 1)

        assert {"controllers", "machines"} <= changes(stream)


def test_every_topic_of_the_services_is_one_that_streams_carry() -> None:
    kinds = {"account", "alarm", "session", "controller", "card_list", "config", "rights"}

    topics = topics_of(frozenset((kind, "x") for kind in kinds | {"something new"}))

    assert topics
    assert topics <= TOPICS


def test_streams_end_when_the_hub_stops(served: str, hub: Hub, app_streams: Any) -> None:
    with listening(served, hub) as stream:
        next(stream)

        app_streams.close()

        assert [name for name, _ in stream if name == "changed"] == []
    assert app_streams.count == 0


def test_a_client_that_leaves_gives_its_place_free(
    served: str, hub: Hub, app_streams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "STREAMS_MAX", 2)
    headers = {"Authorization": f"Bearer {make_key(hub).token}"}
    with ExitStack() as crowd:
        open_streams = [crowd.enter_context(listening(served, hub)) for _ in range(2)]
        for stream in open_streams:
            next(stream)

        refused = httpx.get(f"{served}/api/v1/events", headers=headers, trust_env=False)

        assert app_streams.count == 2
        assert refused.status_code == 503
        assert refused.json()["code"] == 608
        assert refused.headers["retry-after"]

    gone = threading.Event()
    for _ in range(200):
        if app_streams.count == 0:
            break
        gone.wait(0.1)
    assert app_streams.count == 0
    with listening(served, hub) as stream:
        assert next(stream)[0] == "beat"
