"""The API's document: OpenAPI as JSON, and a page of it that needs no other host.

Litestar's own views load scripts from elsewhere; this one is plain HTML made here.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, Router
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from hub.web.problems import problem_of
from hub.web.render import render_page
from hub.web.routing import open_options

NOT_FOUND = 404
_METHODS = ("get", "post", "patch", "put", "delete")
_DESCRIPTION = (
    "Prepaid accounts for shared machines. Money is a whole number of minor units "
    "everywhere. Send `Authorization: Bearer sp_…`; make a key with "
    "`standpipe-hub key create`. Every error is `application/problem+json`; its `code` "
    "never changes its meaning."
)


class PlainView(OpenAPIRenderPlugin):
    """The document as a page to read."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        del request
        return render_page("schema.html", document=openapi_schema, groups=_groups(openapi_schema))


def openapi_config(version: str) -> OpenAPIConfig:
    """Configure the document and the two addresses that serve it."""
    return OpenAPIConfig(
        title="Standpipe hub",
        version=version,
        description=_DESCRIPTION,
        components=Components(
            security_schemes={
                "key": SecurityScheme(
                    type="http", scheme="bearer", description="A staff API key, `sp_…`."
                )
            }
        ),
        render_plugins=[PlainView(), JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            opt=open_options("the document describes a public program and holds no data"),
            dto=None,
            after_request=_problem_instead,
        ),
    )


def _problem_instead(response: Response[Any]) -> Response[Any]:
    # Litestar answers unknown addresses below its document with a page of its own.
    if response.status_code == NOT_FOUND:
        return problem_of(HTTPException(status_code=NOT_FOUND))
    return response


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, each with its method and path."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in sorted(document.get("paths", {}).items()):
        for method in _METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            tag = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(tag, []).append(
                {"method": method.upper(), "path": path, "operation": operation}
            )
    return dict(sorted(groups.items()))
