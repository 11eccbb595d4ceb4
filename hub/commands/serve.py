"""`standpipe-hub serve`: pages, API and controllers, until told to stop."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from litestar import Litestar

from hub.bootstrap import Hub, build_hub
from hub.collector import look_less_often
from hub.commands.access import say
from hub.config import HubConfig, load_config
from hub.errors import ConfigError, HubError
from hub.store.lock import writing_turn
from hub.turns import take_turns_sooner
from hub.web.app import create_app

GRACE_S = 3
"""Requests in flight get this long after SIGTERM; live streams are closed at once."""
BACKLOG = 2_048


def serve(data: Path, database: str, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit code."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    options = {
        "database": database or None,
        "http.host": host or None,
        "http.port": port or None,
    }
    try:
        config = load_config(data, options)
        with writing_turn(data, shared=config.is_shared):
            return _serve(config)
    except HubError as error:
        return say(error)


def _serve(config: HubConfig) -> int:
    listener = _listen(config)
    hub = build_hub(config)
    try:
        hub.broker_files.prepare(config.mqtt)
        if hub.authority.exists:
            hub.broker_files.publish_list(hub.authority.list_pem)
        hub.start()
        app = create_app(hub)
        server = _Server(
            uvicorn.Config(
                app,
                timeout_graceful_shutdown=GRACE_S,
                log_config=None,
                access_log=False,
                server_header=False,
            ),
            app,
        )
        _say_where(config, hub)
        look_less_often()
        take_turns_sooner()
        # uvicorn raises the signal again when it's done: it must not end us before we close.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        server.run([listener])
    finally:
        hub.close()
        listener.close()
    return 0


class _Server(uvicorn.Server):
    """Ends live streams before it waits for connections to end: they'd never do by themselves."""

    def __init__(self, config: uvicorn.Config, app: Litestar) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.streams.close()
        await super().shutdown(sockets)


def _listen(config: HubConfig) -> socket.socket:
    """Take the port before anything starts, so that a taken one is said in words."""
    try:
        return socket.create_server(
            (config.http.host, config.http.port), backlog=BACKLOG, reuse_port=False
        )
    except OSError as error:
        raise ConfigError(
            f"can't listen at {config.http.host}:{config.http.port}: {error.strerror}; "
            "choose another with --port, or http.port in hub.toml"
        ) from None


def _say_where(config: HubConfig, hub: Hub) -> None:
    log = logging.getLogger("hub")
    log.info("serving http://%s:%d/", config.http.host, config.http.port)
    if config.mqtt.host:
        log.info("broker %s:%d", config.mqtt.host, config.mqtt.port)
    log.info("database %s", hub.store.url)
