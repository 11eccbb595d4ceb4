"""What the live page shows, as its template takes it: words and figures ready to read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attention:
    """A sentence that needs a person: `level` is `bad` or `warn`."""

    level: str
    what: str
    detail: str
    target: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, and beside it the one that gives it meaning."""

    what: str
    value: str
    beside: str
    as_of: str
    share_percent: int | None = None


@dataclass(frozen=True, slots=True)
class MachineTile:
    """A machine's tile."""

    name: str
    shape: str
    state: str
    charge: str
    detail: str
    as_of: str
    stale: bool


@dataclass(frozen=True, slots=True)
class ControllerRow:
    """A controller's row."""

    name: str
    site: str
    shape: str
    state: str
    heard: str
    stale: bool
    outbox: str
    held: str
    risk: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's row."""

    what: str
    detail: str
    when: str
    charge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page."""

    heading: str
    as_of: str
    unit: str
    attention: list[Attention] = field(default_factory=list)
    attention_hidden: int = 0
    figures: list[Figure] = field(default_factory=list)
    machines: list[MachineTile] = field(default_factory=list)
    machines_hidden: int = 0
    machines_summary: str = ""
    controllers: list[ControllerRow] = field(default_factory=list)
    controllers_hidden: int = 0
    controllers_summary: str = ""
    sessions: list[SessionRow] = field(default_factory=list)
    footer: str = ""
