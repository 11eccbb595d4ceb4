"""Serves the screen's pages on 127.0.0.1, with the standard library's server.

A thread per connection, a handful at most; none of them touches the agent's state.
"""

from __future__ import annotations

import logging
import socket
import socketserver
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from threading import Lock, Thread
from typing import Any, ClassVar, cast

from firmware_agent.core.language import Languages
from firmware_agent.kiosk import page
from firmware_agent.kiosk.board import Board, Done, Press, ScreenInput, Speak, Typed
from firmware_agent.kiosk.guard import (
    BODY_BYTES_MAX,
    FORM_TYPE,
    HEADERS,
    is_own_host,
    is_own_page,
    knows_token,
    read_form,
)
from wire.codes import CODE_DIGITS

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
CONNECTIONS_MAX = 16
"""One browser opens six at most; more is a fault, and is hung up on."""
READ_TIMEOUT_S = 5
"""A request that takes longer to arrive isn't a browser's on the same machine."""
HOLD_MS = 10_000
"""How long a question for news is held open; then it is asked again."""
SETTLE_MS = 300
"""After a press the page waits this long for what came of it, so that it shows at once."""

_HTML = "text/html; charset=utf-8"
_STATIC = {
    "/kiosk.css": ("kiosk.css", "text/css; charset=utf-8"),
    "/kiosk.js": ("kiosk.js", "text/javascript; charset=utf-8"),
}


