"""Offline codes: sold or given, typed at one controller, booked once, never refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from desk import Desk

from hub.bootstrap import Hub
from hub.charging.lots import LOTS_PER_ACCOUNT_MAX
from hub.fleet.code_keys import code_key
from hub.people.keys import Scope
from hub.store.tables.fleet import controllers
from simulator.light_controller import LightController
from tests.hub_web.both import books, check_refused, check_sound, on_sqlite
from tests.hub_web.conftest import Caller, make_key
from tests.hub_web.test_lists import walk
from wire.codes import COUNTERS, WINDOW, OfflineCode, read_code
from wire.enrolment import EnrolmentRequest, prove
from wire.errors import Code
from wire.keys import Signer, decode_bytes

OWED = "EUR:clearing/codes"


@pytest.fixture
def desk(tmp_path, database):
    desk = Desk(tmp_path, database)
    desk.add_site()
    yield desk
    desk.close()


@pytest.fixture
def hub(desk: Desk) -> Hub:
    return desk.hub


@pytest.fixture
def cellar(desk: Desk) -> LightController:
    """A controller with a machine, and Ana with a card and nothing paid in."""
    controller = desk.add_controller("cellar", "washer-1")
    desk.add_account("ana")
    return controller


def issue(staff: Caller, key: str = "b1", controller: str = "cellar", **more: Any) -> Any:
    body = {
        "name": "Slips for the cellar",
        "funding": "sold",
        "amount_minor": 1_000,
        "count": 3,
        "till": "counter",
    }
    return staff.post(f"/controllers/{controller}/code-batches", body | more, key=key)


def give_away(staff: Caller, key: str = "b1", **more: Any) -> Any:
    return issue(staff, key, **({"funding": "promo", "till": None} | more))


def printed(staff: Caller, batch: str = "b1") -> dict[int, str]:
    answer = staff.post(f"/code-batches/{batch}/print", {})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return {int(row["counter"]): row["code"] for row in csv.DictReader(io.StringIO(answer.text))}


def void(staff: Caller, key: str, batch: str = "b1", **more: Any) -> Any:
    return staff.post(f"/code-batches/{batch}/void", {"reason": "lost"} | more, key=key)


def wash(cellar: LightController, session: str, shares: tuple[int, int], minutes: int) -> None:
    cellar.start(session, "ana", "washer-1")
    cellar.wall_ms += minutes * 60_000
    cellar.end(session, "ana", "washer-1", shares, minutes=minutes)


def states(staff: Caller, batch: str = "b1") -> dict[str, int]:
    found = staff.get(f"/code-batches/{batch}").json()["states"]
    return {name: count for name, count in found.items() if count}


def enrolment_key(desk: Desk, signer: Signer) -> bytes:
    """The key for codes that the controller gets when it is enrolled."""
    return decode_bytes(desk.enrol(signer).reply.code_key)


def test_a_sold_code_is_owed_until_it_is_typed(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    assert issue(staff).status_code == 201
    assert books(desk.hub) == {"EUR:cash/counter": -3_000, OWED: 3_000}
    check_sound(desk.hub)

    cellar.redeem(2, "ana", "washer-1", 1_000)
    wash(cellar, "ses_1", (300, 0), 30)
    cellar.release("ana", 700)
    desk.journal(cellar)

    found = books(desk.hub)
    assert (found["EUR:wallet/ana"], found[OWED], found["EUR:cash/counter"]) == (700, 2_000, -3_000)
    assert found["EUR:revenue/washer-1"] + found["EUR:tax/190000"] == 300
    assert states(staff) == {"issued": 2, "used": 1}
    used = staff.get("/code-batches/b1/codes").json()["items"][1]
    assert (used["counter"], used["state"], used["account"]) == (2, "used", "ana")
    assert desk.alarm_codes() == []
    check_sound(desk.hub)


def test_the_digits_are_those_that_the_controller_reads(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff, amount_minor=2_500, last_year=2030)
    key = enrolment_key(desk, cellar.signer)

    codes = printed(staff)

    assert len(codes) == 3
    for counter, digits in codes.items():
        assert read_code(key, "cellar", ["EUR"], digits) == (
            "EUR",
            OfflineCode(counter, 2_500, 2030),
        )
    assert printed(staff) == codes, "again gives the same"


def test_the_digits_and_the_key_are_kept_nowhere(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    codes = printed(staff)
    key = enrolment_key(desk, cellar.signer)
    with desk.store.read() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if desk.store.is_sqlite
            else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).scalars()
        kept = "\n".join(
            str(connection.exec_driver_sql(f'SELECT * FROM "{table}"').all()) for table in tables
        )
    for digits in codes.values():
        assert digits not in kept
        assert digits.replace(" ", "") not in kept
    assert key.hex() not in kept
    assert repr(key)[2:-1] not in kept


def test_the_same_journal_again_books_nothing_twice(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    for counter in (1, 2):
        cellar.redeem(counter, "ana", "washer-1", 1_000)
    desk.journal(cellar)
    once = books(desk.hub)

    for size in (1, 2, 100):
        desk.journal(cellar, *cellar.batches(size=size))

    assert books(desk.hub) == once
    assert once["EUR:escrow/ana"] == 2_000


@pytest.mark.parametrize(
    ("counter", "minor", "alarm"),
    [(1, 1_000, Code.CODE_USED), (99, 1_000, Code.CODE_INVALID), (2, 2_000, Code.AMOUNT_INVALID)],
)
def test_what_is_not_right_about_a_code_is_booked_from_suspense(
    desk: Desk, staff: Caller, cellar: LightController, counter: int, minor: int, alarm: Code
) -> None:
    issue(staff)
    cellar.redeem(1, "ana", "washer-1", 1_000)
    cellar.redeem(counter, "ana", "washer-1", minor)
    desk.journal(cellar)

    found = books(desk.hub)
    assert found["EUR:suspense/"] == -minor
    assert found["EUR:escrow/ana"] == 1_000 + minor
    assert found[OWED] == 2_000
    assert desk.alarm_codes() == [alarm]
    check_sound(desk.hub)


def test_a_voided_code_that_was_typed_all_the_same_is_a_fact(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    assert void(staff, "v1", counters=[2], till="counter").status_code == 201
    assert books(desk.hub) == {"EUR:cash/counter": -2_000, OWED: 2_000}

    cellar.redeem(2, "ana", "washer-1", 1_000)
    desk.journal(cellar)

    found = books(desk.hub)
    assert (found["EUR:suspense/"], found["EUR:escrow/ana"]) == (-1_000, 1_000)
    assert desk.alarm_codes() == [Code.CODE_USED]
    assert states(staff) == {"issued": 2, "void": 1}
    check_sound(desk.hub)


def test_what_was_paid_for_voided_codes_goes_back_or_lapses(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    first = void(staff, "v1", counters=[1, 3])
    again = void(staff, "v1", counters=[1, 3])

    assert first.content == again.content
    assert books(desk.hub)["EUR:breakage/"] == 2_000
    check_refused(desk.hub, void(staff, "v2", counters=[3]), Code.STATE_CONFLICT)
    void(staff, "v3")
    assert states(staff) == {"void": 3}
    assert OWED not in books(desk.hub)
    check_refused(desk.hub, void(staff, "v4"), Code.STATE_CONFLICT)
    assert void(staff, "v1", counters=[2]).json()["code"] == Code.ID_CONFLICT


def test_a_promotional_code_gives_a_lot_which_is_never_paid_out(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    give_away(staff)
    assert books(desk.hub) == {}
    cellar.redeem(1, "ana", "washer-1", 1_000)
    wash(cellar, "ses_1", (300, 0), 30)
    desk.journal(cellar)
    lot = "gift:code:cellar:epo_cellar:1"
    assert books(desk.hub)[f"EUR:escrow/ana/{lot}"] == 700

    cellar.release("ana", 700)
    desk.journal(cellar)

    found = books(desk.hub)
    assert (found["EUR:promo/"], found[f"EUR:bonus/ana/{lot}"]) == (-1_000, 700)
    assert "EUR:wallet/ana" not in found
    assert states(staff) == {"issued": 2, "used": 1}
    assert desk.alarm_codes() == []
    check_sound(desk.hub)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_how_a_journal_is_cut_does_not_change_what_a_gift_pays(
    desk: Desk, staff: Caller, cellar: LightController, size: int
) -> None:
    desk.top_up("ana", 500)
    give_away(staff)
    issue(staff, "b2", count=1)
    wash(cellar, "ses_1", (0, 200), 20)
    cellar.redeem(1, "ana", "washer-1", 1_000)
    wash(cellar, "ses_2", (300, 0), 30)
    cellar.redeem(4, "ana", "washer-1", 1_000)
    desk.journal(cellar, *cellar.batches(size=size))

    found = books(desk.hub)
    # The first session was before the gift: paid money pays it, however batches are cut.
    assert found["EUR:wallet/ana"] == 300
    assert found["EUR:escrow/ana/gift:code:cellar:epo_cellar:3"] == 700
    assert found["EUR:escrow/ana"] == 1_000
    check_sound(desk.hub)


@on_sqlite
def test_a_gift_that_does_not_fit_is_still_booked(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    give_away(staff, count=LOTS_PER_ACCOUNT_MAX + 1, amount_minor=1)
    for counter in range(1, LOTS_PER_ACCOUNT_MAX + 2):
        cellar.redeem(counter, "ana", "washer-1", 1)
    desk.journal(cellar)

    assert books(desk.hub)["EUR:suspense/"] == -1
    assert desk.alarm_codes() == [Code.LOT_UNFIT]
    check_sound(desk.hub)


@on_sqlite
def test_a_code_for_an_account_that_nobody_knows_is_booked_too(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    give_away(staff, "b2")
    cellar.redeem(1, "nobody", "washer-1", 1_000)
    cellar.redeem(4, "nobody", "washer-1", 1_000)
    desk.journal(cellar)

    found = books(desk.hub)
    assert found["EUR:escrow/nobody"] == 1_000
    assert found["EUR:escrow/nobody/gift:code:cellar:epo_cellar:2"] == 1_000
    assert desk.alarm_codes() == [Code.ACCOUNT_UNKNOWN]
    check_sound(desk.hub)


def test_codes_are_numbered_on_and_batches_listed(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    desk.add_controller("attic", "dryer-1")
    first = issue(staff).json()
    second = issue(staff, "b2", count=2).json()
    other = issue(staff, "b3", controller="attic").json()

    assert [one["first_counter"] for one in (first, second, other)] == [1, 4, 1]
    assert [one["id"] for one in walk(staff, "/code-batches", limit=1)] == ["b3", "b2", "b1"]
    mine = walk(staff, "/code-batches", limit=1, controller="cellar")
    assert [one["id"] for one in mine] == ["b2", "b1"]
    assert [one["counter"] for one in walk(staff, "/code-batches/b2/codes", limit=1)] == [4, 5]


@on_sqlite
def test_the_same_request_again_issues_nothing(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    first = issue(staff)
    again = issue(staff)

    assert first.content == again.content
    assert books(desk.hub)[OWED] == 3_000
    check_refused(desk.hub, issue(staff, count=2), Code.ID_CONFLICT)


@on_sqlite
def test_another_key_makes_all_that_was_printed_worthless(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff)
    code = printed(staff)[1]
    renewed = Signer(b"n" * 32, "cellar")

    key = enrolment_key(desk, renewed)

    assert read_code(key, "cellar", ["EUR"], code).name == "NOT_GENUINE"
    assert staff.get("/code-batches/b1").json()["typeable"] is False
    refused = staff.post("/code-batches/b1/print", {})
    assert "another key" in check_refused(desk.hub, refused, Code.STATE_CONFLICT)
    assert issue(staff, "b2").json()["first_counter"] == 1
    assert void(staff, "v1", till="counter").status_code == 201
    check_sound(desk.hub)


@on_sqlite
def test_the_key_is_the_same_for_a_retry_and_another_for_each_controller(desk: Desk) -> None:
    one = desk.add_controller("cellar", "washer-1")
    two = desk.add_controller("attic", "dryer-1")
    code = desk.run(lambda tx: _new_code(tx, desk))
    request = EnrolmentRequest(
        controller="cellar",
        code=code,
        public_key=one.signer.public,
        proof=prove(one.signer, code),
    )

    replies = [desk.run(lambda tx: _enrol(tx, request, desk)) for _ in range(2)]

    assert replies[0].code_key == replies[1].code_key
    keys = {
        code_key(desk.hub.keys, name, public)
        for name in ("cellar", "attic")
        for public in (one.signer.public, two.signer.public)
    }
    assert len(keys) == 4
    assert replies[0].code_key not in repr(desk.hub.keys)


def _new_code(tx, desk):
    from hub.fleet.enrolment import new_code

    return new_code(tx, "cellar", desk.entropy)


def _enrol(tx, request, desk):
    from hub.fleet.enrolment import enrol

    return enrol(tx, request, desk.hub.keys, desk.hub.config).reply


@on_sqlite
def test_a_controller_that_enrolled_before_there_were_codes_is_enrolled_anew_first(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    desk.run(lambda tx: tx.connection.execute(controllers.update().values(code_mark="")))

    words = check_refused(desk.hub, issue(staff), Code.STATE_CONFLICT)

    assert "enrol cellar" in words
    desk.enrol(cellar.signer)
    assert issue(staff).status_code == 201


@on_sqlite
def test_no_more_codes_wait_than_a_controller_remembers(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    for batch in range(WINDOW // 500):
        assert give_away(staff, f"g{batch}", count=500).status_code == 201
    words = check_refused(desk.hub, give_away(staff, "g-last", count=500), Code.LIMIT_EXCEEDED)
    assert "code 1 of cellar" in words

    void(staff, "v0", "g0")

    assert give_away(staff, "g-last", count=500).status_code == 201


@on_sqlite
def test_a_key_is_good_for_so_many_codes(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    issue(staff, count=1)
    desk.run(lambda tx: _count_to(tx, COUNTERS - 2))

    assert issue(staff, "b2", count=2).json()["code"] == Code.LIMIT_EXCEEDED
    assert issue(staff, "b3", count=1).status_code == 201
    assert issue(staff, "b4", count=1).json()["code"] == Code.LIMIT_EXCEEDED


def _count_to(tx, counter: int) -> None:
    from hub.store.tables.codes import offline_codes

    tx.connection.execute(offline_codes.update().values(counter=counter))


@on_sqlite
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"amount_minor": 1_234}, "1000 and 1500"),
        ({"amount_minor": 0}, ""),
        ({"amount_minor": -1_000}, ""),
        ({"amount_minor": 10.5}, ""),
        ({"count": 0}, ""),
        ({"count": 501}, ""),
        ({"last_year": 2025}, ""),
        ({"last_year": 2038}, ""),
        ({"unit": "NIX"}, "NIX"),
        ({"till": None}, "till"),
        ({"funding": "promo"}, "till"),
        ({"name": " "}, "name"),
    ],
)
def test_codes_that_cannot_be_are_refused(
    desk: Desk, staff: Caller, cellar: LightController, wrong: dict[str, Any], words: str
) -> None:
    answer = issue(staff, **wrong)

    assert answer.status_code == 400, answer.text
    assert words in answer.json()["detail"]
    assert books(desk.hub) == {}


@on_sqlite
def test_a_year_that_is_over_is_no_year_to_end_in(
    desk: Desk, staff: Caller, cellar: LightController
) -> None:
    desk.clock.advance(5 * 366 * 86_400_000)

    assert issue(staff, last_year=2026).status_code == 400
    assert issue(staff, last_year=2030).status_code == 201


@on_sqlite
def test_there_is_no_such_controller_or_batch(desk: Desk, staff: Caller) -> None:
    assert issue(staff, controller="nowhere").status_code == 404
    assert staff.get("/code-batches/none").status_code == 404
    assert staff.get("/code-batches/none/codes").status_code == 404
    assert staff.post("/code-batches/none/print", {}).status_code == 404
    assert void(staff, "v1", "none").status_code == 404


@on_sqlite
def test_giving_money_away_takes_more_than_selling_it(
    desk: Desk, client, cellar: LightController
) -> None:
    clerk = Caller(client, make_key(desk.hub, Scope.PAYMENTS_WRITE).token)

    assert issue(clerk).status_code == 201
    assert give_away(clerk, "b2").json()["code"] == Code.SCOPE_MISSING
