"""Scenarios: what happens at a bench and what must follow, as files.

`*.toml` here are those that ship. Reading, checking and playing them is the code
beside them.
"""

from __future__ import annotations
