"""Vouchers: each code becomes money once, and what was paid for it is owed until then."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from litestar.testing import TestClient

from hub.bootstrap import Hub
from hub.charging.lots import find_lot
from hub.payments.voucher_batches import VOUCHERS_PER_BATCH_MAX, expire_vouchers
from hub.people.keys import Scope
from hub.web.limits import REDEMPTIONS_PER_MINUTE_MAX
from tests.hub_web.both import (
    balance,
    books,
    check_refused,
    check_sound,
    hub_on,
    on_sqlite,
    open_account,
    pay_in,
)
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.test_bad_requests import check_problem
from tests.hub_web.test_lists import walk
from wire.clock import ManualClock
from wire.errors import Code

DAY_MS = 86_400_000
OWED = "EUR:clearing/vouchers"


@pytest.fixture
def hub(tmp_path, database):
    yield from hub_on(tmp_path, database)


@pytest.fixture
def ana(staff: Caller) -> str:
    return open_account(staff, "acc_ana")


def make(staff: Caller, key: str = "b1", **more: Any) -> Any:
    body = {
        "name": "Summer",
        "funding": "sold",
        "amount_minor": 1_000,
        "count": 3,
        "till": "counter",
    }
    return staff.post("/voucher-batches", body | more, key=key)


def give_away(staff: Caller, key: str = "b1", **more: Any) -> Any:
    return make(staff, key, **({"funding": "promo", "till": None} | more))


def printed(staff: Caller, batch: str = "b1", *, again: bool = False) -> list[dict[str, str]]:
    answer = staff.post(f"/voucher-batches/{batch}/print", {"again": again})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["cache-control"] == "no-store"
    return list(csv.DictReader(io.StringIO(answer.text)))


def codes(staff: Caller, batch: str = "b1") -> list[str]:
    return [row["code"] for row in printed(staff, batch)]


def redeem(staff: Caller, account: str, code: str, key: str) -> Any:
    return staff.post(f"/accounts/{account}/redemptions", {"code": code}, key=key)


def void(staff: Caller, key: str, batch: str = "b1", **more: Any) -> Any:
    return staff.post(f"/voucher-batches/{batch}/void", {"reason": "lost"} | more, key=key)


def test_a_sold_voucher_is_owed_until_it_is_redeemed(staff: Caller, hub: Hub, ana: str) -> None:
    make(staff)
    sold = books(hub)
    code = codes(staff)[0]

    first = redeem(staff, ana, code.lower().replace("-", " "), "r1")
    again = redeem(staff, ana, code.lower().replace("-", " "), "r1")

    assert sold == {"EUR:cash/counter": -3_000, OWED: 3_000}
    assert first.status_code == 201
    assert first.content == again.content
    assert (first.json()["kind"], first.json()["about"]) == ("voucher", "voucher:b1/1")
    assert books(hub) == {"EUR:cash/counter": -3_000, OWED: 2_000, "EUR:wallet/acc_ana": 1_000}
    states = staff.get("/voucher-batches/b1").json()["states"]
    assert states == {"issued": 2, "used": 1, "void": 0, "expired": 0}
    check_sound(hub)


def test_a_promotional_voucher_is_a_gift_when_it_is_redeemed(
    staff: Caller, hub: Hub, ana: str, clock: ManualClock
) -> None:
    give_away(staff, kinds=["washer"], gift_days=14)
    assert books(hub) == {}

    redeem(staff, ana, codes(staff)[0], "r1")

    with hub.store.read() as connection:
        lot = find_lot(connection, "r1")
    assert lot is not None
    assert (lot.kinds, lot.expires_ms) == (("washer",), clock.now().wall_ms + 14 * DAY_MS)
    assert (lot.source, lot.reason) == ("voucher", "Summer")
    assert books(hub) == {"EUR:promo/": -1_000, "EUR:bonus/acc_ana/r1": 1_000}
    check_sound(hub)


def test_codes_are_shown_once_and_kept_nowhere(staff: Caller, hub: Hub, ana: str) -> None:
    make(staff)
    rows = printed(staff)

    second = staff.post("/voucher-batches/b1/print", {})

    assert [row["serial"] for row in rows] == ["1", "2", "3"]
    assert len({row["code"] for row in rows}) == 3
    assert {(row["amount_minor"], row["unit"]) for row in rows} == {("1000", "EUR")}
    assert "shown once" in check_refused(hub, second, Code.STATE_CONFLICT)
    plain = [row["code"].replace("-", "") for row in rows]
    with hub.store.read() as connection:
        tables = ("vouchers", "voucher_batches", "idempotency", "payments", "items")
        kept = str(
            [connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in tables]
        ).replace("-", "")
    assert not [code for code in plain if code in kept]
    assert "code" not in staff.get("/voucher-batches/b1/vouchers").json()["items"][0]


def test_printing_again_makes_the_old_codes_worthless(staff: Caller, hub: Hub, ana: str) -> None:
    make(staff)
    old = codes(staff)
    redeem(staff, ana, old[0], "r1")

    new = printed(staff, again=True)

    assert [row["serial"] for row in new] == ["2", "3"]
    check_refused(hub, redeem(staff, ana, old[1], "r2"), Code.CODE_INVALID, 403)
    assert redeem(staff, ana, new[0]["code"], "r2").status_code == 201
    check_sound(hub)


def test_a_code_works_once_whoever_tries(staff: Caller, hub: Hub) -> None:
    one, two = open_account(staff, "acc_one"), open_account(staff, "acc_two")
    make(staff)
    code = codes(staff)[0]
    redeem(staff, one, code, "r1")

    same = check_refused(hub, redeem(staff, one, code, "r2"), Code.CODE_USED)
    other = check_refused(hub, redeem(staff, two, code, "r3"), Code.CODE_USED)
    other_id = check_refused(hub, redeem(staff, two, code, "r1"), Code.ID_CONFLICT)

    assert same == other
    assert "new id" in other_id
    assert balance(staff, one)["wallet"] == 1_000
    assert balance(staff, two)["wallet"] == 0


def test_many_at_once_redeem_a_code_once(hub: Hub, served: str, client: Any) -> None:
    import httpx

    staff = Caller(client, make_key(hub).token)
    account = open_account(staff, "acc_rush")
    make(staff, count=1)
    [code] = codes(staff)

    def send(number: int) -> int:
        url = f"{served}/api/v1/accounts/{account}/redemptions"
        headers = staff.headers | {"Idempotency-Key": f"rush-{number}"}
        return httpx.post(url, json={"code": code}, headers=headers, trust_env=False).status_code

    with ThreadPoolExecutor(4) as crowd:
        answers = sorted(crowd.map(send, range(8)))

    assert answers == [201] + [409] * 7
    assert balance(staff, account)["wallet"] == 1_000
    check_sound(hub)


def test_codes_that_are_unknown_void_expired_or_of_another_unit_are_refused(
    staff: Caller, hub: Hub, clock: ManualClock
) -> None:
    sam, kim = open_account(staff, "acc_sam"), open_account(staff, "acc_kim", unit="PTS")
    make(staff, expires_ms=clock.now().wall_ms + DAY_MS)
    first, second, third = codes(staff)
    void(staff, "v1", serials=[2])
    before = books(hub)

    for wrong in (f"{first[:-1]}{'0' if first[-1] != '0' else '1'}", "x", "U" * 16, second):
        words = check_refused(hub, redeem(staff, sam, wrong, "r1"), Code.CODE_INVALID, 403)
        assert "Nothing changed" in words
    assert "EUR" in check_refused(hub, redeem(staff, kim, first, "r1"), Code.UNIT_MISMATCH)
    check_refused(hub, redeem(staff, "acc_none", first, "r1"), Code.ACCOUNT_UNKNOWN, 404)
    clock.advance(DAY_MS)
    check_refused(hub, redeem(staff, sam, third, "r1"), Code.CODE_EXPIRED)

    assert books(hub) == before
    staff.post(f"/accounts/{kim}/close")
    check_refused(hub, redeem(staff, kim, first, "r1"), Code.ACCOUNT_CLOSED)


@on_sqlite
def test_a_voucher_that_would_make_too_much_stays_good(staff: Caller, hub: Hub) -> None:
    account = open_account(staff, "acc_rich")
    staff.post("/rules/top-ups/EUR", {"balance_minor_max": 1_500})
    make(staff)
    code = codes(staff)[0]
    pay_in(staff, account, 600, "t1")

    words = check_refused(hub, redeem(staff, account, code, "r1"), Code.BALANCE_TOO_HIGH)
    staff.post("/rules/top-ups/EUR", {"balance_minor_max": 1_600})

    assert "spend first" in words
    assert redeem(staff, account, code, "r1").status_code == 201


@on_sqlite
def test_a_redeemed_voucher_settles_an_overrun_first(staff: Caller, hub: Hub, ana: str) -> None:
    from tests.hub_web.test_topups import owe

    make(staff)
    owe(hub, ana, 400)

    redeem(staff, ana, codes(staff)[0], "r1")

    assert balance(staff, ana) == {"wallet": 600, "deposit": 0, "overrun": 0}
    check_sound(hub)


def test_void_vouchers_are_paid_back_or_lapse(staff: Caller, hub: Hub, ana: str) -> None:
    make(staff, count=4)
    code = codes(staff)[0]

    one = void(staff, "v1", serials=[2], till="counter")
    again = void(staff, "v1", serials=[2], till="counter")
    used = redeem(staff, ana, code, "r1")
    rest = void(staff, "v2")

    assert one.content == again.content
    assert (used.status_code, rest.status_code) == (201, 201)
    assert books(hub) == {
        "EUR:cash/counter": -3_000,
        "EUR:wallet/acc_ana": 1_000,
        "EUR:breakage/": 2_000,
    }
    for serials in ([1], [2], [9], []):
        check_refused(hub, void(staff, "v3", serials=serials), Code.STATE_CONFLICT)
    found = walk(staff, "/voucher-batches/b1/vouchers", 3)
    assert [row["state"] for row in found] == ["used", "void", "void", "void"]
    assert found[1]["reason"] == "lost"


def test_expired_vouchers_are_ended_and_their_money_lapses(
    staff: Caller, hub: Hub, clock: ManualClock
) -> None:
    ends_ms = clock.now().wall_ms + DAY_MS
    make(staff, expires_ms=ends_ms, count=5)
    give_away(staff, "b2", expires_ms=ends_ms, count=2)
    make(staff, "b3", count=1)

    def sweep(at_ms: int, limit: int) -> int:
        return hub.writer.run(lambda tx: expire_vouchers(tx, at_ms, limit))

    assert sweep(ends_ms - 1, 10) == 0
    assert [sweep(ends_ms, 3), sweep(ends_ms, 3), sweep(ends_ms, 3), sweep(ends_ms, 3)] == [
        3,
        3,
        1,
        0,
    ]
    assert books(hub) == {"EUR:cash/counter": -6_000, OWED: 1_000, "EUR:breakage/": 5_000}
    assert staff.get("/voucher-batches/b2").json()["states"]["expired"] == 2
    check_refused(hub, void(staff, "v1"), Code.STATE_CONFLICT)
    clock.advance(DAY_MS)
    check_refused(hub, staff.post("/voucher-batches/b1/print", {"again": True}), Code.CODE_EXPIRED)


@on_sqlite
def test_guessing_is_slowed_down_and_right_codes_do_not_count(
    hub: Hub, own_client: TestClient[Any], clock: ManualClock
) -> None:
    staff = Caller(own_client, make_key(hub).token)
    ana, sam = open_account(staff, "acc_ana"), open_account(staff, "acc_sam")
    make(staff, count=12)
    good = codes(staff)

    for number, code in enumerate(good[:11]):
        assert redeem(staff, ana, code, f"g{number}").status_code == 201
    for number in range(REDEMPTIONS_PER_MINUTE_MAX):
        check_problem(redeem(staff, ana, "0000-0000-0000-0001", f"x{number}"), 403)
    blocked = redeem(staff, ana, good[11], "late")

    assert check_problem(blocked, 429)["code"] == Code.TOO_MANY_REQUESTS
    assert int(blocked.headers["retry-after"]) > 0
    assert redeem(staff, sam, "0000-0000-0000-0001", "y").status_code == 403
    clock.advance(60_000)
    assert redeem(staff, ana, good[11], "late").status_code == 201


NOT_BATCHES: tuple[dict[str, Any], ...] = (
    {"amount_minor": 0},
    {"amount_minor": -1},
    {"amount_minor": 1.5},
    {"amount_minor": 100_001},
    {"count": 0},
    {"count": VOUCHERS_PER_BATCH_MAX + 1},
    {"name": "  "},
    {"unit": "NIX"},
    {"funding": "stolen"},
    {"expires_ms": 5},
    {"till": None},
    {"till": "No Till"},
    {"kinds": ["washer"]},
    {"gift_days": 3},
    {"funding": "promo"},
    {"funding": "promo", "till": None, "kinds": ["No Kind"]},
    {"funding": "promo", "till": None, "gift_days": 0},
)


@on_sqlite
def test_batches_that_cannot_be_change_nothing(staff: Caller, hub: Hub) -> None:
    for change in NOT_BATCHES:
        check_problem(make(staff, **change), 400)

    assert books(hub) == {}
    assert staff.get("/voucher-batches").json()["items"] == []
    check_problem(staff.post("/voucher-batches/none/print", {}), 404)
    check_problem(void(staff, "v1", batch="none"), 404)


def test_the_same_batch_again_is_the_same_and_another_is_a_conflict(
    staff: Caller, hub: Hub
) -> None:
    first = make(staff)
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))

    assert make(staff).json() == first.json()
    hub.writer.run(lambda tx: tx.connection.exec_driver_sql("DELETE FROM idempotency"))
    check_refused(hub, make(staff, count=4), Code.ID_CONFLICT)
    assert books(hub)[OWED] == 3_000


@on_sqlite
def test_giving_money_away_takes_more_than_a_key_of_the_desk(hub: Hub, client: Any) -> None:
    desk = Caller(client, make_key(hub, Scope.PAYMENTS_WRITE).token)

    assert make(desk).status_code == 201
    assert check_problem(give_away(desk, "b2"), 403)["code"] == Code.SCOPE_MISSING


@on_sqlite
def test_batches_are_listed_page_by_page(staff: Caller) -> None:
    for number in range(4):
        make(staff, f"b{number}", count=1)

    assert len(walk(staff, "/voucher-batches", 3)) == 4
