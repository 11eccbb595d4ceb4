"""A small fleet on a real broker and hub, and a fleet that asks for too much."""

from __future__ import annotations

import json
import os
import resource

import pytest

from simulator.benchmarks.fleet import measure_fleet
from simulator.errors import SetupError
from simulator.fleet.options import FILES_SPARE, FleetOptions, allow_connections
from simulator.fleet.report import FleetReport, in_words, is_good
from simulator.fleet.run import run_fleet

SECONDS = int(os.environ.get("STANDPIPE_CHAOS_SECONDS", "20"))
LONG_S = 60
OPTIONS = FleetOptions(controllers=40, rate_per_s=20, seconds=2, as_json=True)


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one run."""
    with pytest.MonkeyPatch.context() as patch:
        out, progress = [], []
        patch.setattr(
            "builtins.print",
            lambda text, **options: (progress if options.get("file") else out).append(text),
        )
        folder = tmp_path_factory.mktemp("fleet")
        code = run_fleet(FleetOptions(**_fields(OPTIONS), data=folder))
    return code, "\n".join(out), "\n".join(progress)


def _fields(options: FleetOptions) -> dict[str, object]:
    names = ("controllers", "rate_per_s", "seconds", "as_json")
    return {name: getattr(options, name) for name in names}


def test_every_tap_is_answered_and_every_session_booked(said):
    code, out, _ = said
    report = json.loads(out)

    assert code == 0
    assert report["controllers"] == 40
    assert report["taps"] == report["granted"] == report["sessions"] > 0
    assert report["unanswered"] == report["refused"] == report["unacked_controllers"] == 0
    assert report["charged_minor"] == report["ledger_revenue_minor"] == 5 * report["sessions"]
    assert report["escrow_minor"] == 0
    assert report["money_conserved"]
    assert 0 < report["answer_ms_p50"] <= report["answer_ms_p99"] <= report["answer_ms_max"]


def test_it_says_how_far_it_is(said):
    _, _, progress = said

    for words in ("the hub knows 40 of 40", "connected 40 of 40", "configured 40 of 40"):
        assert words in progress


def test_people_get_words_and_a_wrong_book_shouts(said):
    report = FleetReport(**json.loads(said[1]))
    wrong = FleetReport(**{**json.loads(said[1]), "ledger_revenue_minor": 1})

    assert is_good(report)
    assert "the same" in in_words(report)
    assert not is_good(wrong)
    assert "NOT THE SAME" in in_words(wrong)


def test_a_folder_that_holds_a_fleet_is_left_alone(tmp_path):
    (tmp_path / "hub").mkdir()

    with pytest.raises(SetupError, match="holds a fleet already"):
        run_fleet(FleetOptions(controllers=1, rate_per_s=1, seconds=1, data=tmp_path))


def test_more_connections_than_the_system_allows_are_refused_in_words():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this system sets no limit")

    with pytest.raises(SetupError, match="open files"):
        allow_connections(hard - FILES_SPARE + 1)


@pytest.mark.chaos
def test_the_benchmark_has_a_peer_in_the_same_run():
    if SECONDS < LONG_S:
        pytest.skip(f"it starts a fleet of its own: STANDPIPE_CHAOS_SECONDS={LONG_S} or more")
    options = FleetOptions(controllers=10, rate_per_s=20, seconds=1)

    (row,) = measure_fleet(options, lambda _: None, peer_seconds=1)

    assert row.name == "fleet"
    assert row.value > 0
    assert row.peer is not None
    assert row.detail["unanswered"] == 0
    assert row.detail["money_adds_up"]
