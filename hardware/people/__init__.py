"""What a person sees at a machine."""

from __future__ import annotations
