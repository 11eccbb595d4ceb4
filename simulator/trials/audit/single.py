"""One id, one effect: whoever asks again changes nothing, and nothing booked changes later."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from simulator.trials.audit.breach import Invariant
from simulator.trials.audit.checker import Checker, Scene
from simulator.trials.audit.hub_file import Item, Move
from simulator.trials.audit.observation import Seen

MOVING = frozenset({"top_up", "payout", "refund", "transfer", "adjustment", "deposit_taken"})
"""What staff ask for that always moves money under the id it was asked with."""

OWN_FAULT = 607
"""The number of a fault that isn't the asker's."""


class OneIdOneEffect(Checker):
    """Each movement stands once, whole, under an id of its own, and stays as it was booked.

    What comes down to a controller is obeyed once, too: no older configuration after a newer.
    """

    invariant = Invariant.SINGLE

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._place = 0
        self._digest = sha256()
        self._back: dict[str, int] = {}

    def saw(self, fact: Seen) -> Iterator[str]:
        """Whoever asks gets an outcome or a reason, and never a fault of the hub's own."""
        what = dict(fact.what)
        if fact.kind == "staff_answered" and what.get("code") == OWN_FAULT:
            yield f"{what['id']} was answered with a fault of the hub's own"

    def now(self) -> Iterator[str]:
        hub = self.scene.hub
        yield from self._in_journals()
        for item_id in hub.repeated:
            yield f"{item_id} is booked twice"
        for move in hub.loose:
            yield f"transfer {move.number} belongs to {move.item}, which isn't booked with it"
        for item in hub.fresh_items:
            self._place += 1
            if item.place != self._place:
                yield f"{item.id} stands at place {item.place}, after {self._place - 1}"
                self._place = item.place
            if [move.ordinal for move in item.moves] != list(range(len(item.moves))):
                yield f"{item.id} has transfers twice, or not all of them"
            if not item.moves:
                yield f"{item.id} moves nothing"
            if item.reverses is not None:
                yield from self._check_back(item, item.reverses)
            self._digest.update(_words_of(item).encode())

    def end(self) -> Iterator[str]:
        """Read the whole book once more: it must be what was read as it grew."""
        whole = sha256()
        for item in self._read_again():
            whole.update(_words_of(item).encode())
        if whole.digest() != self._digest.digest():
            yield "what was booked isn't what it was: some row changed after its commit"
        for subscription, item in self.scene.hub.rows(_PERIODS):
            if item not in self.scene.hub.items:
                yield f"a period of {subscription} is charged as {item}, which isn't booked"
        for number, request in self.scene.witnessed.requests.items():
            if not {asked.action for asked in request.asked} & MOVING:
                continue
            booked = number in self.scene.hub.items
            if "done" in request.outcomes and not booked:
                yield f"{number} was confirmed to staff, and isn't booked"
            if booked and set(request.outcomes) == {"refused"}:
                yield f"{number} was refused to staff each time, and is booked"
            if booked:
                yield from self._check_content(number)

    def _check_back(self, item: Item, charge: str) -> Iterator[str]:
        """No more of a movement goes back than it moved, in all its parts."""
        whole = self.scene.hub.items.get(charge)
        if whole is None:
            yield f"{item.id} gives {charge} back, which isn't booked"
            return
        self._back[charge] = self._back.get(charge, 0) + item.total
        if self._back[charge] > whole.total:
            yield f"{charge} moved {whole.total}, with {item.id} {self._back[charge]} went back"

    def _check_content(self, number: str) -> Iterator[str]:
        """One of the things that were asked under an id is what was booked."""
        request = self.scene.witnessed.requests[number]
        item = self.scene.hub.items[number]
        asked = {one.minor for one in request.asked if one.action in MOVING}
        if item.kind in ("payout", "transfer", "adjustment") and item.total not in asked:
            yield f"{number} moves {item.total}, and {sorted(asked)} was asked for"

    def _read_again(self) -> list[Item]:
        hub = self.scene.hub
        items = {
            row[1]: Item(*row)
            for row in hub.rows(
                "SELECT place, id, unit, kind, ref, reverses, batch FROM items"
                " WHERE place <= ? ORDER BY place",
                self._place,
            )
        }
        for move in map(Move._make, hub.rows(_MOVES)):
            if move.item in items:
                items[move.item].moves.append(move)
        return list(items.values())


def _words_of(item: Item) -> str:
    moves = [(move.number, move.debit, move.credit, move.amount) for move in item.moves]
    return repr((item.place, item.id, item.unit, item.kind, item.ref, item.reverses, moves))


_PERIODS = "SELECT subscription, item FROM subscription_periods WHERE item <> ''"
_MOVES = "SELECT id, item, ordinal, debit, credit, amount FROM transfers ORDER BY id"
