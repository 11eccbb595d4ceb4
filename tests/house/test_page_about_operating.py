"""The page about databases, backups and keys does what it says."""

from __future__ import annotations

from tests.house.pages import check_page


def test_its_commands_print_what_it_says(postgres, tmp_path):
    check_page("docs/operating.md", tmp_path, DATABASE=postgres.url(postgres.create()))
