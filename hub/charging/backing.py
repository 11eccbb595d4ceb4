"""What stands behind an account's rights when it has lots: pure arithmetic.

All of an account's lots are one pool, wherever their money is held. A charge takes from
the lots that fit its machine first, in order, then from paid money, then overrun: so what
each lot pays in the end depends on the charges alone, not on the order in which they
come, nor on who held what. To keep every right whole, what is held is then composed
anew: lots first, each only where it fits every machine, and paid money for the rest.
That is a function of the pool and the rights, so it is the same by any path, too.

Lots whose time is over leave the pool. What a controller holds of one stays there, pays
for that controller's own charges first, and leaves the account when it comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.charging.lot import Lot, ending_leg
from hub.ledger import accounts as chart
from hub.ledger.items import Fill, Leg, Move, Spill

Place = tuple[str, str]
"""A controller and an epoch of its."""


@dataclass(slots=True)
class Part:
    """One lot of an account.

    Attributes:
        lot: Which.
        pays: Whether it is in its time.
        free_minor: What is left and not held, ≥ 0.
        held_minor: What of it is held where, each > 0.
    """

    lot: Lot
    pays: bool
    free_minor: int = 0
    held_minor: dict[Place, int] = field(default_factory=dict)

    @property
    def pool_minor(self) -> int:
        """All that is left of it."""
        return self.free_minor + sum(self.held_minor.values())


@dataclass(slots=True)
class Backing:
    """The lots and rights of one account, changed by what is planned.

    Attributes:
        account: Whose.
        unit: Unit of its money.
        parts: Its lots in the order in which they are spent.
        rights_minor: Backed right at each place, ≥ 0.
        kinds: Kinds of machines in use, by controller.
    """

    account: str
    unit: str
    parts: list[Part]
    rights_minor: dict[Place, int]
    kinds: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Payment:
    """How a charge is paid.

    Attributes:
        sources: Ledger accounts that give, and how much each.
        rest_minor: What the wallet gives up to its limit, and overrun beyond.
        holds: Legs that make rights whole again afterwards; empty: they are.
    """

    sources: tuple[tuple[str, int], ...]
    rest_minor: int
    holds: tuple[Leg, ...]


def charge(backing: Backing, place: Place, kind: str, minor: int, right_minor: int) -> Payment:
    """Plan a charge, a fact.

    Args:
        backing: Of who pays; changed.
        place: Where it was charged.
        kind: Kind of the machine; empty: not known.
        minor: The charge.
        right_minor: What is left of the right there.
    """
    before = _picture(backing)
    taken = _take(backing, place, kind, minor)
    backing.rights_minor[place] = right_minor
    _compose(backing)
    after = _picture(backing)
    sources: list[tuple[str, int]] = []
    legs: list[Leg] = []
    for part in backing.parts:
        lot = part.lot
        freed = before.held[lot.id] - after.held[lot.id]
        wanted = taken.get(lot.id, 0)
        from_held = min(wanted, max(0, freed))
        sources += [(lot.held_code, from_held), (lot.free_code, wanted - from_held)]
        legs += _lot_legs(part, freed - from_held)
    rest = minor - sum(taken.values())
    freed = before.paid - after.paid
    from_held = min(rest, max(0, freed))
    sources.append((chart.escrow(backing.account, backing.unit), from_held))
    legs += _paid_legs(backing, freed - from_held)
    given = tuple((code, part) for code, part in sources if part)
    return Payment(given, rest - from_held, tuple(legs))


def move_right(
    backing: Backing, place: Place, right_minor: int, brought_minor: int = 0
) -> tuple[Leg, ...]:
    """Plan that a right grows or shrinks: a release, a forfeit, cash taken in. A fact.

    Args:
        backing: Of whom; changed.
        place: Where.
        right_minor: The right from now on.
        brought_minor: Paid money that came into escrow just before.

    Returns:
        What moves between the account's own ledger accounts.
    """
    before = _picture(backing)
    backing.rights_minor[place] = right_minor
    _compose(backing)
    return _differences(backing, before, brought_minor)


def grow_right(backing: Backing, place: Place, minor: int) -> tuple[Leg, ...]:
    """Plan a grant, which is a request: the book refuses when the wallet can't give its part."""
    before = _picture(backing)
    backing.rights_minor[place] = backing.rights_minor.get(place, 0) + minor
    _compose(backing)
    return _differences(backing, before, 0, must=True)


