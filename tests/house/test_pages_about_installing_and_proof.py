"""The pages about installing and about proof do what they say."""

from __future__ import annotations

import pytest

from tests.house.pages import check_page


@pytest.mark.parametrize("page", ["docs/installing.md", "docs/proof.md"])
def test_their_commands_print_what_they_say(page, tmp_path):
    check_page(page, tmp_path)
