"""What the witness saw, kept by what the checkers ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.trials.audit.observation import Seen


class Asked(NamedTuple):
    """Something that staff asked the hub for.

    Attributes:
        action: What.
        account: For whom.
        minor: How much.
    """

    action: str
    account: str
    minor: int


@dataclass(slots=True)
class Request:
    """All that was asked under one id, and how it was answered.

    Attributes:
        asked: What was asked; more than one when somebody used the id for something else.
        outcomes: Of all answers.
    """

    asked: list[Asked] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


class Witnessed:
    """An index of facts.

    Attributes:
        drawers: What is truly in each till's drawer, counted from nothing.
        requests: Of staff, by id.
        damaged: What was done to each disk since it was begun anew.
        broken: Meters and relays that are broken now: name of the disk, and machine; an
            empty machine stands for all of them.
        cut_off: Controllers whose network is cut now.
    """

    def __init__(self) -> None:
        self.drawers: dict[str, int] = {}
        self.requests: dict[str, Request] = {}
        self.damaged: dict[str, list[str]] = {}
        self.broken: set[tuple[str, str]] = set()
        self.cut_off: set[str] = set()

    def add(self, fact: Seen) -> None:
        """Take in a fact."""
        what = dict(fact.what)
        match fact.kind:
            case "cash_in":
                self._put(fact.who, int(what["minor"]))
            case "cash_out":
                self._put(fact.who, -int(what["minor"]))
            case "staff_asked":
                asked = Asked(
                    str(what["action"]), str(what.get("account", "")), int(what.get("minor", 0))
                )
                self._request(what).asked.append(asked)
            case "staff_answered":
                self._request(what).outcomes.append(str(what["outcome"]))
            case "disk" if what["fault"] == "begun_anew":
                self.damaged.pop(fact.who, None)
            case "disk":
                self.damaged.setdefault(fact.who, []).append(str(what["fault"]))
            case "part":
                self._break(fact.who, what)
            case "cut":
                self.cut_off.add(fact.who)
            case "healed":
                self.cut_off.discard(fact.who)
            case _:
                pass

    def is_broken(self, name: str, machine: str) -> bool:
        """Whether a machine's meter or relay is broken now."""
        return bool({(name, machine), (name, "")} & self.broken)

    def is_damaged(self, name: str) -> bool:
        """Whether a disk was changed behind its controller's back; a full one wasn't."""
        return any(fault != "disk_full" for fault in self.damaged.get(name, ()))

    def _put(self, till: str, minor: int) -> None:
        self.drawers[till] = self.drawers.get(till, 0) + minor

    def _break(self, name: str, what: dict[str, int | str]) -> None:
        if what["fault"] in ("reader", "feedback"):
            return
        part = (name, str(what.get("machine", "")))
        if what.get("begins", 1):
            self.broken.add(part)
        else:
            self.broken.discard(part)

    def _request(self, what: dict[str, int | str]) -> Request:
        return self.requests.setdefault(str(what["id"]), Request())
