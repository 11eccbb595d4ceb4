"""Pages from templates; everything that isn't markup is escaped, missing values fail."""

from __future__ import annotations

import pathlib
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HOME = pathlib.Path(__file__).parent
STATIC = HOME / "static"


def render_page(template: str, **values: Any) -> bytes:
    """Render a page.

    Args:
        template: File below `templates/`.
        values: What it shows.
    """
    return _environment().get_template(template).render(**values).encode()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HOME / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
