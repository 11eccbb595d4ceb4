"""The bench: virtual controllers as a page, with cards to tap and cables to pull."""

from __future__ import annotations
