"""The bench's socket: a line of JSON asks, a line of JSON answers.

`{"do": "tap", "part": "reader.front", "card": "ana"}` does something,
`{"ask": "parts"}` lists what there is, `{"ask": "look"}` what can be seen, and
`{"wait": "relay", "part": "washer", "is": "closed", "within_ms": 3000}` waits.
Every answer has `ok`; where it is false, `why` says why in words.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from simulator.bench.deeds import Field, Kind
from simulator.bench.layout import Table
from simulator.errors import SetupError, SimulatorError

LINE_BYTES_MAX = 4_096
"""An honest line takes some hundred bytes."""
CALLERS_MAX = 16
"""More is a program that forgets to hang up."""
WITHIN_MS_MAX = 600_000
"""Nobody waits longer than ten minutes at a bench."""
LOOK_EVERY_S = 0.02
ENDING_S = 5.0

Line = dict[str, Any]


class Control:
    """The socket. Serves from `start` on.

    Args:
        table: What is moved.
        path: Of the Unix socket; its folder keeps others out.

    Raises:
        SetupError: It can't be made there.
    """

    def __init__(self, table: Table, path: Path) -> None:
        self._table = table
        self._path = path
        self._callers: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            self._listener.bind(str(path))
        except OSError as error:
            self._listener.close()
            raise SetupError(f"no socket can be made at {path}: {error}") from None
        path.chmod(0o600)
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, name="bench socket", daemon=True)

    def start(self) -> None:
        """Let callers in."""
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody."""
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._thread.ident is not None:
            self._thread.join(ENDING_S)
        with self._lock:
            for caller in self._callers:
                with suppress(OSError):
                    caller.shutdown(socket.SHUT_RDWR)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if len(self._callers) >= CALLERS_MAX:
                    caller.close()
                    continue
                self._callers.add(caller)
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError), caller.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                caller.sendall(msgspec.json.encode(self._answer(line)) + b"\n")
                if not line.endswith(b"\n"):
                    break  # too long, or the last one: what follows belongs to no line
        with self._lock:
            self._callers.discard(caller)
        caller.close()

    def _answer(self, line: bytes) -> Line:
        try:
            said: Any = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            return _no(f"that isn't a line of JSON: {error}")
        if not isinstance(said, dict):
            return _no('write an object, as {"ask": "parts"}')
        try:
            return {"ok": True, **self._obey(said)}
        except SimulatorError as error:
            return _no(str(error))

    def _obey(self, line: Line) -> Line:
        verbs = {"do", "ask", "wait"} & line.keys()
        if len(verbs) != 1:
            raise SetupError("write one of do, ask and wait")
        if "do" in line:
            form = {name: str(of) for name, of in line.items() if name not in {"do", "part"}}
            self._table.named(str(line.get("part"))).do(str(line["do"]), form)
            return {}
        return self._wait(line) if "wait" in line else self._tell(line)

    def _tell(self, line: Line) -> Line:
        match line["ask"]:
            case "parts":
                return {"parts": _listing(self._table)}
            case "look" if "part" in line:
                return {"sees": self._table.named(str(line["part"])).see()}
            case "look":
                return {"sees": _look(self._table)}
            case "cards":
                cards = self._table.stage.box.cards
                return {"cards": [{"id": card.id, "words": card.words} for card in cards]}
        raise SetupError(f"ask for parts, look or cards, not {line['ask']!r}")

    def _wait(self, line: Line) -> Line:
        part, name = self._table.named(str(line.get("part"))), str(line["wait"])
        wanted, within_ms = line.get("is"), line.get("within_ms", 5_000)
        if not isinstance(within_ms, int) or not 0 <= within_ms <= WITHIN_MS_MAX:
            raise SetupError(f"within_ms is 0 to {WITHIN_MS_MAX}")
        until = time.monotonic() + within_ms / 1_000
        while True:
            seen = part.see()
            if name not in seen:
                raise SetupError(f"of {part.id} one sees {', '.join(seen) or 'nothing'}")
            if seen[name] == wanted:
                return {"sees": seen}
            if time.monotonic() >= until or self._ended.wait(LOOK_EVERY_S):
                raise SetupError(f"{name} of {part.id} is {seen[name]!r}, not {wanted!r}")


def _look(table: Table) -> dict[str, object]:
    return {
        f"{controller}/{part.id}": part.see()
        for controller, parts in table.controllers.items()
        for part in parts.values()
        if part.place.kind.sees
    }


def _listing(table: Table) -> list[Line]:
    return [
        {"part": f"{controller}/{part.id}", **_kind(part.place.kind)}
        for controller, parts in table.controllers.items()
        for part in parts.values()
    ]


def _kind(kind: Kind) -> Line:
    return {
        "kind": kind.name,
        "sees": sorted(kind.sees),
        "deeds": [
            {"do": deed.name, "words": deed.words, "fields": [_field(each) for each in deed.fields]}
            for deed in kind.deeds
        ],
    }


def _field(field: Field) -> Line:
    line: Line = {"name": field.name, "words": field.words, "kind": field.kind}
    if field.choices:
        line["choices"] = field.choices
    return line if field.usual is None else {**line, "usual": field.usual}


def _no(why: str) -> Line:
    return {"ok": False, "why": why}
