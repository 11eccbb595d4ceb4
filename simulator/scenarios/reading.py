"""Reads a scenario's file, and says everything that is wrong with it at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from simulator.bench.bench_file import load_bench, shipped
from simulator.bench.deeds import Form, Seen
from simulator.bench.layout import Place, places
from simulator.errors import SetupError
from simulator.scenarios import lines, model
from wire import events
from wire.errors import Code

FOLDER = Path(__file__).parent
"""Scenarios that ship."""
WITHIN_MS = 8_000
"""A step waits so long: an agent starts within that on a busy machine."""
MS_MAX = 60_000
"""No step waits or lasts longer."""
STEPS_MAX = 200
"""Nobody reads a longer file."""
HOWS = ("is", "is_not", "has", "at_least", "at_most")
SEEN_HOWS = (*HOWS, "grows_by")
CARDS = ("ntag213", "ntag215", "ntag216", "uid", "random", "ntag424", "desfire")
BOOKS = ("wallet", "held", "overrun", "charged", "alarm")
EVENTS: dict[str, type[events.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in events.AnyEvent.__args__
}

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong with a file.

    Attributes:
        path: Of the file.
        line: From 1.
        key: As `steps[2].part`; empty: the whole file.
        words: What is wrong, and what to write.
    """

    path: str
    line: int
    key: str
    words: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.path}:{self.line}: {key}{self.words}"


