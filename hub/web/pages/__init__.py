"""Pages for people: rendered at the server, live by server-sent events."""

from __future__ import annotations
