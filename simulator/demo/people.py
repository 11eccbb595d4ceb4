"""The demo's people: who they are, what they hold and what they come for."""

from __future__ import annotations

import random
from dataclasses import dataclass

from simulator.bench.cards import BenchCard
from simulator.demo.site import MEMBERS
from simulator.parts.tags import Tag, make_tag


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a card.

    Attributes:
        id: Short name, also the key of what the demo remembers about them.
        name: What people read.
        card: Kind of the card, as `simulator.parts.tags.make_tag` knows it.
        uid: Its UID in hex; empty for a phone.
        paid_minor: What they pay in before they come; None: they have no account.
        group: Price group.
        may_cut: Whether they had the induction for the laser cutter.
        lost: Whether the card was reported lost, and so is blocked.
        machines: What they come for, by machine id.
        note: What is special about them, for the bench.
    """

    id: str
    name: str
    card: str
    uid: str
    paid_minor: int | None
    machines: tuple[str, ...]
    group: str = ""
    may_cut: bool = False
    lost: bool = False
    note: str = ""


_WASH = ("washer-1", "washer-2")
_DRY = ("dryer-1", "dryer-2")

PEOPLE = (
    Person(
        id="ana",
        name="Ana",
        card="ntag215",
        uid="04a1001122aa80",
        paid_minor=2_500,
        machines=("laser", "shower", *_WASH),
        group=MEMBERS,
        may_cut=True,
        note="member, may use the laser",
    ),
    Person(
        id="ben",
        name="Ben",
        card="ntag213",
        uid="04b2001122bb80",
        paid_minor=2_000,
        machines=(*_WASH, *_DRY),
    ),
    Person(
        id="chloe",
        name="Chloe",
        card="uid",
        uid="5ec20fa1",
        paid_minor=1_500,
        machines=(*_DRY, "shower"),
        note="plain key fob",
    ),
    Person(
        id="dev",
        name="Dev",
        card="ntag216",
        uid="04d4001122dd80",
        paid_minor=2_000,
        machines=("laser", "dryer-2", "shower"),
        may_cut=True,
        note="may use the laser",
    ),
    Person(
        id="eva",
        name="Eva",
        card="ntag215",
        uid="04e5001122ee80",
        paid_minor=1_200,
        machines=("shower", "dryer-1", "laser"),
        note="not yet inducted",
    ),
    Person(
        id="finn",
        name="Finn",
        card="ntag213",
        uid="04f6001122ff80",
        paid_minor=45,
        machines=_DRY,
        note="almost out of money",
    ),
    Person(
        id="gus",
        name="Gus",
        card="ntag215",
        uid="0497001122ab80",
        paid_minor=800,
        machines=("shower", "dryer-2"),
        lost=True,
        note="lost, blocked",
    ),
    Person(
        id="hal",
        name="Hal",
        card="ntag213",
        uid="0488001122bc80",
        paid_minor=None,
        machines=("dryer-2", "washer-1"),
        note="unknown card",
    ),
    Person(
        id="ida",
        name="Ida",
        card="random",
        uid="",
        paid_minor=None,
        machines=("shower", "dryer-1"),
        note="phone with a random UID",
    ),
)


def make_cards(people: tuple[Person, ...], rng: random.Random) -> dict[str, Tag]:
    """Make each person's card, by person."""
    return {person.id: make_tag(person.card, bytes.fromhex(person.uid), rng) for person in people}


def bench_cards(people: tuple[Person, ...], tags: dict[str, Tag]) -> tuple[BenchCard, ...]:
    """Lay the same cards ready at the bench."""
    return tuple(
        BenchCard(
            person.id,
            f"{person.name} ({person.note})" if person.note else person.name,
            tags[person.id],
        )
        for person in people
    )
