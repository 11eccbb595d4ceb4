"""Refunds by rule: decided at once where the machine's record says so, or by a person."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from hub.bootstrap import Hub
from hub.payments.audit_out import audit_money_out
from hub.store.tables.charging import sessions
from tests.hub_web.both import balance, books, check_refused, check_sound, hub_on, on_sqlite
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.place import HOUR_MS, book_session, set_up
from tests.hub_web.test_bad_requests import check_problem
from wire.errors import Code

DAY_MS = 86_400_000


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(hub: Hub) -> str:
    """An account with 23.40 in its wallet."""
    set_up(hub)
    return "acc_ana"


def use(hub: Hub, session: str = "ses_1", charge: int = 350, **more: Any) -> None:
    """A session that its controller reported, paid by the wallet."""

    def job(tx) -> None:
        book_session(tx, session, charge_minor=charge, tax_minor=0, **more)
        mine = update(sessions).where(sessions.c.id == session)
        tx.connection.execute(mine.values(unbacked_minor=charge))

    hub.writer.run(job)


def ask(staff: Caller, key: str, session: str = "ses_1", **more: Any) -> Any:
    body = {"session": session, "reason": "did_not_start"} | more
    return staff.post("/refund-requests", body, key=key)


def rules(staff: Caller, *more: dict[str, Any], **rule: Any) -> None:
    answer = staff.post("/rules/refunds/EUR", {"rules": [rule, *more]})
    assert answer.status_code == 200, answer.text


def check_out(hub: Hub) -> None:
    check_sound(hub)
    with hub.store.read() as connection:
        assert list(audit_money_out(connection)) == []


def test_charged_but_did_not_start_is_given_back_at_once(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub, reason="feedback_missing")

    answer = ask(staff, "rq-1")
    again = ask(staff, "rq-1")

    assert answer.status_code == 201
    assert answer.content == again.content
    found = answer.json()
    assert (found["state"], found["decided_by"], found["fee_minor"]) == ("booked", "rule", 0)
    assert "feedback missing" in found["evidence"]
    assert balance(staff, ana)["wallet"] == 2_340
    assert staff.get("/sessions/ses_1").json()["state"] == "refunded"
    check_out(hub)


def test_what_the_record_does_not_show_waits_for_a_person_with_an_expected_date(
    staff: Caller, hub: Hub, ana: str
) -> None:
    use(hub)

    found = ask(staff, "rq-1", words="it never\nturned on").json()

    assert (found["state"], found["evidence"], found["decided_by"]) == ("requested", "", "")
    assert found["expected_ms"] == found["requested_ms"] + 5 * DAY_MS
    assert balance(staff, ana)["wallet"] == 1_990
    queue = staff.get("/refund-requests", state="requested").json()["items"]
    assert [one["id"] for one in queue] == ["rq-1"]
    second = ask(staff, "rq-2")
    check_refused(hub, second, Code.STATE_CONFLICT)

    granted = staff.post("/refund-requests/rq-1/approve", {"words": "sorry"}, key="ok-1")

    assert granted.json()["state"] == "booked"
    assert balance(staff, ana)["wallet"] == 2_340
    kinds = [one["kind"] for one in staff.get(f"/accounts/{ana}/payments").json()["items"]]
    assert sorted(kinds) == ["refund", "top_up"]
    check_out(hub)


def test_a_request_is_refused_with_a_reason_and_stays_so(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub)
    ask(staff, "rq-1")
    check_problem(staff.post("/refund-requests/rq-1/refuse", {"reason": " "}), 400)

    refused = staff.post("/refund-requests/rq-1/refuse", {"reason": "it ran for an hour"})
    again = staff.post("/refund-requests/rq-1/refuse", {"reason": "it ran for an hour"})
    late = staff.post("/refund-requests/rq-1/approve", {}, key="ok-1")

    assert refused.json() == again.json()
    assert refused.json()["state"] == "refused"
    check_refused(hub, late, Code.STATE_CONFLICT)
    assert ask(staff, "rq-2").json()["state"] == "requested"
    check_out(hub)


def test_the_window_is_over(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub, reason="fault")
    rules(staff, window_ms=2 * HOUR_MS)
    hub.clock.advance(2 * HOUR_MS)  # type: ignore[attr-defined]
    assert ask(staff, "rq-1", amount_minor=50).status_code == 201
    hub.clock.advance(1)  # type: ignore[attr-defined]
    before = books(hub)

    words = check_refused(hub, ask(staff, "rq-2"), Code.WINDOW_OVER)

    assert "2 hours" in words
    assert books(hub) == before


@on_sqlite
def test_a_rule_of_the_place_comes_before_the_general_one(
    staff: Caller, hub: Hub, ana: str
) -> None:
    special = {"sites": ["riverside"], "approver": "none", "fee": {"fixed_minor": 50}}
    rules(staff, special, approver="staff")
    use(hub)

    found = ask(staff, "rq-1", reason="poor_result").json()

    assert (found["state"], found["fee_minor"]) == ("booked", 50)
    assert balance(staff, ana)["wallet"] == 2_340 - 50
    assert books(hub)["EUR:fees/"] == 50
    check_out(hub)


@on_sqlite
def test_little_use_speaks_for_the_person_where_the_rule_says_so(
    staff: Caller, hub: Hub, ana: str
) -> None:
    rules(staff, quantity_max=840, automatic_minor=300)
    use(hub, charge=300)
    use(hub, "ses_2", charge=301)

    assert ask(staff, "rq-1").json()["state"] == "booked"
    beyond = ask(staff, "rq-2", "ses_2").json()
    assert (beyond["state"], bool(beyond["evidence"])) == ("requested", True)


@on_sqlite
@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"amount_minor": 351}, 409, Code.REFUND_TOO_LARGE),
        ({"reason": "rain"}, 400, Code.BODY_MALFORMED),
        ({"session": "none"}, 404, Code.NOT_FOUND),
        ({"words": "a\x00b"}, 400, Code.BODY_MALFORMED),
    ],
)
def test_bad_requests_change_nothing(
    more: dict[str, Any], status: int, code: Code, staff: Caller, hub: Hub, ana: str
) -> None:
    use(hub, reason="fault")
    before = books(hub)

    check_refused(hub, ask(staff, "rq-1", **more), code, status)

    assert books(hub) == before
    assert staff.get("/refund-requests").json()["items"] == []


@on_sqlite
def test_a_session_is_asked_back_once(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub, reason="fault")
    use(hub, "ses_0", charge=0)
    ask(staff, "rq-1", amount_minor=100)
    assert ask(staff, "rq-2").json()["amount_minor"] == 250

    check_refused(hub, ask(staff, "rq-3"), Code.ALREADY_REFUNDED)
    check_refused(hub, ask(staff, "rq-4", "ses_0"), Code.ALREADY_REFUNDED)
    check_refused(hub, ask(staff, "rq-1", amount_minor=99), Code.ID_CONFLICT)


@on_sqlite
def test_the_rules_are_told_in_words_with_their_own_numbers(staff: Caller, ana: str) -> None:
    rules(
        staff,
        {"kinds": ["laser"], "approver": "second", "faults": [], "automatic_minor": 0},
        window_ms=3 * DAY_MS,
        automatic_minor=725,
        processing_days=2,
        fee={"fixed_minor": 40, "ppm": 12_500},
    )

    text = staff.get("/refund-rules").json()["text"]
    laser = staff.get("/refund-rules", kind="laser").json()["text"]

    for number in ("3 days", "€7.25", "2 days", "€0.40 and 1.25 %"):
        assert number in text
    assert "Two people" in laser
    assert "at once" not in laser


@on_sqlite
@pytest.mark.parametrize(
    "rule",
    [
        {"sites": ["riverside"]},
        {"window_ms": -1},
        {"reasons": []},
        {"automatic_minor": 10**19},
        {"fee": {"ppm": 900_000}},
        {"reasons": [{"id": "A", "words": "x"}]},
    ],
)
def test_rules_that_cannot_be_followed_are_refused(
    rule: dict[str, Any], staff: Caller, ana: str
) -> None:
    before = staff.get("/rules/refunds/EUR").json()

    check_problem(staff.post("/rules/refunds/EUR", {"rules": [rule]}), 400)

    assert staff.get("/rules/refunds/EUR").json() == before


def test_two_people_grant_a_large_refund(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub, reason="fault")
    other = Caller(staff.client, make_key(hub).token)
    staff.post("/rules/second-person/EUR", {"refund_minor": 100})
    assert ask(staff, "rq-1").json()["state"] == "requested"
    alone = staff.post("/refund-requests/rq-1/approve", {}, key="ok-1")
    check_refused(hub, alone, Code.SECOND_PERSON)

    action = {"action": {"kind": "refund_request", "request": "rq-1"}}
    asked = staff.post("/approvals", action, key="sp-1").json()
    assert staff.get("/refund-requests/rq-1").json()["state"] == "approved"
    done = other.post("/approvals/sp-1/approve", {"digest": asked["digest"]}, key="y-1")

    assert done.json()["state"] == "done"
    assert staff.get("/refund-requests/rq-1").json()["state"] == "booked"
    assert balance(staff, ana)["wallet"] == 2_340
    check_out(hub)


@on_sqlite
def test_a_second_person_who_disagrees_refuses_the_request(
    staff: Caller, hub: Hub, ana: str
) -> None:
    other = Caller(staff.client, make_key(hub).token)
    rules(staff, approver="second")
    use(hub)
    use(hub, "ses_2")
    for key, session in (("rq-1", "ses_1"), ("rq-2", "ses_2")):
        ask(staff, key, session)
        staff.post(
            "/approvals", {"action": {"kind": "refund_request", "request": key}}, key=f"sp-{key}"
        )

    other.post("/approvals/sp-rq-1/refuse", {"reason": "it ran"})
    staff.post("/approvals/sp-rq-2/refuse", {"reason": "asked too early"})

    states = {one["id"]: one["state"] for one in staff.get("/refund-requests").json()["items"]}
    assert states == {"rq-1": "refused", "rq-2": "requested"}
    check_out(hub)


def test_a_session_is_refunded_in_cash(staff: Caller, hub: Hub, ana: str) -> None:
    use(hub)
    body = {"reason": "it stopped", "till": "counter"}

    answer = staff.post("/sessions/ses_1/refunds", body, key="rf-1")

    assert answer.json()["till"] == "counter"
    assert balance(staff, ana)["wallet"] == 1_990
    assert books(hub)["EUR:cash/counter"] == -2 * 2_340 + 350
    check_out(hub)


@on_sqlite
def test_a_large_refund_by_staff_takes_a_second_person(staff: Caller, hub: Hub, ana: str) -> None:
    other = Caller(staff.client, make_key(hub).token)
    staff.post("/rules/second-person/EUR", {"refund_minor": 100})
    use(hub)
    alone = staff.post("/sessions/ses_1/refunds", {"reason": "broken"}, key="rf-1")
    words = check_refused(hub, alone, Code.SECOND_PERSON)
    assert "POST /approvals" in words

    action = {"action": {"kind": "refund", "session": "ses_1", "reason": "broken"}}
    asked = staff.post("/approvals", action, key="rf-1").json()
    other.post("/approvals/rf-1/approve", {"digest": asked["digest"]}, key="y-1")

    assert asked["amount_minor"] == 350
    assert balance(staff, ana)["wallet"] == 2_340
    again = other.post("/approvals/rf-1/approve", {"digest": asked["digest"]}, key="y-2")
    assert again.json()["state"] == "done"
    assert balance(staff, ana)["wallet"] == 2_340
    check_out(hub)
