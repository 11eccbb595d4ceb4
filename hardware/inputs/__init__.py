"""Buttons, and a machine's own feedback."""

from __future__ import annotations
