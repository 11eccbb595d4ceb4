"""What switches a machine."""

from __future__ import annotations
