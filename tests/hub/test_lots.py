"""Money given in lots: who gets it, what it pays for, and where it goes in the end."""

from __future__ import annotations

import pytest
from desk import card_of
from sqlalchemy import event

from hub.charging import allowances, lots
from hub.charging.lot import LotState
from hub.charging.lots import LOTS_PER_ACCOUNT_MAX, Gift
from hub.errors import ConflictError, InputError, NotFoundError, RefusedError
from hub.fleet import sites
from hub.fleet.machines import put_machine
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.people import accounts
from wire import topics
from wire.errors import Code
from wire.machines import Machine

PROMO = chart.house("promo", "EUR")
BREAKAGE = chart.house("breakage", "EUR")
DAY_MS = 86_400_000


def gift(id_: str, minor: int, *kinds: str, account: str = "ann", **more) -> Gift:
    given = {"giver": PROMO, "source": "promo", "reason": "welcome", "by": "test"} | more
    return Gift(id=id_, account=account, amount_minor=minor, kinds=kinds, **given)


def give(desk, id_: str, minor: int, *kinds: str, **more):
    return desk.run(lambda tx: lots.give(tx, gift(id_, minor, *kinds, **more)))


def box_for(desk, name: str, *kinds: str):
    """A controller with a machine of each kind."""
    box = desk.add_controller(name)
    for kind in kinds:
        machine = Machine(id=f"{name}-{kind}", name=kind, kind=kind, tariff="minute")
        desk.run(lambda tx, new=machine: put_machine(tx, name, new))
    box.boot()
    desk.journal(box)
    return box


def want(desk, box, machine: str, minor: int, account: str = "ann", request: str = "1") -> int:
    """Ask for a right; gives what was granted."""
    name = f"req_{box.name}_{request}"
    desk.deliver(box, topics.UP_WANT, box.want(name, account, card_of(account), machine, minor))
    return desk.rows(f"SELECT granted_minor FROM wants WHERE request = '{name}'")[0][0]


