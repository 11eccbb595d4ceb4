"""Every decoder that takes bytes from outside, fed with all kinds of them.

The kept corpus first, then inputs by Hypothesis: bytes at random, and good inputs that
were bent. STANDPIPE_FUZZ_EXAMPLES multiplies their number; `make fuzz` goes on for hours.
"""

from __future__ import annotations

import os
import tracemalloc
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.fuzz.bend import bend
from tests.fuzz.corpus import BYTES_MAX, FILES_MAX, FOLDER, kept
from tests.fuzz.target import INPUT_BYTES_MAX
from tests.fuzz.targets import NAMES, ROOMS, find

TIMES = int(os.environ.get("STANDPIPE_FUZZ_EXAMPLES", "1"))
MEMORY_BYTES_MAX = 64 << 20
"""Beside what was there before: no input of a few kB may need more for a moment."""


@pytest.mark.parametrize("name", NAMES)
def test_what_a_fuzzer_found_once_does_no_harm(name, tmp_path):
    target = find(name)
    with target.open(tmp_path) as check:
        for data in target.seeds():
            check(data)
        tracemalloc.start()
        try:
            for data in kept(name):
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                check(data)
                assert tracemalloc.get_traced_memory()[1] - before < MEMORY_BYTES_MAX
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_bent_inputs_do_no_harm(name, tmp_path):
    target = find(name)
    seeds = [*target.seeds(), *kept(name)]
    bent = st.builds(bend, st.sampled_from(seeds), st.randoms(use_true_random=False))
    with target.open(tmp_path) as check:

        @settings(
            max_examples=target.examples * TIMES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.one_of(bent, bent, st.binary(max_size=200)))
        def feed(data: bytes) -> None:
            check(data[:INPUT_BYTES_MAX])

        feed()


def test_the_corpus_stays_small():
    folders = [path for path in FOLDER.iterdir() if path.is_dir()]
    assert {path.name for path in folders} <= set(NAMES)
    for name in NAMES:
        inputs = kept(name)
        assert len(inputs) <= FILES_MAX
        assert sum(map(len, inputs)) <= BYTES_MAX


def test_every_target_is_listed_in_its_room():
    for room, names in ROOMS.items():
        found = import_module(f"tests.fuzz.{room}").TARGETS
        assert tuple(target.name for target in found) == names
