"""The simulator is tested: a bug that is planted in a copy makes a trial fail.

Some of them here; all of them in a night (`python -m tests.proof.campaign`).
"""

from __future__ import annotations

import os
import re

import pytest

from tests.proof.campaign import BEGIN, END, PAGE, ROOT, find
from tests.proof.mutations import BOOK, MUTATIONS
from tests.proof.planted import BUGS

ALL = bool(os.environ.get("STANDPIPE_ALL_BUGS"))
QUICK = ("relay before journal",)
"""Found by the first seeds."""
SEEDS_MAX = 200 if ALL else 20
CHOSEN = [bug for bug in MUTATIONS if ALL or bug.name in QUICK]


@pytest.mark.parametrize("bug", CHOSEN, ids=lambda bug: bug.name)
def test_a_planted_bug_makes_a_trial_fail(bug):
    found = find(bug, SEEDS_MAX, workers=2)

    assert found.seeds is not None


@pytest.mark.parametrize("bug", MUTATIONS, ids=lambda bug: bug.name)
def test_each_bug_can_still_be_planted(bug):
    for edit in bug.edits:
        assert (ROOT / edit.path).read_text().count(edit.right) == 1


def test_the_page_names_bugs_that_can_be_planted():
    page = PAGE.read_text()
    rows = re.findall(
        r"^\| (.+?) \| (\d+) \| .+ \|$", page[page.index(BEGIN) : page.index(END)], re.MULTILINE
    )

    assert rows
    assert {name for name, _ in rows} <= {bug.name for bug in MUTATIONS}


def test_the_bugs_of_the_book_are_among_them():
    names = {bug.name for bug in MUTATIONS}

    assert {bug.name for bug in BUGS} <= names
    assert BOOK
