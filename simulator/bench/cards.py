"""The cards that lie ready at the bench; more can be made while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from simulator.errors import SetupError
from simulator.parts.tags import Tag

CARDS_MAX = 200
"""More than anybody finds again in a list."""
UID_BYTES = (4, 7, 10)


@dataclass(frozen=True, slots=True)
class BenchCard:
    """A card that lies ready at the bench.

    Attributes:
        id: Its name in forms.
        words: Whose it is and what is special about it, for people.
        tag: What is laid on a reader.
        link: Its id at the hub; empty: the hub doesn't know it.
        level: How it proves itself: 0 by its UID, 1 and 2 by its key.
    """

    id: str
    words: str
    tag: Tag
    link: str = ""
    level: int = 0


class CardBox:
    """All cards; from any thread.

    Args:
        cards: Those that lie there at first.
    """

    def __init__(self, cards: tuple[BenchCard, ...] = ()) -> None:
        self._lock = Lock()
        self._cards = {card.id: card for card in cards}

    @property
    def cards(self) -> tuple[BenchCard, ...]:
        """All of them, in the order they came."""
        with self._lock:
            return tuple(self._cards.values())

    def find(self, name: str) -> BenchCard:
        """Find one.

        Raises:
            KeyError: There is none of that name.
        """
        with self._lock:
            return self._cards[name]

    def add(self, card: BenchCard) -> None:
        """Lay one more there, in the place of one of the same name.

        Raises:
            SetupError: There are too many.
        """
        with self._lock:
            if len(self._cards) >= CARDS_MAX and card.id not in self._cards:
                raise SetupError(f"there are {CARDS_MAX} cards at the bench already")
            self._cards[card.id] = card


def clone_of(card: BenchCard, name: str) -> BenchCard:
    """Copy what anybody can read of a card: its UID, onto a card that takes no commands.

    The keys stay where they are; nobody can read those.
    """
    return BenchCard(name, f"a copy of {card.words}", Tag(card.tag.uid))


def plain_card(uid: str, name: str) -> BenchCard:
    """Make a card that nobody knows, by its UID in hex.

    Raises:
        SetupError: It isn't a UID.
    """
    try:
        number = bytes.fromhex(uid)
    except ValueError:
        number = b""
    if len(number) not in UID_BYTES:
        raise SetupError(f"{uid!r} is no UID: write 8, 14 or 20 hexadecimal digits")
    return BenchCard(name, f"{name}, UID {uid}", Tag(number))
