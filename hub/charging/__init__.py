"""Rights, journals and prices: how use that controllers report becomes money."""

from __future__ import annotations
