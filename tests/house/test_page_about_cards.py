"""The page about cards and their keys does what it says."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from firmware_agent.cli import app
from tests.house.pages import ROOT, check_page

PAGE = "docs/card-security.md"


def test_its_commands_print_what_it_says(tmp_path):
    check_page(PAGE, tmp_path)


def test_each_command_that_it_names_exists_with_its_options():
    """Those that need a card and a reader are run by tests of their own, on virtual ones."""
    named = re.findall(
        r"^standpipe-agent (card [a-z-]+)([^#\n]*)", (ROOT / PAGE).read_text(), re.MULTILINE
    )
    assert len(named) >= 6

    for command, rest in named:
        shown = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=200)
        assert shown.exit_code == 0, command
        for option in re.findall(r"--[a-z]+", rest):
            assert option in shown.output, (command, option)
