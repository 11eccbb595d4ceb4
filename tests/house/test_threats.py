"""Every claim of `docs/threats.md` names tests, and those tests exist."""

from __future__ import annotations

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text()
NAMED = re.compile(r"`(test_[a-z0-9_]+)`")
DEFINED = re.compile(r"^(?:    )?def (test_[a-z0-9_]+)\(", re.MULTILINE)


def test_every_test_that_the_page_names_exists():
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in DEFINED.findall(path.read_text())
    }

    named = NAMED.findall(PAGE)

    assert len(named) > 50
    assert [name for name in named if name not in defined] == []


def test_every_claim_names_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.startswith(("| does |", "| --- |"))]

    assert len(claims) > 40
    assert [row for row in claims if NAMED.search(row.rsplit("|", 2)[1]) is None] == []


def test_every_attacker_has_a_table():
    parts = PAGE.split("\n## ")[1:-1]

    assert len(parts) == 6
    assert all("| does | worst in money | what stops it |" in part for part in parts)