def compose(backing: Backing) -> tuple[Leg, ...]:
    """Plan what moves after lots were given: those are held before paid money is."""
    before = _picture(backing)
    _compose(backing)
    return _differences(backing, before, 0)


def free_minor(backing: Backing, controller: str) -> int:
    """What lots can give for a new right at a controller."""
    kinds = backing.kinds.get(controller, frozenset())
    return sum(part.free_minor for part in backing.parts if part.pays and part.lot.fits_all(kinds))


@dataclass(frozen=True, slots=True)
class _Picture:
    """What was held, at one moment."""

    held: dict[str, int]  # of each lot
    paid: int


def _picture(backing: Backing) -> _Picture:
    held = {part.lot.id: sum(part.held_minor.values()) for part in backing.parts}
    return _Picture(held, sum(backing.rights_minor.values()) - sum(held.values()))


def _take(backing: Backing, place: Place, kind: str, minor: int) -> dict[str, int]:
    """Take a charge from lots; what a controller holds of ended ones comes first."""
    left = minor
    taken: dict[str, int] = {}
    for part in sorted(backing.parts, key=lambda part: part.pays):
        if left == 0 or not part.lot.fits(kind):
            continue
        most = part.pool_minor if part.pays else part.held_minor.get(place, 0)
        if most == 0:
            continue
        took = taken[part.lot.id] = min(left, most)
        left -= took
        if part.pays:
            part.free_minor -= took  # may be below 0 until all is composed anew
        else:
            part.held_minor[place] -= took
    return taken


def _compose(backing: Backing) -> None:
    """Decide anew which money stands behind which right."""
    room = dict(backing.rights_minor)
    kept = {part.lot.id: _keep(backing, part, room) for part in backing.parts}
    places = sorted(place for place, minor in room.items() if minor)
    for part in backing.parts:
        if part.pays:
            _hold(backing, part, places, (room, kept[part.lot.id]))
        else:
            part.held_minor = kept[part.lot.id]


def _keep(backing: Backing, part: Part, room: dict[Place, int]) -> dict[Place, int]:
    """What stays where it is: of a lot that ended, or that doesn't fit there any more.

    It was held before that, and stands behind a right: it only ever shrinks.
    """
    left = part.pool_minor
    kept: dict[Place, int] = {}
    for place, minor in sorted(part.held_minor.items()):
        if part.pays and _fits(backing, part, place):
            continue
        most = min(minor, left, room.get(place, 0))
        if most:
            kept[place] = most
            room[place] -= most
            left -= most
    return kept


def _hold(
    backing: Backing,
    part: Part,
    places: list[Place],
    given: tuple[dict[Place, int], dict[Place, int]],
) -> None:
    room, held = given
    left = part.pool_minor - sum(held.values())
    for place in places:
        most = min(left, room[place]) if _fits(backing, part, place) else 0
        if most:
            held[place] = most
            room[place] -= most
            left -= most
    part.held_minor, part.free_minor = held, left


def _fits(backing: Backing, part: Part, place: Place) -> bool:
    return part.lot.fits_all(backing.kinds.get(place[0], frozenset()))


def _differences(
    backing: Backing, before: _Picture, brought_minor: int, *, must: bool = False
) -> tuple[Leg, ...]:
    after = _picture(backing)
    legs: list[Leg] = []
    for part in backing.parts:
        legs += _lot_legs(part, before.held[part.lot.id] - after.held[part.lot.id])
    freed = before.paid + brought_minor - after.paid
    return (*legs, *_paid_legs(backing, freed, must=must))


def _lot_legs(part: Part, freed: int) -> list[Leg]:
    """Legs when so much of a lot is held no longer, or more than before."""
    lot = part.lot
    if freed == 0:
        return []
    if not part.pays:
        return [ending_leg(lot, lot.held_code, freed)]
    if freed > 0:
        return [Move(lot.held_code, lot.free_code, freed)]
    return [Move(lot.free_code, lot.held_code, -freed)]


def _paid_legs(backing: Backing, freed: int, *, must: bool = False) -> list[Leg]:
    """Legs when so much paid money is held no longer, or more than before."""
    account, unit = backing.account, backing.unit
    wallet, held = chart.wallet(account, unit), chart.escrow(account, unit)
    overrun = chart.overrun(account, unit)
    if freed == 0:
        return []
    if freed > 0:
        return [Fill(held, (overrun, wallet), freed)]
    if must:
        return [Move(wallet, held, -freed)]
    # A right stands, whatever was charged elsewhere: what is missing is overrun.
    return [Spill((wallet, overrun), ((held, -freed),))]
