"""A story names what happened in the order in which it did."""

from __future__ import annotations

import io

from simulator.trials.audit import Breach, Invariant
from simulator.trials.progress import Progress
from simulator.trials.story import tell, tell_money
from simulator.trials.witness import Fact


def fact(at_s, kind, who, **what):
    return Fact(at_s * 1_000, kind, who, tuple(what.items()))


def test_facts_and_breaches_are_told_in_order_of_time():
    facts = [
        fact(0, "phase", "", name="faults"),
        fact(61, "cut", "pi-1"),
        fact(3_700, "staff_answered", "staff", id="x1", action="refund", outcome="done", code=0),
        fact(3_800, "staff_answered", "staff", id="x2", action="refund", outcome="refused", code=9),
    ]
    breach = Breach(Invariant.CONSERVED, "a cent is gone", 3_750_000)

    lines = list(tell(facts, [breach]))

    assert lines == [
        "00:00:00  == faults ==",
        "00:01:01  pi-1 is cut off",
        "01:01:40  the hub answers x1: done",
        "01:02:30  !! money is conserved in each unit: a cent is gone",
        "01:03:20  the hub answers x2: refused (9)",
    ]


def test_a_fact_of_another_kind_is_told_plainly():
    (line,) = tell([fact(5, "door_opened", "pi-2", by="cat", seen="")])

    assert line == "00:00:05  pi-2: door opened (by cat)"


def test_money_is_told_by_where_it_went_and_where_it_is():
    lines = "\n".join(tell_money({"top_up": 1_500, "session": 900}, {"wallet": 600, "escrow": 0}))

    assert "top_up" in lines
    assert "1,500" in lines
    assert "escrow" not in lines


def test_progress_is_said_at_the_end_where_there_is_no_terminal():
    out = io.StringIO()
    progress = Progress(2, "seeds", out)

    progress.advance()
    progress.advance("all well")
    progress.close()

    assert out.getvalue().splitlines()[-1].startswith("2 of 2 seeds")
    assert out.getvalue().endswith("all well\n")
