"""Every route of the hub's API and pages: any address, query, headers and body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from zlib import crc32

from litestar import Litestar
from litestar.testing import TestClient

from hub.bootstrap import Database, Hub, build_hub
from hub.config import HubConfig
from hub.ledger.writer import Writer
from hub.mqtt_link import NoLink
from hub.people.keys import Scope, create_key
from hub.web.app import create_app
from hub.web.limits import MINUTE_MS
from hub.web.problems import MEDIA_TYPE
from tests.fuzz.samples import sample
from tests.fuzz.target import Check, FaultError, Target
from tests.hub_web.conftest import counting_entropy, initialise
from tests.hub_web.place import busy, set_up
from tests.hub_web.routes import Operation, operations
from wire.clock import ManualClock
from wire.errors import Code

LIVE = "text/event-stream"
"""Live streams go on until the reader leaves; their own tests read them."""
TYPES = ("application/json", "text/plain", "", "application/json; charset=utf-7", "\x7f/x")
KEYS = ("Bearer {token}", "Bearer x", "", "Basic eA==")
KNOWN = {
    "account": "acc_ana",
    "machine": "dryer-1",
    "controller": "wash-1",
    "site": "riverside",
    "tariff": "power",
    "session": "ses_1",
    "card": "crd_acc_ana",
    "unit": "EUR",
}
SERVER_ERROR = 500
NOT_READY = frozenset({503})


class Edge:
    """A hub with a busy morning behind it, and its application.

    Args:
        folder: Its data.
    """

    def __init__(self, folder: Path) -> None:
        initialise(folder, counting_entropy("init"), ManualClock())
        self.clock = ManualClock()
        self.hub: Hub = build_hub(
            HubConfig(data=folder),
            clock=self.clock,
            entropy=counting_entropy("hub"),
            link=NoLink(),
            alone=True,
            database=Database(make_writer=Writer),
        )
        self.hub.writer.start()
        set_up(self.hub)
        busy(self.hub)
        made = self.hub.ids.new("key")
        every = tuple(Scope)
        self.token = self.hub.writer.run(
            lambda tx: create_key(tx, made, "fuzz", every, None, self.hub.entropy)
        ).token
        self.app: Litestar = create_app(self.hub)
        self.routes = routes(self.app)
        if not _REQUESTS:
            _REQUESTS.extend(
                number.to_bytes(2, "big") + b"\0" + line
                for number, one in self.routes.items()
                for line in _lines(one)
            )

    def close(self) -> None:
        """End it."""
        self.app.state.streams.close()
        self.hub.writer.close()
        self.hub.store.close()


def routes(app: Litestar) -> dict[int, Operation]:
    """Every operation that ends by itself, by a number that stays when others come."""
    found = (one for one in operations(app) if one.handler.media_type != LIVE)
    return {crc32(str(one).encode()) & 0xFFFF: one for one in found}


@contextmanager
def open_web(folder: Path) -> Iterator[Check]:
    """A request with anything in it: an answer, or a problem with a number; never a 500."""
    edge = Edge(folder)
    try:
        with TestClient(
            edge.app, base_url="http://127.0.0.1", raise_server_exceptions=False
        ) as client:

            def check(data: bytes) -> None:
                edge.clock.advance(MINUTE_MS)
                _check_answer(_ask(client, edge, data), data)

            yield check
    finally:
        edge.close()


def _ask(client: TestClient[Litestar], edge: Edge, data: bytes) -> Any:
    """An input: two bytes for the route, one for the headers; query, ids and body as lines."""
    number, how = int.from_bytes(data[:2], "big"), (data[2:3] or b"\0")[0]
    query, _, rest = data[3:].partition(b"\n")
    names, _, body = rest.partition(b"\n")
    one = edge.routes[min(edge.routes, key=lambda known: known ^ number)]
    path = address(one.path, names.decode(errors="replace").split())
    if query:
        path += "?" + quote(query, safe="=&%+,;:[]{}~!*'()$/?@")
    headers = {"Content-Type": TYPES[(how >> 5) % len(TYPES)] if how & 4 else TYPES[0]}
    headers["Authorization"] = KEYS[(how >> 3) & 3 if how & 2 else 0].format(token=edge.token)
    if not how & 1:
        headers["Idempotency-Key"] = f"fuzz-{crc32(data)}"
    return client.request(one.method, path, content=body, headers=headers, follow_redirects=False)


def address(pattern: str, names: list[str]) -> str:
    """An address with these ids in its gaps, and known ones in the others."""

    def fill(gap: re.Match[str]) -> str:
        name = names.pop(0) if names else ""
        wanted = gap[1].partition(":")[0]
        return quote(name, safe="%") if name and name != "-" else KNOWN.get(wanted, "x")

    return re.sub(r"\{([^}]+)\}", fill, pattern)


def _check_answer(answer: Any, data: bytes) -> None:
    status = answer.status_code
    if status >= SERVER_ERROR and status not in NOT_READY:
        raise FaultError(f"{answer.request.method} {answer.request.url}: {status} {answer.text}")
    if status < 400:
        return
    if not answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
        raise FaultError(f"{answer.request.url}: {status} {answer.headers} {data!r}")
    if answer.request.method != "HEAD" and answer.json()["code"] not in set(Code):
        raise FaultError(f"{answer.request.url}: no number in {answer.text}")


def _requests() -> Iterator[bytes]:
    """Good requests for each route, from what its handler asks for."""
    yield from _known_requests()


def _known_requests() -> tuple[bytes, ...]:
    if not _REQUESTS:
        with TemporaryDirectory() as folder:
            Edge(Path(folder)).close()
    return tuple(_REQUESTS)


_REQUESTS: list[bytes] = []
"""Made from the routes of the first application here: building one takes a while."""


def _lines(one: Operation) -> Iterator[bytes]:
    field = one.handler.parsed_data_field
    if field is None:
        yield b"limit=3&after=acc_a&account=acc_ana&state=ended&from=0&q=x\n- -\n"
        return
    body = sample(field.annotation).replace(b'"acc_1"', b'"acc_ana"')
    yield b"\n\n" + body


TARGETS = (
    Target(
        name="web",
        about="every route, with any address, query, headers and body; never a 500",
        open=open_web,
        seeds=_requests,
        examples=80,
    ),
)
