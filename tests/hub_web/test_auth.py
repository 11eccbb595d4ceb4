"""Who may call what: walked over the route table, so that no route is forgotten."""

from __future__ import annotations

import httpx
import pytest
from litestar import Litestar, get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.testing import TestClient

from hub.bootstrap import Hub
from hub.people.keys import Scope, list_keys, revoke_key
from hub.web.app import create_app
from hub.web.auth import LOOPBACK, OPEN, SCOPE, check_routes
from hub.web.routing import MONEY
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.routes import operations
from tests.hub_web.test_bad_requests import check_problem
from wire.clock import ManualClock
from wire.errors import Code

OPEN_ROUTES = {
    "GET /healthz",
    "GET /readyz",
    "GET /schema",
    "GET /schema/openapi.json",
    "GET /schema/{path}",
    "GET /static/{file_path}",
    "HEAD /static/{file_path}",
    "POST /api/v1/enrolments",
    "POST /api/v1/enrolments/rotations",
}
"""Everything that answers without a key. A change here is a decision."""
LOOPBACK_ROUTES = {"GET /", "GET /events"}
MONEY_ROUTES = {
    "POST /api/v1/accounts/{account}/top-ups",
    "POST /api/v1/accounts/{account}/deposits",
    "POST /api/v1/accounts/{account}/deposits/keep",
    "POST /api/v1/accounts/{account}/deposits/return",
    "POST /api/v1/accounts/{account}/redemptions",
    "POST /api/v1/accounts/{account}/adjustments",
    "POST /api/v1/accounts/{account}/gifts",
    "POST /api/v1/accounts/{account}/lots",
    "POST /api/v1/accounts/{account}/payouts",
    "POST /api/v1/accounts/{account}/transfers",
    "POST /api/v1/approvals",
    "POST /api/v1/approvals/{approval}/approve",
    "POST /api/v1/code-batches/{batch}/void",
    "POST /api/v1/controllers/{controller}/code-batches",
    "POST /api/v1/controllers/{controller}/forfeits",
    "POST /api/v1/corrections",
    "POST /api/v1/lots/{lot}/expire",
    "POST /api/v1/payouts/{payout}/approve",
    "POST /api/v1/payouts/{payout}/cancel",
    "POST /api/v1/payouts/{payout}/fail",
    "POST /api/v1/payouts/{payout}/finish",
    "POST /api/v1/payouts/{payout}/send",
    "POST /api/v1/programmes/{programme}/run",
    "POST /api/v1/refund-requests",
    "POST /api/v1/refund-requests/{refund_request}/approve",
    "POST /api/v1/refunds",
    "POST /api/v1/sessions/{session}/decision",
    "POST /api/v1/sessions/{session}/refunds",
    "POST /api/v1/tills/{till}/cash",
    "POST /api/v1/tills/{till}/close",
    "POST /api/v1/tills/{till}/shifts",
    "POST /api/v1/usage/authorise",
    "POST /api/v1/usage/charge",
    "POST /api/v1/usage/{usage}/capture",
    "POST /api/v1/usage/{usage}/raise",
    "POST /api/v1/usage/{usage}/release",
    "POST /api/v1/voucher-batches",
    "POST /api/v1/voucher-batches/{batch}/void",
    "POST /api/v1/accounts/{account}/charges",
    "POST /api/v1/accounts/{account}/periods",
    "POST /api/v1/accounts/{account}/receivables/payments",
    "POST /api/v1/accounts/{account}/subscriptions",
    "POST /api/v1/subscriptions/{subscription}/end",
    "POST /api/v1/subscriptions/{subscription}/resume",
}


def test_routes_without_a_key_are_these_and_no_others(client: TestClient[Litestar]) -> None:
    found = list(operations(client.app))

    assert {str(one) for one in found if one.handler.opt.get(OPEN)} == OPEN_ROUTES
    assert {str(one) for one in found if one.handler.opt.get(LOOPBACK)} == LOOPBACK_ROUTES
    assert {str(one) for one in found if one.handler.opt.get(MONEY)} == MONEY_ROUTES


