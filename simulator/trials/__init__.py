"""Trials: the real hub and real agents in one process, on virtual time, under every fault."""

from __future__ import annotations
