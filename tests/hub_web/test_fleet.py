"""Sites, tariffs, machines, controllers, commands and enrolment over HTTP."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from hub.bootstrap import Hub
from hub.charging.allowances import grant
from hub.web.limits import ADDRESSES_MAX, Throttle
from hub.web.problems import WebError
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.place import CYCLE, TARIFF, busy, set_up
from tests.hub_web.test_bad_requests import check_problem
from wire.clock import ManualClock
from wire.enrolment import EnrolmentReply, prove
from wire.errors import Code
from wire.keys import Signer
from wire.rating import rate
from wire.usage import NOTHING, add_use

SITE = {"id": "riverside", "name": "Riverside", "timezone": "Europe/Berlin"}
POWER = {
    "id": "power",
    "version": 1,
    "name": "Power",
    "quantity": {"unit": "Wh", "per": 1_000, "tiers": [{"price_micros": 350_000}]},
    "bands": [
        {
            "name": "night",
            "from_minute": 1_320,
            "to_minute": 360,
            "quantity_tiers": [{"price_micros": 100_000}],
        }
    ],
    "timezone": "Europe/Berlin",
    "tax_rate_ppm": 190_000,
}


@pytest.fixture
def empty(staff: Caller) -> Caller:
    """A hub with one site and one controller that waits."""
    set_up_controller(staff)
    return staff


def set_up_controller(staff: Caller) -> None:
    assert staff.post("/sites", SITE).status_code == 201
    assert staff.post("/tariffs", POWER).status_code == 201
    assert staff.post("/controllers", {"id": "dry-2", "site": "riverside"}).status_code == 201


def test_a_site_is_added_changed_and_keeps_what_is_left_out(empty: Caller) -> None:
    again = empty.post("/sites", SITE)
    changed = empty.patch("/sites/riverside", {"floors_minor": [0, 100, 100]})

    assert again.status_code == 201
    assert changed.json()["floors_minor"] == [0, 100, 100]
    assert changed.json()["name"] == "Riverside"
    check_problem(empty.post("/sites", {**SITE, "name": "Another"}), 409)
    check_problem(empty.post("/sites", {"id": "moon", "timezone": "Moon/Crater"}), 400)
    check_problem(empty.patch("/sites/riverside", {"policy": {"low_percent": 0}}), 400)


def test_a_version_of_a_tariff_never_changes(empty: Caller) -> None:
    assert empty.post("/tariffs", POWER).status_code == 201
    check_problem(empty.post("/tariffs", {**POWER, "name": "Other"}), 409)
    check_problem(empty.post("/tariffs", {**POWER, "version": 3}), 409)
    check_problem(empty.post("/tariffs", {**POWER, "version": 2, "timezone": "X/Y"}), 400)
    check_problem(empty.post("/tariffs", {**POWER, "version": 2, "unit": "ABC"}), 400)
    bad = {**POWER["quantity"], "tiers": [{"price_micros": 1, "up_to": 5}]}  # type: ignore[dict-item]
    check_problem(empty.post("/tariffs", {**POWER, "version": 2, "quantity": bad}), 400)

    assert empty.post("/tariffs", {**POWER, "version": 2, "name": "Dearer"}).status_code == 201

    assert [one["version"] for one in empty.get("/tariffs/power").json()["items"]] == [2, 1]
    assert [one["version"] for one in empty.get("/tariffs").json()["items"]] == [2]


def test_the_calculator_prices_as_controllers_do(empty: Caller) -> None:
    noon, night = 1_700_050_000_000, 1_700_090_000_000
    body = {"time_ms": 60_000, "quantity": 2_000}

    day = empty.post("/tariffs/power/price", {**body, "from_ms": noon}).json()
    late = empty.post("/tariffs/power/price", {**body, "from_ms": night}).json()
    draft = {**POWER, "version": 9, "start_fee_micros": 1_000_000}
    tried = empty.post("/tariffs/power/price", {**body, "from_ms": noon, "tariff": draft}).json()

    assert (day["gross_minor"], day["tax_minor"], day["net_minor"]) == (70, 11, 59)
    assert late["gross_minor"] == 20
    assert tried["gross_minor"] == 170
    assert day["gross_minor"] == rate(TARIFF, add_use(TARIFF, NOTHING, noon, 60_000, 2_000))
    check_problem(empty.post("/tariffs/none/price", body), 404)


def test_a_machine_is_defined_changed_and_removed(empty: Caller) -> None:
    body = {"controller": "dry-2", "id": "dryer-1", "name": "Dryer 1", "tariff": "power"}

    added = empty.post("/machines", body)
    empty.post("/machines", {**body, "name": "Big dryer", "cycle": {"pulse_ms": 0}})

    assert added.status_code == 201
    assert added.json()["now"]["words"] == "not heard yet"
    found = empty.get("/machines/dryer-1").json()["definition"]
    assert (found["name"], found["cycle"]["pulse_ms"]) == ("Big dryer", 0)
    check_problem(empty.post("/machines", {**body, "tariff": "none"}), 400)
    check_problem(empty.post("/machines", {**body, "mode": "odd"}), 400)
    check_problem(empty.post("/machines", {**body, "controller": "none"}), 404)
    assert empty.delete("/machines/dryer-1").status_code == 204
    assert empty.delete("/machines/dryer-1").status_code == 204
    check_problem(empty.get("/machines/dryer-1"), 404)
    check_problem(empty.delete("/machines/none"), 404)


def test_a_machine_says_how_it_is_and_when_that_was_heard(
    staff: Caller, hub: Hub, clock: ManualClock
) -> None:
    set_up(hub)
    busy(hub)

    rows = {row["definition"]["id"]: row["now"] for row in staff.get("/machines").json()["items"]}

    assert (rows["washer-1"]["shape"], rows["washer-1"]["charge_minor"]) == ("running", 350)
    assert (rows["washer-2"]["shape"], rows["washer-2"]["detail"]) == ("fault", "door open")
    assert rows["dryer-1"]["shape"] == "offline"
    assert rows["washer-1"]["as_of_ms"] == clock.now().wall_ms - 1_000
    clock.advance(60_000)
    assert staff.get("/machines/washer-1").json()["now"]["shape"] == "offline"


def enrol(client: TestClient[Litestar], code: str, signer: Signer, name: str = "dry-2"):
    body = {
        "controller": name,
        "code": code,
        "public_key": signer.public,
        "proof": prove(signer, code),
        "version": "0.1.0",
    }
    return client.post("/api/v1/enrolments", json=body)


def test_a_controller_is_taken_in_by_its_code_once(
    empty: Caller, client: TestClient[Litestar], hub: Hub
) -> None:
    code = empty.post("/controllers/dry-2/enrolment-codes", {}).json()["code"]
    signer = Signer(b"\x07" * 32, "dry-2")

    first = enrol(client, code, signer)
    again = enrol(client, code, signer)
    thief = enrol(client, code, Signer(b"\x08" * 32, "dry-2"))

    assert first.status_code == 201
    reply = first.json()
    assert set(reply) == set(EnrolmentReply.__struct_fields__)
    assert reply["hub_public_key"] == hub.keys.signer.public
    assert again.json() == reply
    assert check_problem(thief, 403)["code"] == Code.CODE_INVALID
    assert empty.get("/controllers/dry-2").json()["state"] == "active"


def test_a_wrong_proof_name_or_code_takes_nobody_in(
    empty: Caller, client: TestClient[Litestar]
) -> None:
    code = empty.post("/controllers/dry-2/enrolment-codes", {}).json()["code"]
    signer, other = Signer(b"\x07" * 32, "dry-2"), Signer(b"\x07" * 32, "wash-1")

    assert check_problem(enrol(client, "abcd-efgh", signer))["code"] == Code.CODE_INVALID
    assert check_problem(enrol(client, code, other, "wash-1"))["status"] in (403, 404)
    forged = {
        "controller": "dry-2",
        "code": code,
        "public_key": Signer(b"\x09" * 32, "dry-2").public,
        "proof": prove(signer, code),
    }
    check_problem(client.post("/api/v1/enrolments", json=forged))
    check_problem(client.post("/api/v1/enrolments", json={**forged, "public_key": "zz"}), 400)

    assert empty.get("/controllers/dry-2").json()["state"] == "waiting"


def test_codes_are_tried_a_few_times_a_minute(
    hub: Hub, own_client: TestClient[Litestar], clock: ManualClock
) -> None:
    client, empty = own_client, Caller(own_client, make_key(hub).token)
    set_up_controller(empty)
    signer = Signer(b"\x07" * 32, "dry-2")
    answers = [enrol(client, "wrong-code", signer) for _ in range(11)]
    code = empty.post("/controllers/dry-2/enrolment-codes", {}).json()["code"]

    assert [one.status_code for one in answers] == [403] * 10 + [429]
    assert check_problem(answers[-1], 429)["code"] == Code.TOO_MANY_REQUESTS
    assert int(answers[-1].headers["retry-after"]) == 61
    assert enrol(client, code, signer).status_code == 429
    clock.advance(60_000)
    assert enrol(client, code, signer).status_code == 201


def test_throttles_count_for_themselves_and_forget_whom_they_have_not_seen() -> None:
    clock = ManualClock()
    first, second = Throttle(clock, 1), Throttle(clock, 1)
    first.attempt("a")
    second.attempt("a")
    with pytest.raises(WebError):
        first.attempt("a")

    for number in range(ADDRESSES_MAX):
        first.attempt(f"b{number}")

    first.attempt("a")


def test_a_command_is_sent_once_and_unknown_until_it_is_answered(staff: Caller, hub: Hub) -> None:
    set_up(hub)
    body = {"id": "cmd-1", "action": "stop", "machine": "dryer-1"}

    sent = staff.post("/controllers/dry-2/commands", body)
    again = staff.post("/controllers/dry-2/commands", body)

    assert sent.status_code == 202
    assert sent.json() == again.json()
    assert sent.json()["outcome"] == "unknown"
    assert staff.get("/commands/cmd-1").json() == sent.json()
    assert len(staff.get("/controllers/dry-2/commands").json()["items"]) == 1
    check_problem(staff.post("/controllers/dry-2/commands", {**body, "action": "lock"}), 409)
    check_problem(staff.post("/controllers/dry-2/commands", {"action": "explode"}), 400)
    elsewhere = {"action": "stop", "machine": "washer-1"}
    check_problem(staff.post("/controllers/dry-2/commands", elsewhere), 400)
    start = {"action": "start", "machine": "dryer-1"}
    check_problem(staff.post("/controllers/dry-2/commands", start), 400)


def test_alarms_are_cleared_by_a_person(staff: Caller, hub: Hub) -> None:
    set_up(hub)
    busy(hub)
    [alarm] = staff.get("/alarms").json()["items"]

    cleared = staff.post(f"/alarms/{alarm['id']}/clear")

    assert cleared.json()["cleared_ms"] is not None
    assert staff.get("/alarms").json()["items"] == []
    assert len(staff.get("/alarms", open="false").json()["items"]) == 1


def test_exposure_is_shown_against_the_loss_budget(staff: Caller, hub: Hub) -> None:
    set_up(hub)

    seen = staff.get("/exposure").json()

    # Two accounts with a card of level 0, a floor of 2.00 each, at two controllers.
    assert (seen["exposed_minor"], seen["loss_budget_minor"]) == (800, 15_000)
    assert {one["controller"]: one["exposed_minor"] for one in seen["controllers"]} == {
        "dry-2": 400,
        "wash-1": 400,
    }
    one = staff.get("/accounts/acc_ana/exposure").json()
    assert one["by_controller"] == {"dry-2": 200, "wash-1": 200}


def test_what_a_dead_controller_holds_is_forfeited_once(staff: Caller, hub: Hub) -> None:
    set_up(hub)
    place = ("acc_ana", "dry-2", "ep_dry-2")
    hub.writer.run(lambda tx: grant(tx, "grant-1", place, "EUR", 500))
    assert staff.get("/accounts/acc_ana/balance").json()["held_minor"] == 500
    [holding] = staff.get("/controllers/dry-2/holdings").json()["items"]
    body = {"account": "acc_ana", "epoch": holding["epoch"], "reason": "drowned"}

    first = staff.post("/controllers/dry-2/forfeits", body, key="f-1")
    again = staff.post("/controllers/dry-2/forfeits", body, key="f-1")
    more = staff.post("/controllers/dry-2/forfeits", body, key="f-2")

    assert holding["held_minor"] == 500
    assert first.json()["amount_minor"] == 500
    assert again.content == first.content
    assert more.json()["amount_minor"] == 0
    found = staff.get("/accounts/acc_ana/balance").json()
    assert (found["wallet_minor"], found["held_minor"]) == (2_340, 0)


def test_a_stolen_controller_is_revoked_and_its_rights_stay_visible(
    staff: Caller, hub: Hub
) -> None:
    set_up(hub)

    assert staff.post("/controllers/dry-2/revoke").json()["state"] == "revoked"

    check_problem(staff.post("/controllers/dry-2/release"), 409)
    check_problem(staff.post("/controllers/dry-2/commands", {"action": "identify"}), 409)
    assert "dry-2" in {one["controller"] for one in staff.get("/exposure").json()["controllers"]}


def test_what_is_made_here_is_what_controllers_read(hub: Hub, client: TestClient[Litestar]) -> None:
    set_up(hub)
    staff = Caller(client, make_key(hub).token)

    names = {one["id"] for one in staff.get("/tariffs").json()["items"]}

    assert names == {TARIFF.id, CYCLE.id}
