"""The bench's pages and orders over HTTP, on loopback only."""

from __future__ import annotations

import importlib.resources
import time
from pathlib import Path
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import State
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_303_SEE_OTHER
from litestar.template.config import TemplateConfig

from simulator.bench.board import look
from simulator.bench.orders import obey
from simulator.bench.stage import Stage
from simulator.errors import SetupError

FORM_BYTES_MAX = 4_096
"""The longest honest form has four short fields."""
_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Form = Request[Any, Any, State]


def make_app(stage: Stage, port: int) -> Litestar:
    """Build the application for one stage; it answers as loopback's `port` only."""
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
    return Litestar(
        route_handlers=[
            show_bench,
            take_order,
            show_look,
            create_static_files_router(path="/static", directories=[_HERE / "static"]),
        ],
        state=State({"stage": stage}),
        template_config=TemplateConfig(directory=_HERE / "templates", engine=JinjaTemplateEngine),
        allowed_hosts=AllowedHostsConfig(allowed_hosts=hosts),
        exception_handlers={SetupError: _say_no},
        request_max_body_size=FORM_BYTES_MAX,
        openapi_config=None,
        before_request=_check_origin,
    )


@get("/", sync_to_thread=True)
def show_bench(state: State) -> Template:
    """Show every controller as it is now."""
    stage: Stage = state.stage
    context = {
        "site": stage.site,
        "hub_url": stage.hub_url,
        "cards": stage.cards,
        "boards": look(stage),
        "now": time.strftime("%H:%M:%S"),
    }
    return Template("bench.html", context=context, headers=_HEADERS)


@post("/do/{order:str}")
async def take_order(request: Form, state: State, order: FromPath[str]) -> Redirect:
    """Do what a form asks for, and show the bench again."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    await sync_to_thread(obey, state.stage, order, form)
    return Redirect(f"/#{form['controller']}", status_code=HTTP_303_SEE_OTHER)


@get("/static/standpipe.css", media_type="text/css", sync_to_thread=True)
def show_look() -> str:
    """Give the hub's own style sheet, so that both look alike."""
    look_file = importlib.resources.files("hub.web") / "static" / "standpipe.css"
    return look_file.read_text(encoding="utf-8")


def _say_no(_request: Request[Any, Any, Any], error: SetupError) -> Response[str]:
    return Response(str(error), status_code=404, media_type=MediaType.TEXT, headers=_HEADERS)


def _check_origin(request: Request[Any, Any, Any]) -> None:
    # Another site's page may send forms here from the same browser; it may not pull cables.
    origin = request.headers.get("origin")
    if request.method == "POST" and origin not in {None, str(request.base_url).rstrip("/")}:
        raise PermissionDeniedException("orders come from the bench's own page only")
