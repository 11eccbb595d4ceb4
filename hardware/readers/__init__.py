"""Card readers."""

from __future__ import annotations
