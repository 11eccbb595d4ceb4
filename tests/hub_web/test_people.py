"""Accounts and cards as staff keep them; no UID is kept anywhere."""

from __future__ import annotations

import logging

import pytest

from hub.bootstrap import Hub
from hub.people.card_list import entries_after
from tests.hub_web.conftest import OTHER_UID, UID, Caller
from tests.hub_web.place import set_up
from tests.hub_web.test_bad_requests import check_problem
from wire.downlink import CardEntry, Standing
from wire.errors import Code
from wire.ids import card_ref


@pytest.fixture
def ana(hub: Hub) -> str:
    set_up(hub)
    return "acc_ana"


def entry_of(hub: Hub, uid: str) -> CardEntry | None:
    """A card as a controller of the site learns of it."""
    ref = card_ref(hub.keys.card_salt, bytes.fromhex(uid))
    with hub.store.read() as connection:
        page = entries_after(connection, "riverside", 0, 500)
    return next((entry for entry in page.entries if entry.card == ref), None)


def test_an_account_is_opened_with_what_staff_decide(staff: Caller) -> None:
    body = {
        "id": "acc_lab",
        "name": "The lab",
        "group": "member",
        "tariffs": {"laser": "laser-cheap"},
        "permissions": {"laser": 0},
        "credit_limit_minor": 1_000,
    }

    first = staff.post("/accounts", body)
    again = staff.post("/accounts", body)
    other = staff.post("/accounts", {**body, "name": "Another"})

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.json()["unit"] == "EUR"
    check_problem(other, 409)
    assert staff.get("/accounts/acc_lab").json() == first.json()


def test_what_a_change_leaves_out_stays(staff: Caller) -> None:
    staff.post("/accounts", {"id": "acc_lab", "name": "The lab", "group": "member"})

    changed = staff.patch("/accounts/acc_lab", {"group": "guest"}).json()

    assert (changed["name"], changed["group"]) == ("The lab", "guest")


def test_credit_reaches_the_book(staff: Caller, ana: str) -> None:
    spend = {"amount_minor": 3_000}
    check_problem(staff.post(f"/accounts/{ana}/deposits", spend, key="d1"), 409)

    staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 1_000})
    assert staff.post(f"/accounts/{ana}/deposits", spend, key="d1").status_code == 201
    back = staff.patch(f"/accounts/{ana}", {"credit_limit_minor": 100})

    assert staff.get(f"/accounts/{ana}/balance").json()["wallet_minor"] == -660
    assert check_problem(back, 409)["code"] == Code.LIMIT_IN_USE
    assert staff.get(f"/accounts/{ana}").json()["credit_limit_minor"] == 1_000


def test_a_blocked_account_is_listed_blocked_and_comes_back(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/cards", {"account": ana, "uid": UID})

    staff.patch(f"/accounts/{ana}", {"state": "blocked"})
    blocked = entry_of(hub, UID)
    staff.patch(f"/accounts/{ana}", {"state": "open"})
    back = entry_of(hub, UID)

    assert blocked is not None
    assert (blocked.standing, blocked.floor_minor) == (Standing.BLOCKED, 0)
    assert back is not None
    assert (back.standing, back.floor_minor) == (Standing.OK, 200)


def test_a_closed_account_stays_closed_and_keeps_its_money(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/cards", {"account": ana, "uid": UID})

    assert staff.post(f"/accounts/{ana}/close").json()["state"] == "closed"
    again = staff.patch(f"/accounts/{ana}", {"state": "open"})

    assert check_problem(again, 409)["code"] == Code.ACCOUNT_CLOSED
    assert staff.post(f"/accounts/{ana}/close").status_code == 200
    check_problem(staff.post("/cards", {"account": ana, "uid": OTHER_UID}), 409)
    entry = entry_of(hub, UID)
    assert entry is not None
    assert (entry.standing, entry.floor_minor) == (Standing.CLOSED, 0)
    assert staff.get(f"/accounts/{ana}/balance").json()["wallet_minor"] == 2_340


def test_a_card_is_linked_by_tap_and_found_by_tap(staff: Caller, ana: str) -> None:
    linked = staff.post("/cards", {"account": ana, "uid": UID, "label": "blue fob"}).json()
    spelled = ":".join(UID[i : i + 2] for i in range(0, len(UID), 2)).lower()

    found = staff.post("/cards/lookup", {"uid": spelled})
    again = staff.post("/cards", {"account": ana, "uid": UID})

    assert found.json() == linked
    assert again.json()["id"] == linked["id"]
    assert linked["id"] in {
        card["id"] for card in staff.get(f"/accounts/{ana}/cards").json()["items"]
    }
    unknown = staff.post("/cards/lookup", {"uid": OTHER_UID})
    assert check_problem(unknown, 404)["code"] == Code.CARD_UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        {"uid": "0800AA55"},
        {"uid": "04A1B2"},
        {"uid": "not a uid"},
        {"uid": "04A1B2C3D4E5F6", "card_ref": "0" * 32},
        {"card_ref": "UPPER" * 6},
        {},
        {"uid": "04A1B2C3D4E5F6", "level": 3},
    ],
)
def test_what_names_no_card_is_refused(body: dict[str, object], staff: Caller, ana: str) -> None:
    answer = check_problem(staff.post("/cards", {"account": ana, **body}), 400)

    if body.get("uid") == "0800AA55":
        assert answer["code"] == Code.CARD_RANDOM_UID


