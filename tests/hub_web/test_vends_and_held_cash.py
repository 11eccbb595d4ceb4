"""What machines couldn't settle by themselves, over HTTP: vends and money without a card."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, update

from hub.bootstrap import Hub
from hub.ledger import accounts as chart
from hub.ledger.items import Item, Move
from hub.store.tables.charging import cash_holdings, sessions
from tests.hub_web.both import balance, check_refused, check_sound
from tests.hub_web.conftest import Caller
from tests.hub_web.place import book_session, set_up
from tests.hub_web.test_bad_requests import check_problem
from wire.errors import Code


@pytest.fixture
def vended(hub: Hub) -> None:
    """A session whose outcome nobody knows, paid by the wallet."""
    set_up(hub)

    def job(tx: Any) -> None:
        book_session(
            tx, "ses_v", charge_minor=0, tax_minor=0, state="undecided", reason="vend_unknown"
        )
        legs = (Move(chart.wallet("acc_ana", "EUR"), chart.house("suspense", "EUR"), 119),)
        tx.book.must_post(Item(id="ses_v", unit="EUR", kind="session", legs=legs, ref="ses_v"))
        mine = update(sessions).where(sessions.c.id == "ses_v")
        tx.connection.execute(mine.values(charge_minor=119, unbacked_minor=119))

    hub.writer.run(job)


def decide(staff: Caller, key: str, *, gave: bool) -> Any:
    body = {"gave": gave, "reason": "the shelf is full"}
    return staff.post("/sessions/ses_v/decision", body, key=key)


@pytest.mark.parametrize(
    ("gave", "state", "left"), [(True, "ended", 2_221), (False, "refunded", 2_340)]
)
def test_a_person_decides_what_a_vend_was(
    staff: Caller, hub: Hub, vended: None, *, gave: bool, state: str, left: int
) -> None:
    waiting = staff.get("/sessions", state="undecided").json()["items"]
    assert [one["id"] for one in waiting] == ["ses_v"]

    answer = decide(staff, "dec-1", gave=gave)
    again = decide(staff, "dec-1", gave=gave)

    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == state
    assert answer.content == again.content
    assert balance(staff, "acc_ana")["wallet"] == left
    check_refused(hub, decide(staff, "dec-2", gave=not gave), Code.STATE_CONFLICT)
    assert staff.get("/sessions", state="undecided").json()["items"] == []
    check_sound(hub)


def test_a_decision_needs_a_reason(staff: Caller, vended: None) -> None:
    check_problem(staff.post("/sessions/ses_v/decision", {"gave": True}, key="dec-1"), 400)


def test_money_without_a_card_is_listed(staff: Caller, hub: Hub) -> None:
    set_up(hub)
    row = {
        "controller": "wash-1",
        "epoch": "ep_wash-1",
        "machine": "washer-1",
        "unit": "EUR",
        "held_minor": 250,
        "at_ms": 5,
    }
    rows = [row | {"id": "csh_1", "state": "unclaimed"}, row | {"id": "csh_2", "state": "held"}]
    hub.writer.run(lambda tx: tx.connection.execute(insert(cash_holdings), rows))

    found = staff.get("/cash-holdings", state="unclaimed").json()["items"]

    assert [(one["id"], one["held_minor"]) for one in found] == [("csh_1", 250)]
    assert len(staff.get("/cash-holdings").json()["items"]) == 2
