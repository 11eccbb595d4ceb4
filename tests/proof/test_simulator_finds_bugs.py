"""The simulator is tested: a bug that is planted in a copy makes a trial fail.

Some of them here, at the seed at which they were found; all of them in a night
(`python -m tests.proof.campaign`).
"""

from __future__ import annotations

import os

import pytest

from tests.proof.campaign import BEGIN, END, PAGE, ROOT, fails_at, recorded, table_of
from tests.proof.mutations import BOOK, MUTATIONS
from tests.proof.planted import BUGS

ALL = bool(os.environ.get("STANDPIPE_ALL_BUGS"))
FOUND_MIN = 25
QUICK = ("relay before journal", "an event booked again with its batch")
"""One each of agent and hub, found by the first seeds."""
CHOSEN = [bug for bug in MUTATIONS if ALL or bug.name in QUICK]


@pytest.mark.parametrize("bug", CHOSEN, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_a_trial_fail_where_it_did(bug):
    seed = recorded()[bug.name].seeds
    if seed is None:
        pytest.skip("no seed has found it yet")

    assert fails_at(bug, seed)


@pytest.mark.parametrize("bug", MUTATIONS, ids=lambda bug: bug.name)
def test_each_bug_can_still_be_planted(bug):
    for edit in bug.edits:
        assert (ROOT / edit.path).read_text().count(edit.right) == 1


def test_enough_bugs_were_found():
    found = [one for one in recorded().values() if one.seeds is not None]

    assert len(found) >= FOUND_MIN


def test_the_page_shows_what_was_recorded():
    page = PAGE.read_text()

    assert page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip() == table_of(recorded())


def test_the_bugs_of_the_book_are_among_them():
    names = {bug.name for bug in MUTATIONS}

    assert {bug.name for bug in BUGS} <= names
    assert BOOK
