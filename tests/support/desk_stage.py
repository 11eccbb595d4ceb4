"""A stage for trials on one real hub: virtual time, and machines that only look like some."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from pathlib import Path
from random import Random
from types import SimpleNamespace

from desk import Desk

from hub.errors import OutcomeUnknownError


class StageKernel:
    def __init__(self, desk: Desk) -> None:
        self.now_ms = 0
        self._desk = desk
        self._waiting: list = []
        self._numbers = itertools.count()

    def after(self, delay_ms: int, call) -> None:
        heapq.heappush(self._waiting, (self.now_ms + delay_ms, next(self._numbers), call))

    def run_until(self, at_ms: int) -> None:
        while self._waiting and self._waiting[0][0] <= at_ms:
            due_ms, _, call = heapq.heappop(self._waiting)
            self._desk.clock.advance(due_ms - self.now_ms)
            self.now_ms = due_ms
            call()


class StageHub:
    """A hub that dies now and then: `dies` says how the next requests end.

    Each word of `dies` is for one request: "before" it is booked, "after" it, or "".
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.card_salt = desk.hub.keys.card_salt
        self.voucher_secret = desk.hub.keys.voucher_secret
        self.dies: list[str] = []

    def run(self, job):
        word = self.dies.pop(0) if self.dies else ""
        if word == "before":
            raise OutcomeUnknownError("it died")
        done = self._desk.run(job)
        if word == "after":
            raise OutcomeUnknownError("it died")
        return done


class StagePlace:
    """A controller whose machines start when a known card is tapped, and stop at the next."""

    site = "cellar"
    machines = ("saw1", "saw2")

    def __init__(self) -> None:
        self.taps: list[tuple[str, bytes, int]] = []
        self.presses: list[str] = []
        self._running: set[str] = set()

    def tap(self, machine: str, uid: bytes, level: int) -> None:
        self.taps.append((machine, uid, level))
        self._running ^= {machine}

    def press(self, machine: str) -> None:
        self.presses.append(machine)
        self._running.discard(machine)

    def is_running(self, machine: str) -> bool:
        return machine in self._running


class DeskStage:
    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.desk = Desk(folder)
        self.desk.add_site()
        self.saw = self.desk.add_controller("saw", "saw1", "saw2")
        self.kernel = StageKernel(self.desk)
        self.hub = StageHub(self.desk)
        self.place = StagePlace()
        self.controllers = {"saw": self.place}
        self.facts: list[tuple[str, str, dict]] = []
        self.witness = SimpleNamespace(see=self._see)
        self._seed = seed

    @property
    def wall_ms(self) -> int:
        return self.desk.clock.now().wall_ms

    def stream(self, name: str) -> Random:
        return Random(hashlib.sha256(f"{self._seed}/{name}".encode()).digest())

    def seen(self, kind: str) -> list[dict]:
        return [what for seen, _, what in self.facts if seen == kind]

    def _see(self, kind: str, who: str, **what: int | str) -> None:
        self.facts.append((kind, who, what))
