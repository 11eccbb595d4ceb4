"""REST routes under `/api/v1`, one module per resource."""

from __future__ import annotations
