"""What a benchmark gives back, and the arithmetic of samples."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import msgspec

Say = Callable[[str], None]
"""Tells people what happens now, in one line."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement.

    Attributes:
        name: What was measured: the benchmark, or the benchmark and a part of it.
        value: The figure.
        unit: Its unit: `ms`, `transfers/s`, `MB`, …
        peer: The same figure of the peer in the same run; None without one.
        ratio: `value` against `peer`; None without one.
        detail: Whatever explains the figure: how many samples, what the peer is.
    """

    name: str
    value: float
    unit: str
    peer: float | None = None
    ratio: float | None = None
    detail: dict[str, int | float | str | bool] = {}


def make_row(
    name: str,
    value: float,
    unit: str,
    *,
    peer: float | None = None,
    **detail: int | float | str | bool,  # noqa: PYI041 the wire's JSON tells them apart
) -> Row:
    """Build a row, with figures rounded to what means something, and the ratio."""
    ratio = round(value / peer, 3) if peer else None
    return Row(
        name=name,
        value=_rounded(value),
        unit=unit,
        peer=None if peer is None else _rounded(peer),
        ratio=ratio,
        detail=detail,
    )


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample that `share` (0 to 1) of all samples don't exceed.

    Raises:
        ValueError: There are no samples.
    """
    if not samples:
        raise ValueError("there are no samples")
    ordered = sorted(samples)
    place = -(-len(ordered) * round(share * 10_000) // 10_000)
    return ordered[max(0, place - 1)]


def say_to_stderr(text: str) -> None:
    """Tell people what happens now, beside the figures on stdout."""
    print(text, file=sys.stderr, flush=True)


def _rounded(value: float) -> float:
    digits = 0 if abs(value) >= 1_000 else 3  # noqa: PLR2004 thousandths of a thousand mean nothing
    return round(value, digits)