def sell(desk, box, machine: str, backed: int, unbacked: int, account: str = "ann") -> str:
    """Let a controller report a session."""
    session = f"ses_{box.name}_{box.last_seq}"
    box.start(session, account, machine)
    box.wall_ms += (backed + unbacked) * 6_000
    box.end(session, account, machine, (backed, unbacked), minutes=(backed + unbacked) // 10)
    desk.journal(box)
    return session


def expire(desk, limit: int = 100) -> int:
    return desk.run(lambda tx: lots.expire(tx, tx.now_ms, limit))


def free(desk, id_: str, account: str = "ann") -> int:
    return desk.balance(chart.bonus(account, "EUR", id_))


def held(desk, id_: str, account: str = "ann") -> int:
    return desk.balance(chart.escrow(account, "EUR", id_))


def state(desk, id_: str) -> LotState:
    with desk.store.read() as connection:
        return lots.get_lot(connection, id_).state


def test_a_gift_is_given_once(desk):
    desk.add_account("ann")
    first = give(desk, "lot_1", 500, "washer", "dryer")
    again = give(desk, "lot_1", 500, "dryer", "washer")

    assert again == first
    assert free(desk, "lot_1") == 500
    with pytest.raises(ConflictError) as caught:
        give(desk, "lot_1", 501, "washer", "dryer")
    assert caught.value.code is Code.ID_CONFLICT
    assert desk.faults() == []


def test_kinds_that_overlap_are_refused(desk):
    desk.add_account("ann")
    give(desk, "lot_1", 500, "washer", "dryer")

    for kinds in (("washer",), ("washer", "dryer"), (), ("laser",), ("dryer", "washer", "iron")):
        give(desk, f"lot_{len(kinds)}_{'_'.join(kinds)}", 10, *kinds)
    before = desk.books()
    with pytest.raises(RefusedError, match="overlaps") as caught:
        give(desk, "lot_9", 10, "washer", "laser")

    assert caught.value.code is Code.LOT_UNFIT
    assert desk.books() == before


@pytest.mark.parametrize(
    ("wrong", "error", "code"),
    [
        ({"amount_minor": 0}, InputError, Code.AMOUNT_INVALID),
        ({"amount_minor": -5}, InputError, Code.AMOUNT_INVALID),
        ({"amount_minor": 10**16}, InputError, Code.AMOUNT_INVALID),
        ({"account": "nobody"}, NotFoundError, Code.ACCOUNT_UNKNOWN),
        ({"account": "gone"}, ConflictError, Code.ACCOUNT_CLOSED),
        ({"giver": chart.house("promo", "USD")}, InputError, Code.UNIT_MISMATCH),
        ({"giver": chart.wallet("ann", "EUR")}, InputError, Code.BODY_MALFORMED),
        ({"giver": chart.wallet("poor", "EUR")}, RefusedError, Code.BALANCE_TOO_LOW),
        ({"expires_ms": 1}, InputError, Code.BODY_MALFORMED),
        ({"kinds": ("No Kind",)}, InputError, Code.BODY_MALFORMED),
        ({"source": "Why?"}, InputError, Code.BODY_MALFORMED),
    ],
)
def test_what_cannot_be_given_changes_nothing(desk, wrong, error, code):
    for account in ("ann", "gone", "poor"):
        desk.add_account(account)
    desk.run(lambda tx: accounts.close_account(tx, "gone"))
    asked = {"id": "lot_1", "account": "ann", "amount_minor": 5, "giver": PROMO, "source": "promo"}

    with pytest.raises(error) as caught:
        desk.run(lambda tx: lots.give(tx, Gift(**asked | {"reason": "", "by": "t"} | wrong)))

    assert caught.value.code is code
    assert desk.books() == {}
    assert desk.rows("SELECT * FROM lots") == []


def test_lots_that_are_used_up_make_room_for_others(desk):
    desk.add_account("ann")
    box = box_for(desk, "pi-1", "washer")
    for number in range(LOTS_PER_ACCOUNT_MAX):
        give(desk, f"lot_{number:02}", 10)
    with pytest.raises(RefusedError, match="the most"):
        give(desk, "lot_99", 10)

    sell(desk, box, "pi-1-washer", 0, 10 * LOTS_PER_ACCOUNT_MAX)

    assert desk.overrun("ann") == 0
    assert {row[0] for row in desk.rows("SELECT state FROM lots")} == {"closed"}
    give(desk, "lot_99", 10)
    assert desk.faults() == []


def test_a_right_holds_lots_only_where_every_machine_fits(desk):
    desk.add_account("ann", 100)
    give(desk, "lot_1", 300, "washer")
    only, mixed = box_for(desk, "pi-1", "washer"), box_for(desk, "pi-2", "washer", "laser")

    assert want(desk, mixed, "pi-2-washer", 250) == 100
    assert want(desk, only, "pi-1-washer", 250) == 250
    assert (held(desk, "lot_1"), free(desk, "lot_1")) == (250, 50)
    assert desk.escrow("ann") == 100
    assert desk.faults() == []


def test_a_standing_right_holds_lots_only_where_every_machine_fits(desk):
    box_for(desk, "pi-1", "washer")
    box_for(desk, "pi-2", "laser")
    desk.add_account("ann", 40)
    give(desk, "lot_1", 300, "washer")
    desk.run(lambda tx: sites.change_site(tx, sites.Site(id="cellar", standing_minor=200)))
    for name, minor in (("pi-1", 10), ("pi-2", 10)):
        place = ("ann", name, f"epo_{name}")
        desk.run(lambda tx, at=place, m=minor: allowances.grant(tx, f"g_{at[1]}", at, "EUR", m))
    desk.step()

    rows = desk.rows("SELECT controller, lot, held_minor FROM allowance_lots")
    assert [tuple(row) for row in rows] == [("pi-1", "lot_1", 200)]
    assert desk.escrow("ann") == 40
    assert desk.faults() == []


def test_a_session_is_paid_from_lots_that_fit_before_what_was_paid_in(desk):
    desk.add_account("ann", 500)
    box = box_for(desk, "pi-1", "washer", "laser")
    assert want(desk, box, "pi-1-washer", 200) == 200
    give(desk, "lot_1", 120, "washer")

    session = sell(desk, box, "pi-1-washer", 150, 0)

    # What was held of paid money for it went back.
    assert desk.wallet("ann") + desk.escrow("ann") == 500 - 30
    assert (free(desk, "lot_1"), held(desk, "lot_1")) == (0, 0)
    row = desk.rows(f"SELECT backed_minor, unbacked_minor FROM sessions WHERE id = '{session}'")
    assert tuple(row[0]) == (150, 0)
    assert desk.faults() == []


def test_a_lot_held_for_machines_that_changed_goes_back_and_paid_money_pays(desk):
    desk.add_account("ann")
    give(desk, "lot_1", 300, "washer")
    box = box_for(desk, "pi-1", "washer")
    assert want(desk, box, "pi-1-washer", 200) == 200
    laser = Machine(id="laser", name="Laser", kind="laser", tariff="minute")
    desk.run(lambda tx: put_machine(tx, "pi-1", laser))

    session = sell(desk, box, "laser", 120, 0)

    assert desk.overrun("ann") == 120
    assert (free(desk, "lot_1"), held(desk, "lot_1")) == (220, 80)
    row = desk.rows(f"SELECT overrun_minor, unbacked_minor FROM sessions WHERE id = '{session}'")
    assert tuple(row[0]) == (120, 120)
    assert desk.faults() == []


def test_what_is_free_of_a_lot_lapses_and_what_is_held_waits(desk):
    desk.add_account("ann", 100)
    box = box_for(desk, "pi-1", "washer")
    give(desk, "lot_1", 300, expires_ms=desk.clock.now().wall_ms + DAY_MS)
    assert want(desk, box, "pi-1-washer", 120) == 120
    assert expire(desk) == 0

    desk.clock.advance(DAY_MS)
    assert expire(desk) == 1
    assert expire(desk) == 0
    assert (free(desk, "lot_1"), held(desk, "lot_1")) == (0, 120)
    assert desk.balance(BREAKAGE) == 180
    assert state(desk, "lot_1") is LotState.EXPIRED

    sell(desk, box, "pi-1-washer", 50, 0)
    assert desk.wallet("ann") == 100
    box.release("ann", 70)
    desk.journal(box)

    assert desk.balance(BREAKAGE) == 250
    assert state(desk, "lot_1") is LotState.CLOSED
    assert desk.wallet("ann") == 100
    assert desk.faults() == []


def test_expiry_is_bounded_and_goes_on_where_it_stopped(desk):
    desk.add_account("ann")
    for number in range(5):
        give(desk, f"lot_{number}", 10, expires_ms=desk.clock.now().wall_ms + DAY_MS + number)
    desk.clock.advance(2 * DAY_MS)

    assert [expire(desk, 2), expire(desk, 2), expire(desk, 2)] == [2, 2, 1]
    assert desk.balance(BREAKAGE) == 50


def test_a_sponsors_money_goes_back_and_settles_what_the_sponsor_owes_first(desk):
    desk.add_account("ann")
    desk.add_account("school", 1_000)
    box = box_for(desk, "pi-1", "washer")
    school = chart.wallet("school", "EUR")
    lot = give(desk, "lot_1", 900, giver=school, source="sponsor")
    sell(desk, box, "pi-1-washer", 0, 250, account="school")
    assert (desk.wallet("school"), desk.overrun("school")) == (0, 150)

    for _ in range(2):
        ended = desk.run(lambda tx: lots.expire_early(tx, lot.id))

    assert ended.state is LotState.CLOSED
    assert (desk.wallet("school"), desk.overrun("school")) == (750, 0)
    assert desk.balance(BREAKAGE) == 0
    assert desk.faults() == []


def test_a_lot_pays_from_its_start_on(desk):
    desk.add_account("ann")
    box = box_for(desk, "pi-1", "washer")
    give(desk, "lot_1", 300, starts_ms=desk.clock.now().wall_ms + DAY_MS)

    assert want(desk, box, "pi-1-washer", 100, request="1") == 0
    sell(desk, box, "pi-1-washer", 0, 20)
    assert (free(desk, "lot_1"), desk.overrun("ann")) == (300, 20)
    desk.top_up("ann", 20)

    desk.clock.advance(DAY_MS)
    assert expire(desk) == 1
    assert want(desk, box, "pi-1-washer", 100, request="2") == 100
    assert held(desk, "lot_1") == 100
    assert desk.faults() == []


def test_money_that_comes_back_opens_a_lot_again_or_lapses(desk):
    desk.add_account("ann")
    box = box_for(desk, "pi-1", "washer")
    give(desk, "lot_1", 100, expires_ms=desk.clock.now().wall_ms + DAY_MS)
    sell(desk, box, "pi-1-washer", 0, 100)
    assert state(desk, "lot_1") is LotState.CLOSED
    code = chart.bonus("ann", "EUR", "lot_1")
    revenue = chart.revenue("pi-1-washer", "EUR")

    def give_back(id_: str):
        def job(tx):
            legs = (Move(revenue, code, 30),)
            tx.book.must_post(Item(id=id_, unit="EUR", kind="refund", legs=legs))
            lots.returned(tx, (code, revenue))

        desk.run(job)

    give_back("ref_1")
    assert (state(desk, "lot_1"), free(desk, "lot_1")) == (LotState.OPEN, 30)

    desk.clock.advance(DAY_MS)
    expire(desk)
    give_back("ref_2")

    assert (state(desk, "lot_1"), free(desk, "lot_1")) == (LotState.CLOSED, 0)
    assert desk.balance(BREAKAGE) == 60
    assert desk.faults() == []


def test_what_is_forfeited_goes_back_to_its_lots(desk):
    desk.add_account("ann", 50)
    give(desk, "lot_1", 100)
    box = box_for(desk, "pi-1", "washer")
    assert want(desk, box, "pi-1-washer", 120) == 120
    place = ("ann", "pi-1", box.epoch)

    first, again = (
        desk.run(lambda tx: allowances.forfeit(tx, "frf_1", place, "the disk is gone"))
        for _ in range(2)
    )

    assert (first, again) == (120, 0)
    assert (free(desk, "lot_1"), desk.wallet("ann"), desk.escrow("ann")) == (100, 50, 0)
    assert desk.faults() == []


def test_a_new_lot_is_held_before_paid_money_is(desk):
    desk.add_account("ann", 200)
    box = box_for(desk, "pi-1", "washer")
    assert want(desk, box, "pi-1-washer", 150) == 150

    give(desk, "lot_1", 100)

    assert (held(desk, "lot_1"), desk.escrow("ann"), desk.wallet("ann")) == (100, 50, 150)
    assert desk.faults() == []


def test_what_pays_for_a_request_is_in_order(desk):
    desk.add_account("ann")
    now_ms = desk.clock.now().wall_ms
    give(desk, "lot_a", 10)
    give(desk, "lot_b", 10, "course")
    give(desk, "lot_c", 10, expires_ms=now_ms + DAY_MS)
    give(desk, "lot_d", 10, starts_ms=now_ms + DAY_MS)
    wallet = chart.wallet("ann", "EUR")
    everything = [chart.bonus("ann", "EUR", id_) for id_ in ("lot_c", "lot_a")]

    course = desk.run(lambda tx: lots.pay_codes(tx, "ann", "EUR", "course"))
    other = desk.run(lambda tx: lots.pay_codes(tx, "ann", "EUR"))

    assert course == (chart.bonus("ann", "EUR", "lot_b"), *everything, wallet)
    assert other == (*everything, wallet)


def test_accounts_without_lots_cost_no_statement_about_lots(desk):
    """Ingest learns from the statement that it makes anyway whether there are any."""
    desk.add_account("ann", 500)
    desk.add_account("bob", 500)
    box = box_for(desk, "pi-1", "washer")
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(desk.store.writing, "before_cursor_execute", note)
    sell(desk, box, "pi-1-washer", 0, 50, account="bob")
    without, seen[:] = list(seen), []
    give(desk, "lot_1", 100)
    seen.clear()
    sell(desk, box, "pi-1-washer", 0, 50, account="ann")
    event.remove(desk.store.writing, "before_cursor_execute", note)

    assert [s.partition(" FROM")[0][:18] for s in without if "lots" in s] == ["SELECT accounts.id"]
    assert [statement for statement in seen if "allowance_lots" in statement]
