"""The live page `/`: how everything is, right now."""

from __future__ import annotations

from litestar import Response, get
from litestar.di import NamedDependency

from hub.people.keys import Scope
from hub.web.pages.figures import OwedReader
from hub.web.pages.overview import read_overview
from hub.web.ports import Hub
from hub.web.render import render_page
from hub.web.routing import local_options

FOOTER = (
    "Who may see this page: a browser on the hub's own machine, or a request with an API key "
    "that has the scope fleet:read. From elsewhere, forward the port through SSH, or let a "
    "proxy that checks who asks add the key."
)


@get(
    "/",
    opt=local_options(Scope.FLEET_READ),
    media_type="text/html",
    include_in_schema=False,
    sync_to_thread=True,
)
def live_page(hub: Hub, owed: NamedDependency[OwedReader]) -> Response[bytes]:
    """Show machines, controllers, sessions, exposure, and first what needs a person."""
    page = render_page("live.html", page=read_overview(hub, owed, FOOTER))
    return Response(page, media_type="text/html")


ROUTES = (live_page,)
