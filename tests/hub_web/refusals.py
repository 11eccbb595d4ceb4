"""Answers that say no."""

from __future__ import annotations

from typing import Any

from tests.hub_web.test_bad_requests import check_problem
from wire.errors import Code


def refused(answer: Any, status: int, code: Code) -> None:
    """Check that an answer is a problem of this kind."""
    problem = check_problem(answer, status)
    assert problem["code"] == int(code)
