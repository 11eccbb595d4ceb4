"""Thousands of light controllers on a real broker and a real hub: what load does to them.

Each controller is a connection of its own, with a journal, a chain and signatures;
readers, relays and meters are left out.
"""

from __future__ import annotations
