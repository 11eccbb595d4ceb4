"""The commands of `standpipe-hub`, a module each; `hub.cli` only reads options."""

from __future__ import annotations
