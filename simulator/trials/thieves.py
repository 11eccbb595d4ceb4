"""Somebody copied a card that proves nothing, and uses the copy while the owner uses the card."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.trials.draws import one_of
from simulator.trials.faults import Occurrence
from simulator.trials.office import Errand, Office, Script, Wait
from simulator.trials.people import use
from simulator.trials.town import NUMBER_MAX, CardPlan

WHO = "cloned_card"
LEVEL = 0
"""What a copy of a UID proves, whatever the card proved that it was copied from."""
USES_MAX = 4


def steal(office: Office, what: Occurrence) -> None:
    """Have a card copied and the copy used until the fault ends."""
    name = f"{what.number}"
    errand = Errand(f"{WHO}-{name}", WHO, office.world.stream(f"{WHO}/{name}"))
    office.follow(_go_round(office, errand, what))


def _go_round(office: Office, errand: Errand, what: Occurrence) -> Script:
    stream = errand.stream
    card = one_of(_cards(office), what.target)
    pauses = [stream.randint(1_000, 2 * what.lasts_ms // USES_MAX) for _ in range(USES_MAX)]
    numbers = [(stream.randrange(NUMBER_MAX), stream.randrange(NUMBER_MAX)) for _ in pauses]
    if card is None:
        return
    copy = CardPlan(id=card.id, uid=card.uid, level=LEVEL)
    for place, (pause_ms, (where, which)) in enumerate(zip(pauses, numbers, strict=True)):
        controller = one_of(sorted(office.world.controllers), where)
        machine = (
            one_of(office.world.controllers[controller].machines, which) if controller else None
        )
        if controller and machine:
            at_place = Errand(
                f"{errand.id}-{place}", WHO, office.world.stream(f"{errand.id}/{place}")
            )
            office.follow(use(office, at_place, (controller, machine, copy)))
        yield Wait(pause_ms)


def _cards(office: Office) -> Sequence[CardPlan]:
    return [card for house in office.town for card in house.cards]
