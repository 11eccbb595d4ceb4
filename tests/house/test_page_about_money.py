"""The page about money does what it says."""

from __future__ import annotations

from tests.house.pages import check_page


def test_its_commands_print_what_it_says(tmp_path):
    check_page("docs/money.md", tmp_path)
