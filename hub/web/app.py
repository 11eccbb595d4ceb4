"""Puts the edge together: routes, guards, problems, headers, limits, live streams."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.static_files import create_static_files_router

from hub.ledger.writer import Touched
from hub.version import package_version
from hub.web import auth, headers
from hub.web.api import (
    accounts,
    alarms,
    approvals,
    billing,
    campaigns,
    cards,
    cash_holdings,
    charges,
    commands,
    controllers,
    corrections,
    deposits,
    enrolments,
    events,
    exposure,
    health,
    hub_key,
    jobs,
    keys,
    ledger,
    lots,
    machines,
    members,
    money_rules,
    offline_codes,
    payments,
    payouts,
    plans,
    purses,
    receivables,
    refunds,
    services,
    sessions,
    settings,
    sites,
    sponsors,
    tariffs,
    tills,
    topups,
    transfers,
    units,
    usage,
    vouchers,
)
from hub.web.bodies import BODY_BYTES_MAX, StrictBody
from hub.web.limits import (
    REDEMPTIONS_PER_MINUTE_MAX,
    EnrolmentThrottle,
    Throttle,
)
from hub.web.openapi import openapi_config
from hub.web.pages import live_page
from hub.web.pages.figures import OwedReader
from hub.web.ports import HubPort
from hub.web.problems import handle_any
from hub.web.render import STATIC
from hub.web.routing import open_options
from hub.web.streams import TOPICS, Streams

_RESOURCES = (
    accounts,
    alarms,
    approvals,
    billing,
    campaigns,
    cards,
    cash_holdings,
    charges,
    commands,
    controllers,
    corrections,
    deposits,
    enrolments,
    exposure,
    hub_key,
    jobs,
    keys,
    ledger,
    lots,
    machines,
    members,
    money_rules,
    offline_codes,
    payments,
    payouts,
    plans,
    purses,
    receivables,
    refunds,
    services,
    sessions,
    settings,
    sites,
    sponsors,
    tariffs,
    tills,
    topups,
    transfers,
    units,
    usage,
    vouchers,
)
_TOPICS_OF_TOUCH = {
    "account": ("accounts", "exposure"),
    "alarm": ("alarms", "controllers"),
    "card_list": ("accounts", "exposure"),
    "command": ("controllers",),
    "config": ("machines",),
    "controller": ("controllers",),
    "result": ("controllers", "machines"),
    "rights": ("exposure",),
    "session": ("sessions", "machines", "exposure"),
    "site": ("controllers", "exposure"),
    "tariff": ("machines",),
}
"""What the hub's services touch, as the names that live streams carry."""


FILE_NAME = re.compile(r"[a-z0-9_.-]{1,64}")
"""Names of style, script and pictures; there are no folders among them."""


def check_file_name(request: Request[Any, Any, Any]) -> None:
    """Refuse what can't be a file of ours before the file system is asked, and fails.

    Raises:
        NotFoundException: There is no such file.
    """
    name = request.scope["path"].removeprefix("/static/")
    if FILE_NAME.fullmatch(name) is None:
        raise NotFoundException


def create_app(hub: HubPort) -> Litestar:
    """Make the application of a running hub.

    The caller calls `app.state.streams.close()` before it waits for connections to end:
    a live stream ends only then, or when its client leaves.
    """
    streams = Streams(hub.clock)
    enrolments_throttle = EnrolmentThrottle(hub.clock)
    redemptions_throttle = Throttle(
        hub.clock, REDEMPTIONS_PER_MINUTE_MAX, whose="to redeem a voucher for this account"
    )
    owed = OwedReader(hub.clock)
    hub.live.listen(lambda _controller: streams.publish(("controllers", "machines")))
    hub.writer.listen(lambda touched: streams.publish(topics_of(touched)))
    hub.gossip.listen(
        lambda touched: streams.publish(topics_of(touched)), lambda: streams.publish(TOPICS)
    )
    app = Litestar.from_config(
        AppConfig(
            route_handlers=[
                Router("/api/v1", route_handlers=[r for m in _RESOURCES for r in m.ROUTES]),
                *events.ROUTES,
                *health.ROUTES,
                *live_page.ROUTES,
                create_static_files_router(
                    "/static",
                    directories=[STATIC],
                    opt=open_options("style and script of the pages hold no data"),
                    before_request=check_file_name,
                ),
            ],
            dependencies={
                "hub": Provide(lambda: hub, sync_to_thread=False),
                "streams": Provide(lambda: streams, sync_to_thread=False),
                "owed": Provide(lambda: owed, sync_to_thread=False),
                "enrolments": Provide(lambda: enrolments_throttle, sync_to_thread=False),
                "redemptions": Provide(lambda: redemptions_throttle, sync_to_thread=False),
            },
            guards=[auth.require_scope],
            exception_handlers={Exception: handle_any},
            before_send=[headers.add_headers],
            dto=StrictBody,
            return_dto=None,
            request_max_body_size=BODY_BYTES_MAX,
            openapi_config=openapi_config(package_version()),
            lifespan=[_streaming(streams)],
            logging_config=None,
        )
    )
    app.state.hub = hub
    app.state.streams = streams
    app.state[headers.ALLOW] = headers.methods_of(app)
    auth.check_routes(app)
    return app


def topics_of(touched: Touched) -> frozenset[str]:
    """Names for live streams of what a commit touched."""
    return frozenset(topic for kind, _ in touched for topic in _TOPICS_OF_TOUCH.get(kind, ()))


def _streaming(
    streams: Streams,
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        streams.attach(asyncio.get_running_loop())
        try:
            yield
        finally:
            streams.close()

    return lifespan
