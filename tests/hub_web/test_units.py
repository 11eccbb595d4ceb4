"""Units of one's own, and cards that pay in several of them."""

from __future__ import annotations

import pytest

from hub.bootstrap import Hub
from hub.people import card_list
from tests.hub_web.conftest import Caller
from tests.hub_web.place import set_up
from tests.hub_web.refusals import refused
from wire.errors import Code

WASH = {"code": "WASH", "exponent": 0}
CARD = "crd_acc_ana"


@pytest.fixture
def washes(hub: Hub, staff: Caller) -> str:
    """An account of washes, beside Ana's euros."""
    set_up(hub)
    staff.post("/units", WASH)
    staff.post("/accounts", {"id": "ana-washes", "unit": "WASH"})
    return "ana-washes"


def purses_listed(hub: Hub) -> dict[str, str]:
    with hub.store.read() as connection:
        page = card_list.entries_after(connection, "riverside", 0, 100)
    return next(entry.purses for entry in page.entries if entry.account == "acc_ana")


def test_a_declared_unit_stays_what_it_is(staff: Caller) -> None:
    assert staff.post("/units", WASH).json() == {"code": "WASH", "exponent": 0, "symbol": ""}
    assert staff.post("/units", WASH).status_code == 201

    refused(staff.post("/units", WASH | {"exponent": 2}), 409, Code.ID_CONFLICT)
    refused(staff.post("/units", {"code": "EUR", "exponent": 0}), 409, Code.ID_CONFLICT)
    refused(staff.post("/units", {"code": "wash"}), 400, Code.BODY_MALFORMED)
    codes = [unit["code"] for unit in staff.get("/units").json()["items"]]
    assert codes[-1] == "WASH"
    assert "EUR" in codes
    assert staff.get("/units/WASH").json() == {"code": "WASH", "exponent": 0, "symbol": ""}


def test_accounts_tariffs_and_gifts_can_have_a_declared_unit(staff: Caller, washes: str) -> None:
    refused(staff.post("/accounts", {"id": "x", "unit": "PAGE"}), 400, Code.BODY_MALFORMED)
    tariff = {"id": "one-wash", "version": 1, "name": "A wash", "unit": "WASH"}
    made = staff.post("/tariffs", tariff | {"start_fee_micros": 1_000_000})
    assert made.json()["unit"] == WASH | {"symbol": ""}

    staff.post(f"/accounts/{washes}/lots", {"amount_minor": 10}, key="g")
    top_up = {"amount_minor": 10, "till": "counter"}
    assert staff.post(f"/accounts/{washes}/top-ups", top_up, key="t").json()["unit"] == "WASH"

    balance = staff.get(f"/accounts/{washes}/balance").json()
    assert (balance["unit"], balance["wallet_minor"], balance["bonus_minor"]) == ("WASH", 10, 10)


def test_money_never_crosses_units(staff: Caller, washes: str) -> None:
    gift = {"account": washes, "amount_minor": 10}

    refused(staff.post("/accounts/acc_ana/gifts", gift, key="g"), 409, Code.UNIT_MISMATCH)


def test_a_card_pays_in_each_unit_from_one_account(staff: Caller, hub: Hub, washes: str) -> None:
    linked = staff.post(f"/cards/{CARD}/purses", {"account": washes})

    assert linked.json()["items"] == [{"unit": "WASH", "account": washes}]
    assert staff.post(f"/cards/{CARD}/purses", {"account": washes}).json() == linked.json()
    assert staff.get(f"/cards/{CARD}/purses").json() == linked.json()
    assert purses_listed(hub) == {"WASH": washes}

    for _ in range(2):
        assert staff.delete(f"/cards/{CARD}/purses/WASH").status_code == 204
    assert purses_listed(hub) == {}


def test_a_second_account_in_a_unit_is_refused(staff: Caller, hub: Hub, washes: str) -> None:
    staff.post("/accounts", {"id": "more-washes", "unit": "WASH"})
    staff.post(f"/cards/{CARD}/purses", {"account": washes})

    for card, account, status, code in (
        (CARD, "acc_sam", 409, Code.STATE_CONFLICT),
        (CARD, "more-washes", 409, Code.STATE_CONFLICT),
        (CARD, "nobody", 404, Code.ACCOUNT_UNKNOWN),
        ("crd_none", washes, 404, Code.NOT_FOUND),
    ):
        refused(staff.post(f"/cards/{card}/purses", {"account": account}), status, code)

    assert purses_listed(hub) == {"WASH": washes}


def test_a_purse_goes_with_the_card_that_takes_anothers_place(
    staff: Caller, hub: Hub, washes: str
) -> None:
    staff.post(f"/cards/{CARD}/purses", {"account": washes})

    new = staff.post(f"/cards/{CARD}/replace", {"uid": "04FFEEDDCCBBAA"}).json()

    assert new["account"] == "acc_ana"
    assert purses_listed(hub) == {"WASH": washes}
    assert staff.get(f"/cards/{new['id']}/purses").json()["items"][0]["account"] == washes


def test_a_closed_purse_is_off_the_list(staff: Caller, hub: Hub, washes: str) -> None:
    staff.post(f"/cards/{CARD}/purses", {"account": washes})
    with hub.store.read() as connection:
        before = card_list.last_revision(connection)

    staff.post(f"/accounts/{washes}/close", {})

    assert purses_listed(hub) == {}
    with hub.store.read() as connection:
        page = card_list.entries_after(connection, "riverside", before, 100)
    assert [entry.account for entry in page.entries] == ["acc_ana"]
