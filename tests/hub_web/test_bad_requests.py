"""Whatever is sent, the answer is a problem that says what to do, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from hub.bootstrap import Hub
from hub.web.bodies import BODY_BYTES_MAX
from hub.web.problems import MEDIA_TYPE
from hub.web.routing import open_options
from tests.hub_web.conftest import Caller
from tests.hub_web.routes import Operation, operations
from wire.errors import Code

DEEP = b"[" * 100_000 + b"]" * 100_000
BODIES: dict[str, bytes] = {
    "malformed": b'{"amount_minor": ',
    "not text": b'{"name": "\xff\xfe"}',
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "null": b"null",
    "nothing": b"",
    "deep": DEEP[: BODY_BYTES_MAX - 1],
    "unknown field": b'{"no_such_field": 1}',
}


def check_problem(answer: Any, status: int | None = None) -> dict[str, Any]:
    """Check that an answer is a problem as RFC 9457 writes it; give it back."""
    assert answer.headers["content-type"].startswith(MEDIA_TYPE), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert status is None or answer.status_code == status, problem
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == f"urn:standpipe:problem:{problem['code']}"
    assert problem["code"] in set(Code)
    return problem


def with_bodies(client: TestClient[Litestar]) -> list[Operation]:
    found = [one for one in operations(client.app) if one.takes_body]
    assert len(found) > 15
    return found


def send(staff: Caller, one: Operation, body: bytes, **headers: str) -> Any:
    own = {
        **staff.headers,
        "Content-Type": "application/json",
        "Idempotency-Key": "bad-request",
        **headers,
    }
    return staff.client.request(one.method, one.sample, content=body, headers=own)


@pytest.mark.parametrize("kind", BODIES)
def test_no_route_takes_a_body_that_is_not_what_it_asks_for(
    kind: str, staff: Caller, client: TestClient[Litestar], hub: Hub
) -> None:
    before = _counts(hub)

    for one in with_bodies(client):
        problem = check_problem(send(staff, one, BODIES[kind]))
        assert problem["status"] == 400, f"{one}: {problem}"

    assert _counts(hub) == before


def test_a_body_beyond_the_limit_is_refused_with_and_without_a_length(
    staff: Caller, client: TestClient[Litestar]
) -> None:
    huge = b'{"name": "' + b"x" * BODY_BYTES_MAX + b'"}'

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(huge), 16_384):
            yield huge[start : start + 16_384]

    for one in with_bodies(client):
        assert check_problem(send(staff, one, huge))["code"] == Code.BODY_TOO_LARGE
        chunked = client.request(
            one.method,
            one.sample,
            content=chunks(),
            headers={
                **staff.headers,
                "Content-Type": "application/json",
                "Idempotency-Key": "bad-request",
            },
        )
        assert check_problem(chunked, 413)["code"] == Code.BODY_TOO_LARGE


@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(type_: str, staff: Caller, client: TestClient[Litestar]) -> None:
    for one in with_bodies(client):
        answer = send(staff, one, b"{}", **{"Content-Type": type_})
        assert "application/json" in check_problem(answer, 400)["detail"], str(one)


NOT_AMOUNTS = ('"1000"', "1000.0", "1e3", "true", "null", "-1", "0", str(10**19))


def test_an_amount_is_a_whole_number_and_nothing_else(staff: Caller) -> None:
    account = staff.post("/accounts", {}).json()["id"]
    headers = {**staff.headers, "Idempotency-Key": "a", "Content-Type": "application/json"}
    path = f"/api/v1/accounts/{account}/top-ups"
    for amount in NOT_AMOUNTS:
        body = f'{{"amount_minor": {amount}, "till": "counter"}}'.encode()
        check_problem(staff.client.post(path, content=body, headers=headers), 400)

    assert staff.get(f"/accounts/{account}/balance").json()["wallet_minor"] == 0


def test_what_was_sent_is_not_echoed(staff: Caller) -> None:
    answer = staff.post("/cards", {"account": "acc", "uid": "04A1B2C3D4E5F6", "level": "secret"})

    assert "04A1B2C3D4E5F6" not in answer.text
    assert "secret" not in answer.text


MISSES = [
    ("GET", "/nothing", 404),
    ("GET", "/api/v1/nothing", 404),
    ("GET", "/schema/nothing", 404),
    ("GET", "/static/nothing.js", 404),
    ("GET", "/static/..%2Fapp.py", 404),
    ("GET", "/static/" + "x" * 300, 404),
    ("GET", "/static/a%00b", 404),
    ("GET", "/static/" + "a/" * 3_000, 404),
    ("DELETE", "/api/v1/accounts", 405),
    ("PUT", "/healthz", 405),
    ("POST", "/", 405),
    ("GET", "/api/v1/accounts?limit=0", 400),
    ("GET", "/api/v1/accounts?limit=1000", 400),
    ("GET", "/api/v1/accounts?limit=many", 400),
    ("GET", "/api/v1/accounts?after=%00", 400),
    ("GET", "/api/v1/sessions?state=odd", 400),
    ("GET", "/api/v1/accounts/none", 404),
    ("GET", "/api/v1/accounts/none/balance", 404),
    ("GET", "/api/v1/cards/none", 404),
    ("GET", "/api/v1/sessions/none", 404),
    ("GET", "/api/v1/machines/none", 404),
    ("GET", "/api/v1/controllers/none", 404),
    ("GET", "/api/v1/controllers/none/commands", 404),
    ("GET", "/api/v1/controllers/none/holdings", 404),
    ("GET", "/api/v1/sites/none", 404),
    ("GET", "/api/v1/tariffs/none", 404),
    ("GET", "/api/v1/commands/none", 404),
    ("POST", "/api/v1/alarms/none/clear", 404),
    ("POST", "/api/v1/keys/none/revoke", 404),
    ("GET", "/api/v1/accounts/" + "x" * 65, 400),
]


def test_every_miss_is_a_problem(staff: Caller) -> None:
    for method, path, status in MISSES:
        check_problem(staff.client.request(method, path, headers=staff.headers), status)


def test_an_unexpected_error_is_a_problem_and_tells_nothing(
    own_client: TestClient[Litestar], caplog: pytest.LogCaptureFixture
) -> None:
    @get("/boom/{name:str}", opt=open_options("a test"), sync_to_thread=False)
    def boom(name: str = "") -> str:
        del name
        raise RuntimeError("inner secret")

    with pytest.warns(DeprecationWarning, match="inferred"):
        own_client.app.register(boom)
    answer = own_client.get("/boom/person")

    problem = check_problem(answer, 500)
    assert "inner secret" not in answer.text
    assert problem["code"] == Code.INTERNAL
    assert "inner secret" in caplog.text
    told = [one.getMessage() for one in caplog.records if one.name.startswith("standpipe")]
    assert told
    assert not any("person" in words for words in told)


def test_trouble_with_the_database_is_for_the_log_and_not_for_callers(
    staff: Caller, hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DROP TABLE payments"))
    account = staff.post("/accounts", {}).json()["id"]

    body = {"amount_minor": 500, "till": "counter"}
    answer = staff.post(f"/accounts/{account}/top-ups", body, key="t")

    assert check_problem(answer, 500)["code"] == Code.INTERNAL
    assert "payments" not in answer.text
    assert "no such table: payments" in caplog.text


def test_a_hub_that_stops_says_that_it_takes_no_more(staff: Caller, hub: Hub) -> None:
    hub.writer.close()

    assert check_problem(staff.post("/accounts", {}), 503)["code"] == Code.OVERLOADED


def test_the_document_names_every_problem_that_an_operation_can_answer_with(
    client: TestClient[Litestar],
) -> None:
    document = client.get("/schema/openapi.json").json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == [MEDIA_TYPE], f"{method} {path} {status}"
    top_up = document["paths"]["/api/v1/accounts/{account}/top-ups"]["post"]
    assert {"400", "401", "403", "404", "409", "413", "503"} <= set(top_up["responses"])
    [key] = [one for one in top_up["parameters"] if one["name"] == "Idempotency-Key"]
    assert key["required"]
    schemas = document["components"]["schemas"]
    assert "code" in schemas["Problem"]["required"]
    assert json.dumps(document).count("http://") == 0


def _counts(hub: Hub) -> list[int]:
    from sqlalchemy import func, select

    from hub.store.tables import metadata

    with hub.store.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        ]
