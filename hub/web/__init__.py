"""The hub's edge: HTTP API, problems, live streams and pages.

Handlers are thin: they check who asks, decode strictly, and call services.
"""

from __future__ import annotations
