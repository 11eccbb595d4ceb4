"""Payments by staff: top-ups, deposits, refunds."""

from __future__ import annotations
