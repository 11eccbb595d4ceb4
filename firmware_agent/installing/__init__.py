"""Making a Raspberry Pi run the agent: what is written where, and taken away again."""

from __future__ import annotations
