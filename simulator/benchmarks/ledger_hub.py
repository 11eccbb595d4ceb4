"""A hub's writer in a process of its own, for `ledger-pg-two`.

`python -m simulator.benchmarks.ledger_hub URL NAME COUNT WAITERS` opens the book, says
that it is ready, waits for a line, books, and prints how long it took.
"""

from __future__ import annotations

import subprocess
import sys

from hub.clock import SystemClock
from hub.ledger.writer import Writer
from hub.store.engine import open_store
from simulator.benchmarks.ledger_load import drive, make_items, serve_as_a_hub, session
from simulator.errors import SimulatorError

READY = "ready"
TOOK = "took "


class HubProcess:
    """A hub's writer in a process of its own.

    Args:
        url: The book.
        name: Begins its ids.
        items: How many it books.
        waiters: By how many at once.
    """

    def __init__(self, url: str, name: str, items: int, waiters: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, url, name, str(items), str(waiters)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def expect(self, start: str) -> str:
        """Wait for a line that begins so; gives the rest of it.

        Raises:
            SimulatorError: Something else came.
        """
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(start):
            raise SimulatorError(f"a hub ended: {line.strip() or 'its reason is above'}")
        return line.removeprefix(start).strip()

    def go(self) -> None:
        """Have it begin."""
        if self._process.stdin:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Have it gone."""
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Do what the arguments say."""
    url, name, count, waiters = sys.argv[1:]
    store = open_store(url)
    items = make_items(session, int(count), name=name)
    with Writer(store, SystemClock()) as writer:
        serve_as_a_hub()
        print(READY, flush=True)
        sys.stdin.readline()
        run = drive(writer, items, int(waiters))
    store.close()
    print(f"{TOOK}{run.seconds}", flush=True)


if __name__ == "__main__":
    main()
