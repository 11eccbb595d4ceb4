"""The application's own route table, so that no route is forgotten by a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

BODY_METHODS = frozenset({"POST", "PATCH", "PUT"})


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    handler: HTTPRouteHandler

    @property
    def takes_body(self) -> bool:
        return self.handler.parsed_data_field is not None

    @property
    def sample(self) -> str:
        """The address with something in each of its gaps."""
        return re.sub(r"\{[^}]+\}", "x", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations(app: Litestar) -> Iterator[Operation]:
    """Every operation except the OPTIONS that Litestar adds."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield Operation(str(method), route.path_format, handler)
