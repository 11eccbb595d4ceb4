"""The operator's server: ledger, accounts, payments, fleet and web."""

from __future__ import annotations
