"""Chooses of many inputs the few that are worth keeping: each reaches lines that no other did."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

from tests.fuzz.target import Check

OURS = ("/wire/", "/hub/", "/firmware_agent/", "/hardware/", "/simulator/parts/")
Steps = set[tuple[str, int, int]]
"""Steps from one line to another, by file."""


def minimise(check: Check, seeds: Iterable[bytes], inputs: Iterable[bytes]) -> list[bytes]:
    """The smallest inputs first, each with steps that the seeds and those before don't take."""
    known: Steps = set()
    for data in seeds:
        known |= _steps(check, data)
    chosen = []
    for data in sorted(set(inputs), key=lambda one: (len(one), one)):
        steps = _steps(check, data)
        if not steps <= known:
            known |= steps
            chosen.append(data)
    return chosen


def _steps(check: Check, data: bytes) -> Steps:
    found: Steps = set()

    def trace(frame: FrameType, _event: str, _value: Any) -> Any:
        name = frame.f_code.co_filename
        if not any(room in name for room in OURS):
            return None
        before = frame.f_lineno

        def step(frame: FrameType, event: str, _value: Any) -> Any:
            nonlocal before
            if event == "line":
                found.add((name, before, frame.f_lineno))
                before = frame.f_lineno
            return step

        return step

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        check(data)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return found
