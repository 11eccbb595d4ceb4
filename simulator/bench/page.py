"""The bench's pages and orders over HTTP, on loopback only."""

from __future__ import annotations

import importlib.resources
import io
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import State
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from litestar.static_files import create_static_files_router
from litestar.status_codes import HTTP_303_SEE_OTHER

from simulator.bench.board import look
from simulator.bench.layout import Table
from simulator.bench.live import Watch
from simulator.errors import SetupError
from simulator.parts.panels import Panels

FORM_BYTES_MAX = 4_096
"""The longest honest form has some short fields."""
_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PIXEL = 3
"""Points of a small display are small: each is so many of the page's."""

Form = Request[Any, Any, State]


class Pages:
    """What the pages are made of.

    Args:
        table: What they show.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        folder = FileSystemLoader(_HERE / "templates")
        self._templates = Environment(loader=folder, autoescape=select_autoescape())
        self.watch = Watch(self.fragments)

    def whole(self, said: str = "") -> str:
        """The page."""
        stage = self.table.stage
        return self._templates.get_template("bench.html").render(
            site=stage.site,
            hub_url=stage.hub_url,
            cards=stage.box.cards,
            boards=look(self.table),
            now=_now(),
            said=said,
        )

    def fragments(self) -> dict[str, str]:
        """What changes by itself, by its name on the page."""
        macros: Any = self._templates.get_template("live.html").module
        made: dict[str, str] = {}
        for board in look(self.table):
            made[f"state-{board.id}"] = macros.state(board)
            for supply in board.supplies:
                made[f"part-{supply.key}"] = macros.supply(supply)
            for reader in board.readers:
                made[f"part-{reader.key}"] = macros.reader(reader)
            for machine in board.machines:
                made[f"part-{machine.part.key}"] = macros.machine(machine)
                for part in machine.parts:
                    if part.forms:
                        made[f"part-{part.key}"] = macros.supply(part)
        return {name: str(text).strip() for name, text in made.items()}


def make_app(table: Table, port: int) -> Litestar:
    """Build the application for one table; it answers as loopback's `port` only."""
    hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
    return Litestar(
        route_handlers=[
            show_bench,
            take_order,
            show_live,
            show_picture,
            show_look,
            create_static_files_router(path="/static", directories=[_HERE / "static"]),
        ],
        state=State({"pages": Pages(table)}),
        allowed_hosts=AllowedHostsConfig(allowed_hosts=hosts),
        exception_handlers={SetupError: _say_no},
        request_max_body_size=FORM_BYTES_MAX,
        openapi_config=None,
        before_request=_check_origin,
    )


@get("/", sync_to_thread=True)
def show_bench(state: State) -> Response[str]:
    """Show every controller as it is now."""
    return Response(state.pages.whole(), media_type=MediaType.HTML, headers=_HEADERS)


@post("/do/{controller:str}/{part:str}/{deed:str}")
async def take_order(
    request: Form,
    state: State,
    controller: FromPath[str],
    part: FromPath[str],
    deed: FromPath[str],
) -> Redirect:
    """Do what a form asks for, and show the bench again."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    found = state.pages.table.find(controller, part)
    # Deeds share forms: what another one of them wants to know isn't said.
    known = {each.name for each in found.place.kind.deed(deed).fields}
    asked = {name: value for name, value in form.items() if name in known}
    await sync_to_thread(found.do, deed, asked)
    return Redirect(f"/#{controller}", status_code=HTTP_303_SEE_OTHER)


@get("/live", sync_to_thread=True)
def show_live(state: State) -> ServerSentEvent:
    """Tell what changes, as it changes."""
    return ServerSentEvent(_live(state.pages.watch))


async def _live(watch: Watch) -> AsyncGenerator[ServerSentEventMessage, None]:
    async for changed in watch.changes():
        data = {"asof": _now(), "parts": changed}
        yield ServerSentEventMessage(data=msgspec.json.encode(data), event="changed")


@get("/picture/{controller:str}/{part:str}", sync_to_thread=True)
def show_picture(state: State, controller: FromPath[str], part: FromPath[str]) -> Response[bytes]:
    """Show what a display with points shows."""
    target = state.pages.table.find(controller, part).target
    image = target.device.image(target.machine) if isinstance(target.device, Panels) else None
    if image is None:
        raise SetupError(f"{part} shows no picture")
    buffer = io.BytesIO()
    image.resize((image.width * _PIXEL, image.height * _PIXEL)).save(buffer, "PNG")
    return Response(buffer.getvalue(), media_type="image/png", headers=_HEADERS)


@get("/static/standpipe.css", media_type="text/css", sync_to_thread=True)
def show_look() -> str:
    """Give the hub's own style sheet, so that both look alike."""
    look_file = importlib.resources.files("hub.web") / "static" / "standpipe.css"
    return look_file.read_text(encoding="utf-8")


def _now() -> str:
    return time.strftime("%H:%M:%S")


def _say_no(_request: Request[Any, Any, Any], error: SetupError) -> Response[str]:
    return Response(str(error), status_code=404, media_type=MediaType.TEXT, headers=_HEADERS)


def _check_origin(request: Request[Any, Any, Any]) -> None:
    # Another site's page may send forms here from the same browser; it may not pull cables.
    origin = request.headers.get("origin")
    if request.method == "POST" and origin not in {None, str(request.base_url).rstrip("/")}:
        raise PermissionDeniedException("orders come from the bench's own page only")