def test_a_card_names_one_account(staff: Caller, ana: str) -> None:
    staff.post("/cards", {"account": ana, "uid": UID})

    check_problem(staff.post("/cards", {"account": "acc_sam", "uid": UID}), 409)


def test_a_lost_card_is_blocked_found_and_unblocked(staff: Caller, hub: Hub, ana: str) -> None:
    card = staff.post("/cards", {"account": ana, "uid": UID}).json()

    blocked = staff.post(f"/cards/{card['id']}/block").json()
    twice = staff.post(f"/cards/{card['id']}/block").json()
    entry = entry_of(hub, UID)
    found = staff.post(f"/cards/{card['id']}/unblock").json()

    assert blocked["state"] == "blocked"
    assert blocked["list_revision"] > card["list_revision"]
    assert twice == blocked
    assert entry is not None
    assert entry.standing is Standing.BLOCKED
    assert found["state"] == "active"
    assert found["list_revision"] > blocked["list_revision"]


def test_a_replaced_card_leaves_its_account_the_money(staff: Caller, hub: Hub, ana: str) -> None:
    old = staff.post("/cards", {"account": ana, "uid": UID, "label": "fob"}).json()

    new = staff.post(f"/cards/{old['id']}/replace", {"uid": OTHER_UID})
    again = staff.post(f"/cards/{old['id']}/replace", {"uid": OTHER_UID})

    assert new.status_code == 201
    assert again.json() == new.json()
    assert (new.json()["account"], new.json()["label"]) == (ana, "fob")
    gone = staff.get(f"/cards/{old['id']}").json()
    assert (gone["state"], gone["replaced_by"]) == ("replaced", new.json()["id"])
    assert staff.get(f"/accounts/{ana}/balance").json()["wallet_minor"] == 2_340
    assert entry_of(hub, UID) is None
    assert entry_of(hub, OTHER_UID) is not None
    for path in ("block", "unblock"):
        check_problem(staff.post(f"/cards/{old['id']}/{path}"), 409)
    check_problem(staff.post("/cards", {"account": ana, "uid": UID}), 409)
    third = {"uid": "04C1B2C3D4E5F6"}
    check_problem(staff.post(f"/cards/{old['id']}/replace", third), 409)


def test_no_uid_is_kept_or_logged(
    staff: Caller, hub: Hub, ana: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        card = staff.post("/cards", {"account": ana, "uid": UID}).json()
        staff.post("/cards/lookup", {"uid": UID})
        staff.post(f"/cards/{card['id']}/replace", {"uid": OTHER_UID})
        staff.post("/cards", {"account": "acc_sam", "uid": OTHER_UID})
        staff.post("/cards", {"account": "acc_sam", "uid": "08" + UID[2:8]})

    for uid in (UID, OTHER_UID, "08" + UID[2:8]):
        raw = bytes.fromhex(uid)
        for file in hub.config.data.iterdir():
            data = file.read_bytes()
            assert raw not in data, file
            assert uid.encode() not in data.upper(), file
        assert uid not in caplog.text.upper()
        assert raw.hex() not in caplog.text


def test_a_changed_deposit_group_or_price_travels_with_the_cards(
    staff: Caller, hub: Hub, ana: str
) -> None:
    staff.post("/cards", {"account": ana, "uid": UID, "level": 1})

    staff.post(f"/accounts/{ana}/deposits", {"amount_minor": 500}, key="d1")
    staff.patch(
        f"/accounts/{ana}",
        {"group": "member", "tariffs": {"laser": "cheap"}, "permissions": {"laser": 0}},
    )

    entry = entry_of(hub, UID)
    assert entry is not None
    assert (entry.deposit_minor, entry.group) == (500, "member")
    assert (entry.tariffs, entry.permissions) == ({"laser": "cheap"}, {"laser": 0})
    assert entry.floor_minor == 500


def test_a_card_that_was_given_keys_is_known_with_level_and_version(
    staff: Caller, hub: Hub, ana: str
) -> None:
    card = staff.post("/cards", {"account": ana, "uid": UID}).json()
    keyed = {"level": 1, "key_version": 2}

    known = staff.post(f"/cards/{card['id']}/keyed", keyed).json()
    again = staff.post(f"/cards/{card['id']}/keyed", keyed).json()
    entry = entry_of(hub, UID)

    assert (card["level"], card["key_version"]) == (0, 0)
    assert (known["level"], known["key_version"]) == (1, 2)
    assert again == known
    assert entry is not None
    assert entry.level == 1
    assert staff.get(f"/cards/{card['id']}/taps").json()["items"] == []
    check_problem(staff.post(f"/cards/{card['id']}/keyed", {"level": 0, "key_version": 2}), 400)
    staff.post(f"/cards/{card['id']}/replace", {"uid": OTHER_UID})
    check_problem(staff.post(f"/cards/{card['id']}/keyed", keyed), 409)