def test_every_other_route_asks_for_a_key_and_for_its_scope(
    client: TestClient[Litestar], hub: Hub
) -> None:
    tried = 0
    for one in operations(client.app):
        if one.handler.opt.get(OPEN):
            continue
        needed = one.handler.opt[SCOPE]
        others = Caller(client, make_key(hub, *(set(Scope) - {needed})).token)

        nobody = client.request(one.method, one.sample)
        lacking = client.request(one.method, one.sample, headers=others.headers)

        assert check_problem(nobody, 401)["code"] == Code.KEY_INVALID, str(one)
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        assert check_problem(lacking, 403)["code"] == Code.SCOPE_MISSING, str(one)
        assert needed in lacking.json()["detail"]
        tried += 1
    assert tried > 40


def test_money_posts_want_an_id_from_the_caller(
    staff: Caller, client: TestClient[Litestar]
) -> None:
    cash = {"amount_minor": 100, "till": "counter"}
    bodies = {
        "forfeits": {"account": "a", "epoch": "e", "reason": "lost"},
        "refunds": {"reason": "stopped early"},
        "keep": {"amount_minor": 100, "reason": "scratched"},
        "redemptions": {"code": "0000-0000-0000-0000"},
        "cash": {"direction": "out", "place": "safe", "amount_minor": 100, "reason": "drop"},
        "close": {"counted_minor": 0},
        "shifts": {"float_minor": 0},
        "voucher-batches": {"name": "x", "funding": "promo", "amount_minor": 1, "count": 1},
        "code-batches": {"name": "x", "funding": "promo", "amount_minor": 1, "count": 1},
        "void": {"reason": "lost"},
        "authorise": {"service": "cloud", "account": "a", "amount_minor": 1},
        "charge": {"service": "cloud", "account": "a", "amount_minor": 1},
        "raise": {"amount_minor": 1},
        "capture": {"amount_minor": 1},
        "release": {"reason": "cancelled"},
        "adjustments": {
            "direction": "credit",
            "amount_minor": 1,
            "cause": "goodwill",
            "reason": "sorry",
        },
        "lots": {"amount_minor": 1},
        "expire": {},
        "gifts": {"account": "b", "amount_minor": 1},
        "run": {},
        "transfers": {"receiver": "b", "amount_minor": 1},
        "corrections": {"item": "i", "reason": "typed wrong"},
        "approvals": {"action": {"kind": "payout", "payout": "p"}},
        "/approvals/x/approve": {"digest": "0" * 32},
        "approve": {},
        "send": {},
        "finish": {},
        "cancel": {"reason": "changed my mind"},
        "fail": {"reason": "bounced"},
        "refund-requests": {"session": "s", "reason": "other"},
        "/refunds": {"item": "i", "reason": "broken"},
        "charges": {"what": "rental", "text": "A bike", "amount_minor": 1},
        "periods": {},
        "payments": {"amount_minor": 1, "provider": "bank"},
        "subscriptions": {"plan": "monthly"},
        "end": {},
        "resume": {},
        "decision": {"gave": True, "reason": "looked"},
    }
    for one in operations(client.app):
        if one.handler.opt.get(MONEY):
            path = one.sample.removeprefix("/api/v1")
            body = bodies.get(path) or bodies.get(path.rpartition("/")[2], cash)
            problem = check_problem(staff.post(path, body), 400)
            assert problem["code"] == Code.IDEMPOTENCY_KEY_MISSING, str(one)
            assert "Idempotency-Key" in problem["detail"]


@pytest.mark.parametrize("key", ["a b", "ä", "x" * 65, "a/b", "'; --"])
def test_an_id_has_the_characters_of_an_id(key: str, staff: Caller) -> None:
    answer = staff.client.post(
        "/api/v1/accounts/x/top-ups",
        json={"amount_minor": 100, "till": "counter"},
        headers={**staff.headers, "Idempotency-Key": key.encode()},
    )

    assert check_problem(answer, 400)["code"] == Code.IDEMPOTENCY_KEY_MISSING


