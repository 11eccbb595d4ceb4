"""A scenario as it is played: people, steps, and what each step expects."""

from __future__ import annotations

from dataclasses import dataclass, field

Value = str | int
"""What is compared."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a value must be.

    Attributes:
        how: "is", "is_not", "has", "at_least", "at_most", or "grows_by": at least so much
            more than when the step began.
        value: Compared with it.
    """

    how: str
    value: Value

    def holds(self, seen: Value) -> bool:
        """Whether a value is as wanted; figures and words never compare."""
        wanted = self.value
        if self.how == "is":
            return seen == wanted
        if self.how == "is_not":
            return seen != wanted
        if self.how == "has":
            return str(wanted) in str(seen)
        if not isinstance(seen, int) or not isinstance(wanted, int):
            return False
        return seen >= wanted if self.how == "at_least" else seen <= wanted

    def since(self, first: Value) -> Wanted:
        """The same, for a value that was this when the step began."""
        if self.how != "grows_by" or isinstance(self.value, str) or isinstance(first, str):
            return self
        return Wanted("at_least", first + self.value)

    def words(self) -> str:
        """Say it."""
        how = {"is": "", "is_not": "anything but ", "has": "with "}.get(
            self.how, f"{self.how.replace('_', ' ')} "
        )
        return f"{how}{self.value!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        line: Where it stands.
    """

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Step):
    """Something is done to a part."""

    part: str
    deed: str
    form: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class See(Step):
    """Something must be seen of a part.

    Attributes:
        part: Which.
        name: What of it.
        wanted: What it must be.
        within_ms: It must become so within this.
        for_ms: And stay so for this long.
    """

    part: str
    name: str
    wanted: Wanted
    within_ms: int
    for_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal(Step):
    """The controller's journal must hold events, since the scenario began.

    Attributes:
        kind: Of the events.
        match: What their fields must be.
        times: How many there must be; None: one or more.
        within_ms: By then.
    """

    kind: str
    match: dict[str, Wanted]
    times: int | None
    within_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(Step):
    """The hub's book must say something.

    Attributes:
        what: "wallet", "held", "overrun", "charged" or "alarm".
        of: Person, machine or code that it is about.
        wanted: What it must be.
        within_ms: By then.
    """

    what: str
    of: str
    wanted: Wanted
    within_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Step):
    """Time passes."""

    pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone with a card.

    Attributes:
        name: In the file.
        card: Kind of the card, as `simulator.parts.tags.make_tag` knows it, or "ntag424"
            or "desfire": one that has the bench's key.
        paid_minor: What they paid in; None: the hub doesn't know them.
        permissions: What they may use.
    """

    name: str
    card: str = "ntag215"
    paid_minor: int | None = 2_000
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario.

    Attributes:
        name: Its file's.
        about: What it shows, in a sentence.
        bench: Folder of the bench that it is played at.
        needs: Programs that must be installed for it.
        people: Who comes.
        steps: What happens.
    """

    name: str
    about: str
    bench: str
    needs: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()
    steps: tuple[Step, ...] = field(default=())