class ScenarioFaultsError(SetupError):
    """Raised with everything that is wrong with files.

    Args:
        faults: At least one.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{count} in scenarios\n" + "\n".join(map(str, faults)))
        self.faults = faults


def read_all(paths: tuple[Path, ...]) -> tuple[model.Scenario, ...]:
    """Read scenarios.

    Raises:
        ScenarioFaultsError: With every fault of every file.
    """
    read = [_Reading(path) for path in paths]
    found = [each.scenario() for each in read]
    faults = tuple(sorted(fault for each in read for fault in each.faults))
    if faults:
        raise ScenarioFaultsError(faults)
    return tuple(each for each in found if each is not None)


def paths_of(names: tuple[str, ...]) -> tuple[Path, ...]:
    """Find scenarios by name or path; no names: all that ship.

    Raises:
        SetupError: There is none of that name.
    """
    there = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if not names:
        return tuple(there.values())
    found = []
    for name in names:
        path = there.get(name) or Path(name)
        if not path.is_file():
            raise SetupError(f"there is no scenario {name!r}; there is {', '.join(there)}")
        found.append(path)
    return tuple(found)


@dataclass(slots=True)
class _Reading:
    """One file being read."""

    path: Path
    faults: list[Fault] = field(default_factory=list)
    _lines: dict[lines.Path, int] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _cards: set[str] = field(default_factory=set)

    def scenario(self) -> model.Scenario | None:
        try:
            text = self.path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self._say((), f"it can't be read: {error}")
            return None
        self._lines = lines.lines_of(text)
        self._only((), data, ("about", "bench", "needs", "people", "steps"))
        bench = self._bench(self._word((), data, "bench", "standard"))
        people = tuple(self._people(data.get("people", {})))
        self._cards = {person.name for person in people}
        return model.Scenario(
            name=self.path.stem,
            about=self._word((), data, "about"),
            bench=bench,
            needs=self._words((), data, "needs"),
            people=people,
            steps=tuple(self._steps(data.get("steps"))),
        )

    def _bench(self, name: str) -> str:
        folder = self.path.parent / name if "/" in name or "." in name else shipped(name)
        try:
            self._places = places(load_bench(folder).config, has_hub=True)
        except SetupError as error:
            self._say(("bench",), str(error))
        return str(folder)

    def _people(self, found: object) -> Iterator[model.Person]:
        if not isinstance(found, dict):
            self._say(("people",), "write a table for each, as [people.ana]")
            return
        for name, terms in found.items():
            at = ("people", name)
            if not isinstance(terms, dict):
                self._say(at, "write a table")
                continue
            self._only(at, terms, ("card", "paid_minor", "known", "permissions"))
            card = self._word(at, terms, "card", "ntag215")
            if card not in CARDS:
                self._say((*at, "card"), f"is {card!r}; write {' or '.join(CARDS)}")
            paid = self._number(at, terms, "paid_minor", 2_000)
            yield model.Person(
                name=name,
                card=card,
                paid_minor=None if terms.get("known") is False or card == "random" else paid,
                permissions=self._words(at, terms, "permissions"),
            )

    def _steps(self, found: object) -> Iterator[model.Step]:
        if not isinstance(found, list) or not found:
            self._say(("steps",), "there are no steps; write [[steps]]")
            return
        if len(found) > STEPS_MAX:
            self._say(("steps",), f"there are more than {STEPS_MAX} steps")
        readers: dict[str, Callable[[lines.Path, Table], model.Step | None]] = {
            "do": self._do,
            "see": self._see,
            "journal": self._journal,
            "book": self._book,
            "pause_ms": self._pause,
        }
        for index, step in enumerate(found):
            at: lines.Path = ("steps", index)
            verbs = [verb for verb in readers if isinstance(step, dict) and verb in step]
            if len(verbs) != 1:
                self._say(at, f"a step has one of {', '.join(readers)}")
                continue
            read = readers[verbs[0]](at, step)
            if read is not None:
                yield read

    def _do(self, at: lines.Path, step: Table) -> model.Step | None:
        place = self._place(at, step)
        if place is None:
            return None
        form = {name: str(of) for name, of in step.items() if name not in {"do", "part"}}
        try:
            deed = place.kind.deed(str(step["do"]))
        except SetupError as error:
            self._say((*at, "do"), str(error))
            return None
        for name, words in deed.faults(form):
            self._say((*at, name), words)
        for each in deed.fields:
            if each.kind == "card" and form.get(each.name, "") not in {*self._cards, ""}:
                known = ", ".join(sorted(self._cards)) or "nobody"
                self._say((*at, each.name), f"{form[each.name]!r} has no card; {known} has")
        self._cards |= _made(place, deed.name, form)
        return model.Do(line=self._line(at), part=str(step["part"]), deed=deed.name, form=form)

    def _see(self, at: lines.Path, step: Table) -> model.Step | None:
        self._only(at, step, ("see", "part", "within_ms", "for_ms", *SEEN_HOWS))
        place, wanted = self._place(at, step), self._wanted(at, step)
        name = self._word(at, step, "see")
        if place is not None and name not in place.kind.sees:
            seen = ", ".join(place.kind.sees) or "nothing"
            self._say((*at, "see"), f"of a {place.kind.words} one sees {seen}, not {name!r}")
        if place is None or wanted is None:
            return None
        return model.See(
            line=self._line(at),
            part=str(step["part"]),
            name=name,
            wanted=wanted,
            within_ms=self._number(at, step, "within_ms", WITHIN_MS),
            for_ms=self._number(at, step, "for_ms", 0),
        )

    def _journal(self, at: lines.Path, step: Table) -> model.Step | None:
        self._only(at, step, ("journal", "with", "times", "within_ms"))
        kind = EVENTS.get(self._word(at, step, "journal"))
        if kind is None:
            self._say((*at, "journal"), f"no event is called so; there is {', '.join(EVENTS)}")
            return None
        match: dict[str, model.Wanted] = {}
        told = step.get("with", {})
        for name, value in told.items() if isinstance(told, dict) else ():
            if name not in kind.__struct_fields__:
                fields = ", ".join(kind.__struct_fields__)
                self._say((*at, "with", name), f"such an event has {fields}")
            elif name == "code" and isinstance(value, str) and value not in Code.__members__:
                self._say((*at, "with", name), f"there is no code {value}")
            elif (wanted := self._one((*at, "with", name), value)) is not None:
                match[name] = wanted
        return model.Journal(
            line=self._line(at),
            kind=str(step["journal"]),
            match=match,
            times=self._number(at, step, "times", 0) if "times" in step else None,
            within_ms=self._number(at, step, "within_ms", WITHIN_MS),
        )

    def _book(self, at: lines.Path, step: Table) -> model.Step | None:
        self._only(at, step, ("book", "of", "within_ms", *HOWS))
        what, of = self._word(at, step, "book"), self._word(at, step, "of")
        wanted = self._wanted(at, step)
        if what not in BOOKS:
            self._say((*at, "book"), f"is {what!r}; write {' or '.join(BOOKS)}")
        elif what == "alarm":
            if of not in Code.__members__:
                self._say((*at, "of"), f"there is no code {of!r}")
        elif what == "charged":
            if of not in self._places:
                self._say((*at, "of"), f"there is no machine {of!r}")
        elif of not in self._cards:
            self._say((*at, "of"), f"there is nobody called {of!r}")
        if wanted is None:
            return None
        within_ms = self._number(at, step, "within_ms", WITHIN_MS)
        return model.Book(line=self._line(at), what=what, of=of, wanted=wanted, within_ms=within_ms)

    def _pause(self, at: lines.Path, step: Table) -> model.Step:
        self._only(at, step, ("pause_ms",))
        return model.Pause(line=self._line(at), pause_ms=self._number(at, step, "pause_ms", 0))

    def _place(self, at: lines.Path, step: Table) -> Place | None:
        name = self._word(at, step, "part")
        place = self._places.get(name)
        if place is None and name and self._places:
            known = ", ".join(self._places)
            self._say((*at, "part"), f"there is no part {name!r}; this bench has {known}")
        return place

    def _wanted(self, at: lines.Path, step: Table) -> model.Wanted | None:
        hows = [how for how in SEEN_HOWS if how in step]
        if len(hows) != 1:
            self._say(at, f"say what it must be, with one of {', '.join(SEEN_HOWS)}")
            return None
        return self._compared((*at, hows[0]), hows[0], step[hows[0]])

    def _one(self, at: lines.Path, value: object) -> model.Wanted | None:
        """A plain value, or a table of one comparison."""
        if not isinstance(value, dict):
            return self._compared(at, "is", value)
        hows = list(value)
        if len(hows) != 1 or hows[0] not in HOWS:
            self._say(at, f"write a value, or one of {', '.join(HOWS)}")
            return None
        return self._compared(at, hows[0], value[hows[0]])

    def _compared(self, at: lines.Path, how: str, value: object) -> model.Wanted | None:
        needs_number = how.startswith("at_") or how == "grows_by"
        if not isinstance(value, str | int) or (needs_number and not isinstance(value, int)):
            self._say(at, f"is {value!r}; write a {'number' if needs_number else 'word'}")
            return None
        return model.Wanted(how, value)

    def _word(self, at: lines.Path, table: Table, key: str, usual: str | None = None) -> str:
        value = table.get(key, usual)
        if value is None:
            self._say((*at, key), "is missing")
        elif not isinstance(value, str):
            self._say((*at, key), f"is {value!r}; write a text")
        return value if isinstance(value, str) else ""

    def _words(self, at: lines.Path, table: Table, key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self._say((*at, key), "write a list of texts")
            return ()
        return tuple(value)

    def _number(self, at: lines.Path, table: Table, key: str, usual: int) -> int:
        value = table.get(key, usual)
        bound = MS_MAX if key.endswith("_ms") else 10**9
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= bound:
            self._say((*at, key), f"is {value!r}; write a whole number, 0 to {bound}")
            return usual
        return value

    def _only(self, at: lines.Path, table: Mapping[str, object], keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                self._say((*at, key), f"isn't known here; known are {', '.join(keys)}")

    def _line(self, at: lines.Path) -> int:
        return lines.line_of(self._lines, at)

    def _say(self, at: lines.Path, words: str) -> None:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
        self.faults.append(Fault(str(self.path), self._line(at), key.removeprefix("."), words))


def _made(place: Place, deed: str, form: Form) -> set[str]:
    """Names of cards that a step makes."""
    if place.kind.name != "cards":
        return set()
    return {form.get("name") or f"{form.get('card')}-copy"} if deed in {"clone", "make"} else set()


def builtin(value: object) -> Seen:
    """An event's field as files write it."""
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, int | str) else str(plain)