def test_a_key_ends_at_its_time_and_when_it_is_revoked(
    client: TestClient[Litestar], hub: Hub, clock: ManualClock
) -> None:
    ending = make_key(hub, expires_ms=clock.now().wall_ms + 1_000)
    revoked = make_key(hub)
    assert Caller(client, ending.token).get("/accounts").status_code == 200
    assert Caller(client, revoked.token).get("/accounts").status_code == 200

    clock.advance(1_000)
    hub.writer.run(lambda tx: revoke_key(tx, revoked.key.id))

    assert Caller(client, ending.token).get("/accounts").status_code == 401
    assert Caller(client, revoked.token).get("/accounts").status_code == 401


@pytest.mark.parametrize("change", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: ""])
def test_a_changed_key_opens_nothing(change, client: TestClient[Litestar], hub: Hub) -> None:
    token = make_key(hub).token

    assert Caller(client, change(token)).get("/accounts").status_code == 401


def test_only_the_hash_of_a_key_is_stored(hub: Hub, client: TestClient[Litestar]) -> None:
    made = make_key(hub)
    assert Caller(client, made.token).get("/accounts").status_code == 200
    secret = made.token.rpartition("_")[2]

    for file in hub.config.data.iterdir():
        assert secret.encode() not in file.read_bytes()
        assert bytes.fromhex(secret) not in file.read_bytes()


def test_the_last_use_is_written_once_a_minute(
    client: TestClient[Litestar], hub: Hub, clock: ManualClock
) -> None:
    caller = Caller(client, make_key(hub).token)

    def used_ms() -> int | None:
        with hub.store.read() as connection:
            return list_keys(connection)[0].used_ms

    caller.get("/accounts")
    first = used_ms()
    clock.advance(59_999)
    caller.get("/accounts")
    again = used_ms()
    clock.advance(1)
    caller.get("/accounts")

    assert first is not None
    assert again == first
    assert used_ms() == first + 60_000


def test_a_key_makes_keys_with_no_more_rights_than_its_own(
    client: TestClient[Litestar], hub: Hub
) -> None:
    maker = Caller(client, make_key(hub, Scope.KEYS_WRITE, Scope.FLEET_READ).token)

    made = maker.post("/keys", {"name": "screen", "scopes": ["fleet:read"], "days": 30})
    more = maker.post("/keys", {"name": "thief", "scopes": ["payments:write"]})

    check_problem(more, 403)
    assert made.status_code == 201
    screen = Caller(client, made.json()["token"])
    assert screen.get("/machines").status_code == 200
    assert screen.get("/accounts").status_code == 403
    assert made.json()["token"] not in maker.get("/keys").text
    assert maker.post(f"/keys/{made.json()['key']['id']}/revoke").status_code == 200
    assert screen.get("/machines").status_code == 401


def test_the_page_is_open_to_this_machine_only(served_shared: str, hub: Hub) -> None:
    key = make_key(hub, Scope.FLEET_READ).token
    with httpx.Client(base_url=served_shared, trust_env=False) as browser:
        assert browser.get("/").status_code == 200
        # Another name that resolves here is another site's trick to read the page.
        assert browser.get("/", headers={"Host": "evil.example"}).status_code == 401
        # What a proxy forwards comes from elsewhere.
        assert browser.get("/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
        assert browser.get("/", headers={"Forwarded": "for=127.0.0.1"}).status_code == 401
        remote = {"Host": "hub.example", "Authorization": f"Bearer {key}"}
        assert browser.get("/", headers=remote).status_code == 200
        wrong = {"Authorization": "Bearer sp_wrong"}
        assert browser.get("/", headers=wrong).status_code == 401


def test_a_route_that_says_nothing_about_keys_is_refused_at_the_start(hub: Hub) -> None:
    app = create_app(hub)

    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return ""

    app.register(forgotten)

    with pytest.raises(ImproperlyConfiguredException, match="neither scope nor open"):
        check_routes(app)


def test_options_name_the_methods_and_nothing_else(client: TestClient[Litestar]) -> None:
    answer = client.options("/api/v1/accounts")

    assert answer.status_code == 204
    assert answer.headers["allow"] == "GET, OPTIONS, POST"
    assert not answer.content
    missing = client.request("DELETE", "/api/v1/accounts")
    assert missing.status_code == 405
    assert {"GET", "POST"} <= set(missing.headers["allow"].split(", "))
