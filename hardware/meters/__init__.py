"""What counts usage."""

from __future__ import annotations
