from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from simulator.benchmarks.registry import BENCHMARKS, choose
from simulator.benchmarks.report import format_table
from simulator.benchmarks.rows import make_row, quantile
from simulator.errors import SetupError

SAMPLES = st.lists(st.integers(0, 1_000), min_size=1, max_size=50)


@given(SAMPLES, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_the_least_sample_that_enough_others_don_t_exceed(samples, share):
    found = quantile(samples, share)

    below = sum(sample <= found for sample in samples)
    assert found in samples
    assert below >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


def test_a_quantile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        quantile([], 0.5)


def test_a_row_says_its_ratio_to_the_peer():
    row = make_row("ledger", 30_000.4, "transfers/s", peer=60_000, waiters=1_000)

    assert msgspec.to_builtins(row) == {
        "name": "ledger",
        "value": 30_000,
        "unit": "transfers/s",
        "peer": 60_000,
        "ratio": 0.5,
        "detail": {"waiters": 1_000},
    }


def test_a_row_without_peer_has_no_ratio():
    assert make_row("agent-memory", 40.0, "MB").ratio is None


def test_people_get_a_table_with_every_figure():
    rows = [make_row("a", 1.5, "ms", peer=3, samples=7), make_row("longer-name", 12_345, "rows/s")]

    table = format_table(rows)

    for text in ("1.500", "0.50", "samples 7", "longer-name", "12,345"):
        assert text in table


def test_no_names_are_all_benchmarks():
    assert choose([]) == BENCHMARKS


def test_an_unknown_benchmark_is_refused_with_those_that_exist():
    with pytest.raises(SetupError, match="ledger-single"):
        choose(["tap", "tpa"])
