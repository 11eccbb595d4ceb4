"""Bounds that decoding checks, so that no number or text from a peer is absurd.

Everything here fits SQL's 64-bit integers with room for sums.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Minor = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""Amount of money in minor units, see `wire.money.AMOUNT_MINOR_MAX`."""
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""Use of one measure: thirty years in ms, or a terawatt-hour in Wh."""
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Seq, revision or version; 2**53 is the largest whole number that JSON readers keep."""
Millis = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""A time in ms; a clock may be wrong, not absurd."""
Small = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A numbered reason, a level, a port or a short count: fits SQL's 32-bit integers."""
Name = Annotated[str, msgspec.Meta(max_length=64)]
"""An id or a name, see `wire.ids.NAME_LENGTH_MAX`."""
Words = Annotated[str, msgspec.Meta(max_length=512)]
"""Text for people."""
HashHex = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""A chain hash."""
