"""The pages about the Raspberry Pi and its parts do what they say."""

from __future__ import annotations

import pytest

from tests.house.pages import check_page


@pytest.mark.parametrize("page", ["docs/raspberry-pi.md", "docs/hardware.md", "docs/bench.md"])
def test_their_commands_print_what_they_say(page, tmp_path):
    check_page(page, tmp_path)
