"""Messages for people, one file per language, read when the agent starts."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from firmware_agent.core.language import Language, Languages

TAGS = ("en", "de", "zh-CN", "ar")
"""What ships, in the order in which people are offered it."""


def load_languages() -> Languages:
    """Read every language that ships."""
    return Languages({tag: _load(tag) for tag in TAGS})


def _load(tag: str) -> Language:
    text = files(__name__).joinpath(f"{tag}.toml").read_text(encoding="utf-8")
    return Language(tag, **tomllib.loads(text))
