"""The README's commands print what it says."""

from __future__ import annotations

from tests.house.pages import check_page


def test_the_readme_s_commands_print_what_it_says(tmp_path):
    check_page("README.md", tmp_path)
