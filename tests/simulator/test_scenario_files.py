"""What is wrong with a scenario's file is said at once, with line and key; and it can fail."""

from __future__ import annotations

import msgspec
import pytest
from typer.testing import CliRunner

from simulator.cli import app
from simulator.scenarios.lines import line_of, lines_of
from simulator.scenarios.model import Wanted
from simulator.scenarios.reading import ScenarioFaultsError, read_all
from simulator.scenarios.run import Outcome, in_words, play_all

WRONG = """\
colour = 3
steps = [
  { do = "press", part = "dreier" },
  { do = "fly", part = "dryer" },
  { do = "tap", part = "reader.dryer", card = "zoe", hold_ms = "long" },
  { do = "tap", part = "reader.dryer" },
  { see = "relay", part = "dryer" },
  { see = "taste", part = "dryer", is = "sweet" },
  { see = "used", part = "dryer", at_least = "some" },
  { wait = 3 },
  { journal = "sesion_ended" },
  { journal = "session_ended", with = { colour = "red" } },
  { journal = "card_refused", with = { code = "CARD_RED" } },
  { book = "wallet", of = "zoe", is = 3 },
  { pause_ms = -1 },
]

[people.ana]
card = "gold"
paid_minor = "much"
"""


def write(tmp_path, text, name="it.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def faults_of(*paths):
    with pytest.raises(ScenarioFaultsError) as caught:
        read_all(paths)
    return caught.value.faults


def test_all_faults_are_said_at_once_with_line_and_key(tmp_path):
    found = {(fault.line, fault.key) for fault in faults_of(write(tmp_path, WRONG))}

    assert found == {
        (1, "about"),
        (1, "colour"),
        (3, "steps[0].part"),
        (4, "steps[1].do"),
        (5, "steps[2].card"),
        (5, "steps[2].hold_ms"),
        (6, "steps[3].card"),
        (7, "steps[4]"),
        (8, "steps[5].see"),
        (9, "steps[6].at_least"),
        (10, "steps[7]"),
        (11, "steps[8].journal"),
        (12, "steps[9].with.colour"),
        (13, "steps[10].with.code"),
        (14, "steps[11].of"),
        (15, "steps[12].pause_ms"),
        (19, "people.ana.card"),
        (20, "people.ana.paid_minor"),
    }


def test_faults_of_several_files_are_said_together(tmp_path):
    first = write(tmp_path, "steps = [", "first.toml")
    second = write(tmp_path, 'about = "nothing happens"\n', "second.toml")

    assert [fault.path for fault in faults_of(first, second)] == [str(first), str(second)]


def test_the_command_says_faults_in_words(tmp_path):
    path = write(tmp_path, WRONG)

    done = CliRunner().invoke(app, ["scenario", str(path)])

    assert done.exit_code == 1
    assert f"{path}:3: steps[0].part: there is no part 'dreier'" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no scenario 'nowhere'"),
        ([], "--list says which there are"),
        (["cycle-runs", "--all"], "--list says which there are"),
    ],
)
def test_a_wrong_command_is_refused_in_words(arguments, said):
    done = CliRunner().invoke(app, ["scenario", *arguments])

    assert done.exit_code == 1
    assert said in done.output


def test_scenarios_are_listed_with_what_they_show():
    done = CliRunner().invoke(app, ["scenario", "--list"])

    assert done.exit_code == 0
    assert "cycle-runs " in done.output
    assert "A washer is started by a pulse" in done.output


def test_a_scenario_that_needs_what_isn_t_installed_is_skipped_with_the_reason(tmp_path):
    text = 'about = "x"\nneeds = ["no-such-program"]\nsteps = [\n  { pause_ms = 0 },\n]\n'

    (outcome,) = play_all(read_all((write(tmp_path, text),)))

    assert outcome == Outcome(
        name="it", outcome="skipped", reason="no-such-program isn't installed"
    )
    assert "0 passed, 0 failed, 1 skipped" in in_words((outcome,))


def test_outcomes_are_json_for_other_programs():
    outcome = Outcome(name="it", outcome="failed", reason="line 3: no", seconds=1.5)

    assert msgspec.json.decode(msgspec.json.encode(outcome)) == {
        "name": "it",
        "outcome": "failed",
        "reason": "line 3: no",
        "seconds": 1.5,
    }


@pytest.mark.parametrize(
    ("how", "value", "seen", "holds"),
    [
        ("is", "open", "open", True),
        ("is", 3, "3", False),
        ("is_not", "open", "closed", True),
        ("has", "Wh", "5 Wh", True),
        ("at_least", 3, 3, True),
        ("at_most", 3, 4, False),
        ("at_least", 3, "4", False),
    ],
)
def test_what_must_be_is_compared(how, value, seen, holds):
    assert Wanted(how, value).holds(seen) is holds


def test_growth_is_counted_from_when_the_step_began():
    assert not Wanted("grows_by", 5).since(100).holds(104)
    assert Wanted("grows_by", 5).since(100).holds(105)


def test_lines_are_those_of_tables_keys_and_entries():
    text = 'a = 1\n\n[[steps]]\ndo = "x"\n[[steps]]\n[people.ana]\ncard = 1\n'
    text += "list = [\n  { b = 1 },\n]\n"
    lines = lines_of(text)

    assert line_of(lines, ("a",)) == 1
    assert line_of(lines, ("steps", 0, "do")) == 4
    assert line_of(lines, ("steps", 1, "part")) == 5
    assert line_of(lines, ("people", "ana", "card")) == 7
    assert line_of(lines, ("people", "ana", "list", 0, "b")) == 9
    assert line_of(lines, ("nothing",)) == 1
