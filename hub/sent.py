"""What was sent to a controller last, and when it is sent again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

RESEND_MS = 3_000
"""A controller that hasn't said that it holds what was sent gets it again after this."""
RESEND_MS_MAX = 60_000
"""And then after twice as long, up to this: one that can't keep it, with a full disk or a line
that is dead in one direction, isn't sent a page every three seconds for days."""
NEVER_MS = -(2**53)

Held = tuple[int, int, int]
"""What a controller says it holds: revisions of rights and list, version of configuration."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to a controller last, and when (monotonic).

    Attributes:
        revision: Of rights.
        revision_ms: When.
        list_from: Revision of the card list that the page sent begins after.
        list_ms: When.
        config: Version of the configuration.
        config_ms: When.
        held: What the controller said it held then.
        wait_ms: How long until it is sent again.
    """

    revision: int = -1
    revision_ms: int = NEVER_MS
    list_from: int = -1
    list_ms: int = NEVER_MS
    config: int = -1
    config_ms: int = NEVER_MS
    held: Held = (-1, -1, -1)
    wait_ms: int = RESEND_MS

    def is_recent(self, at_ms: int, now_ms: int) -> bool:
        """Whether what was sent at a time may still be on its way."""
        return now_ms - at_ms < self.wait_ms

    def hearing(self, held: Held) -> Sent:
        """After the controller said what it holds; one that moves is sent more sooner."""
        return self if held == self.held else replace(self, held=held, wait_ms=RESEND_MS)

    def with_rights(self, revision: int, now_ms: int) -> Sent:
        """After rights were sent."""
        sent = self._repeating(repeats=revision == self.revision)
        return replace(sent, revision=revision, revision_ms=now_ms)

    def with_page(self, list_from: int, now_ms: int) -> Sent:
        """After a page of the card list was sent."""
        sent = self._repeating(repeats=list_from == self.list_from)
        return replace(sent, list_from=list_from, list_ms=now_ms)

    def with_config(self, version: int, now_ms: int) -> Sent:
        """After a configuration was sent."""
        sent = self._repeating(repeats=version == self.config)
        return replace(sent, config=version, config_ms=now_ms)

    def _repeating(self, *, repeats: bool) -> Sent:
        if not repeats:
            return self
        return replace(self, wait_ms=min(2 * self.wait_ms, RESEND_MS_MAX))
