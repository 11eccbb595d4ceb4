"""What can be done to a part at the bench, and what can be seen of it, as data.

Page, socket and scenarios read the same lists, so that none of them can do what the
others can't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simulator.bench.stage import Stage
from simulator.errors import SetupError

Form = Mapping[str, str]
Seen = str | int
"""What a person sees: a word, or a figure."""
VALUE_CHARS_MAX = 200
"""No field of a deed holds more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """What a deed is done to.

    Attributes:
        stage: The running site.
        controller: Whose part it is.
        machine: Of which machine, as the hub calls it; empty: of none.
        device: The virtual part itself; None: it has none of its own.
    """

    stage: Stage
    controller: str
    machine: str = ""
    device: Any = None

    def as_a(self, kind: type[T]) -> T:
        """Give the virtual part, which is of this kind."""
        if not isinstance(self.device, kind):
            raise TypeError(f"{self.device!r} is no {kind.__name__}")
        return self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a deed wants to know.

    Attributes:
        name: In forms, lines and files.
        words: For people.
        kind: "text", "number", "card" (one that lies ready) or "choice".
        choices: Of a choice.
        usual: When it isn't said; None: it must be.
    """

    name: str
    words: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    usual: str | None = None

    def fault(self, value: str) -> str:
        """Say what is wrong with a value; empty: nothing."""
        if len(value) > VALUE_CHARS_MAX:
            return f"is longer than {VALUE_CHARS_MAX} characters"
        if self.kind == "number" and not value.removeprefix("-").isdecimal():
            return f"is {value!r}; write a whole number"
        if self.kind == "choice" and value not in self.choices:
            return f"is {value!r}; write {' or '.join(self.choices)}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that can be done to a part.

    Attributes:
        name: In lines and files: "unplug".
        words: On its button.
        do: Does it. Raises `SetupError` in words when it can't be done now.
        fields: What it wants to know.
        is_fault: Whether it breaks or mends something, and isn't what customers do.
    """

    name: str
    words: str
    do: Callable[[Target, Form], None]
    fields: tuple[Field, ...] = ()
    is_fault: bool = False

    def faults(self, form: Form) -> Iterator[tuple[str, str]]:
        """Say what is wrong with a form: field and words."""
        known = {each.name: each for each in self.fields}
        for name in form:
            if name not in known:
                can = f"; it knows {', '.join(known)}" if known else ", and needs nothing"
                yield name, f"{self.name!r} knows no {name!r}{can}"
        for name, each in known.items():
            if name in form:
                if said := each.fault(form[name]):
                    yield name, f"{name} {said}"
            elif each.usual is None:
                yield name, f"{self.name!r} needs {name!r} ({each.words})"

    def run(self, target: Target, form: Form) -> None:
        """Do it with a form as it came.

        Raises:
            SetupError: The form is wrong, or it can't be done now; says why.
        """
        faults = [words for _, words in self.faults(form)]
        if faults:
            raise SetupError("; ".join(faults))
        usual = {each.name: each.usual for each in self.fields if each.usual is not None}
        try:
            self.do(target, {**usual, **form})
        except KeyError as error:
            raise SetupError(f"there is no {error.args[0]!r} at the bench") from None
        except (OSError, ValueError) as error:
            raise SetupError(f"{self.name!r} can't be done: {error}") from None


def _leave(_target: Target) -> None:
    """Nothing to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of part.

    Attributes:
        name: In lists: "reader".
        words: For people, before the part's own name.
        deeds: What can be done to it.
        sees: What can be seen of it, by name.
        mend: Makes it as new.
    """

    name: str
    words: str
    deeds: tuple[Deed, ...]
    sees: Mapping[str, Callable[[Target], Seen]] = field(default_factory=dict)
    mend: Callable[[Target], None] = _leave

    def deed(self, name: str) -> Deed:
        """Find a deed.

        Raises:
            SetupError: There is none of that name; says which there are.
        """
        for each in self.deeds:
            if each.name == name:
                return each
        can = ", ".join(each.name for each in self.deeds) or "nothing"
        raise SetupError(f"a {self.words} can't {name!r}; what can be done to it: {can}")


def plain(name: str, words: str, do: Callable[[Target], object], *, is_fault: bool = True) -> Deed:
    """Make a deed that needs to know nothing."""

    def run(target: Target, _form: Form) -> None:
        do(target)

    return Deed(name=name, words=words, do=run, is_fault=is_fault)


def yes(value: object) -> str:
    """Say a truth in a word."""
    return "yes" if value else "no"
