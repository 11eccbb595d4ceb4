"""The double-entry book: chart of accounts, the pure rules, and what reads them."""

from __future__ import annotations
