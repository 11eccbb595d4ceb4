"""A real browser for tests: Chromium over its debugging pipe, with a fresh profile.

Messages of the DevTools protocol go over two pipes, each ended by a zero byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
GIVE_UP_S = 30.0
FIRST_FREE = 10


class Browser:
    """One browser with one page. Use as a context manager.

    Args:
        profile: Directory for its profile; made.
    """

    def __init__(self, profile: Path) -> None:
        to_read, self._to_browser = os.pipe()
        self._from_browser, to_write = os.pipe()
        self._count = 0
        self._buffer = b""
        self._pid = _spawn(profile, to_read, to_write)
        target = self._send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": target, "flatten": True}
        self._session = str(self._send("Target.attachToTarget", attach)["sessionId"])
        self.call("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to_browser)
        os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)
        os.close(self._from_browser)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol on the page."""
        return self._send(method, params, self._session)

    def show(self, url: str, width: int, height: int = 900, *, scheme: str = "light") -> None:
        """Open a page in a window of that width and colour scheme, and wait for it."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def leave(self) -> None:
        """Close the page and its connections, so that its server can end."""
        self.call("Page.navigate", url="about:blank")
        self.wait_for("location.href === 'about:blank'")

    def run(self, script: str) -> Any:
        """Value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression in the page is true."""
        ends = time.monotonic() + GIVE_UP_S
        while not self.run(script):
            if time.monotonic() > ends:
                raise AssertionError(f"never became true: {script}")
            time.sleep(0.05)

    def _send(self, method: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._from_browser, 1 << 16)
            if not data:
                raise AssertionError("the browser is gone")
            self._buffer += data
        raw, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(raw)
        return answer


def _spawn(profile: Path, to_read: int, to_write: int) -> int:
    """Start a browser that reads from its descriptor 3 and writes to its 4."""
    high = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for one in (to_read, to_write)]
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_DUP2, nothing, 1),
        (os.POSIX_SPAWN_DUP2, nothing, 2),
        (os.POSIX_SPAWN_DUP2, high[0], 3),
        (os.POSIX_SPAWN_DUP2, high[1], 4),
    ]
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
    ]
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    finally:
        for one in (to_read, to_write, nothing, *high):
            os.close(one)
