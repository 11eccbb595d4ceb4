"""Serves the bench from a thread of the demo's own process."""

from __future__ import annotations

from threading import Thread

from simulator.bench.layout import Table
from simulator.waiting import accepts, free_port, wait_for

START_S = 10.0
STOP_S = 5.0
OPEN_S = 1
"""How long a browser's open connection may hold up the end."""


class BenchServer:
    """The bench at a loopback port.

    Args:
        table: What it shows.
        port: Where; 0 finds a free port.
    """

    def __init__(self, table: Table, port: int = 0) -> None:
        # Loaded here: commands that show no page start without it.
        import uvicorn

        from simulator.bench.page import make_app

        self.port = port or free_port()
        config = uvicorn.Config(
            make_app(table, self.port),
            host="127.0.0.1",
            port=self.port,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=OPEN_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, name="bench", daemon=True)

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Serve; returns when it answers."""
        self._thread.start()
        wait_for("the bench answers", lambda: accepts(self.port), START_S)

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(STOP_S)