class KioskServer:
    """The server. Works from `start` on.

    Args:
        board: What is shown, and where presses are left.
        languages: Those that ship.
        token: That forms carry; nobody else may guess it.
        port: TCP port on 127.0.0.1; 0: any that is free.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, board: Board, languages: Languages, token: str, port: int) -> None:
        self.board = board
        self.press = page.Press(languages, token)
        self.files = {
            path: (files(__package__).joinpath("static", name).read_bytes(), kind)
            for path, (name, kind) in _STATIC.items()
        }
        self._server = _Server(self, port)
        self._thread = Thread(target=self._server.accept_all, name="kiosk", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What the browser opens."""
        return f"http://{HOST}:{self.port}/"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        _log.info("the kiosk's page is at %s", self.url)

    def close(self) -> None:
        """Hang up, and give the port back."""
        self.board.close()
        self._server.hang_up()
        if self._thread.ident is not None:
            self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Connections with a bound on their number."""

    allow_reuse_address = True
    daemon_threads = False

    def __init__(self, kiosk: KioskServer, port: int) -> None:
        self.kiosk = kiosk
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._is_closed = False
        super().__init__((HOST, port), _Handler)

    def accept_all(self) -> None:
        """Take connections until `hang_up`; sleeps in between."""
        while not self._is_closed:
            try:
                request, address = self.get_request()
            except OSError:
                continue
            try:
                self.process_request(request, address)
            except Exception:  # noqa: BLE001 no thread, no memory: this one is hung up on
                self.handle_error(request, address)
                self.shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            is_full = self._is_closed or len(self._open) >= CONNECTIONS_MAX
            if not is_full:
                self._open.add(request)
        if is_full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 its signature
        _log.debug("a browser hung up", exc_info=True)

    def hang_up(self) -> None:
        """Take no more connections, and let none that is open hold up the end."""
        with self._lock:
            self._is_closed = True
            held = tuple(self._open)
        for one in (self.socket, *held):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection with one request."""

    server_version = "standpipe"
    sys_version = ""
    timeout: ClassVar[float | None] = READ_TIMEOUT_S

    @property
    def _kiosk(self) -> KioskServer:
        return cast("_Server", self.server).kiosk

    def do_GET(self) -> None:
        if not is_own_host(self.headers, self._kiosk.port):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path, _, query = self.path.partition("?")
        latest = self._kiosk.board.latest
        if path == "/":
            self._send(page.main_page(latest, self._kiosk.press))
        elif path == "/code":
            self._send_code_page("")
        elif path == "/now":
            self._send_news(query)
        elif path in self._kiosk.files:
            body, kind = self._kiosk.files[path]
            self._answer(HTTPStatus.OK, body, kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        form = self._read_form()
        if form is None:
            return
        if self.path == "/code":
            self._take_code(form)
        elif self.path == "/press":
            self._leave(Press(form.get("machine", "")[:64]))
        elif self.path == "/done":
            self._leave(Done(_whole(form.get("visit", ""))))
        elif self.path == "/language":
            self._leave(Speak(form.get("language", "")[:16]))
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its signature
        _log.debug(format, *args)

    def _read_form(self) -> dict[str, str] | None:
        """The form, when it is one of the own page; otherwise it is refused here."""
        form, status = self._judge_form()
        if status is HTTPStatus.FORBIDDEN:
            self._say(status, page.AGAIN)
            return None
        if status is not HTTPStatus.OK:
            self._refuse(status)
            return None
        return form

    def _judge_form(self) -> tuple[dict[str, str], HTTPStatus]:
        headers, kiosk = self.headers, self._kiosk
        if not is_own_host(headers, kiosk.port):
            return {}, HTTPStatus.MISDIRECTED_REQUEST
        length = _whole(headers.get("Content-Length", ""))
        if not 0 <= length <= BODY_BYTES_MAX:
            return {}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        body = self.rfile.read(length)
        is_form = headers.get("Content-Type", "").partition(";")[0].strip() == FORM_TYPE
        form = read_form(body) if is_form else None
        if form is None:
            return {}, HTTPStatus.BAD_REQUEST
        if not (is_own_page(headers) and knows_token(form, kiosk.press.token)):
            return {}, HTTPStatus.FORBIDDEN
        return form, HTTPStatus.OK

    def _take_code(self, form: dict[str, str]) -> None:
        """A key of the pad, or the whole code."""
        digits, does = page.only_digits(form.get("digits", "")), form.get("do", "")
        visit = _whole(form.get("visit", ""))
        if visit != self._kiosk.board.latest.visit:
            self._go_home()  # half a code of the one before isn't for who stands there now
        elif does == "credit" or (not does and len(digits) == CODE_DIGITS):
            self._leave(Typed(visit, digits))
        elif does == "del":
            self._send_code_page(digits[:-1])
        else:
            self._send_code_page(page.only_digits(digits + does))

    def _send_code_page(self, digits: str) -> None:
        latest = self._kiosk.board.latest
        if not latest.can_type:
            self._go_home()
            return
        self._send(page.code_page(latest, self._kiosk.press, digits))

    def _send_news(self, query: str) -> None:
        """The part that changes, as soon as it is another one than was seen."""
        seen = _whole(query.removeprefix("seen="))
        news = self._kiosk.board.wait(seen, HOLD_MS)
        if news.version == seen:
            self._answer(HTTPStatus.NO_CONTENT, b"", "")
        else:
            self._send(page.main_part(news, self._kiosk.press))

    def _leave(self, given: ScreenInput) -> None:
        board = self._kiosk.board
        seen = board.latest.version
        if board.leave(given):
            board.wait(seen, SETTLE_MS)
            self._go_home()
            return
        self._say(HTTPStatus.SERVICE_UNAVAILABLE, page.BUSY)

    def _say(self, status: HTTPStatus, words: str) -> None:
        """Tell a person that it didn't work, and go back to the page by itself."""
        spoken = self._kiosk.board.latest.language
        text = page.refusal_page(self._kiosk.press.languages.by_tag[spoken], words)
        self._answer(status, text.encode(), _HTML)

    def _go_home(self) -> None:
        self._answer(HTTPStatus.SEE_OTHER, b"", "", location="/")

    def _send(self, text: str) -> None:
        self._answer(HTTPStatus.OK, text.encode(), _HTML)

    def _refuse(self, status: HTTPStatus) -> None:
        self._answer(status, f"{status.phrase}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, *, location: str = "") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _whole(text: str) -> int:
    """A whole number of a form or query; -1: it isn't one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1  # noqa: PLR2004
