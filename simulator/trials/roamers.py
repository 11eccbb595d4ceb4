"""One card at two sites that are both offline: nobody can know, so what it costs is bounded.

A roamer goes where the network is down; for a trial that means that it is cut before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simulator.trials.cuts import Cuts
from simulator.trials.draws import one_of
from simulator.trials.office import HOUR_MS, MINUTE_MS, Errand, Office, Script, Wait
from simulator.trials.people import use
from simulator.trials.town import NUMBER_MAX

WHO = "roamers"
GAP_MS = 90 * MINUTE_MS
AWAY_MS_MAX = HOUR_MS // 2
WALK_MS_MAX = 5 * MINUTE_MS
"""From one site to the other; what runs at the first goes on meanwhile."""


def schedule_roamers(office: Office, cuts: Cuts, until_ms: int) -> None:
    """Have people roam."""
    office.schedule(WHO, "roam", partial(roam, cuts), GAP_MS, until_ms)


def roam(cuts: Cuts, office: Office, errand: Errand) -> Script:
    """Go to two places that are cut off, and use one card at both."""
    stream = errand.stream
    card = stream.choice(office.house(stream).cards)
    numbers = [stream.randrange(NUMBER_MAX) for _ in range(4)]
    walk_ms, away_ms = stream.randint(1_000, WALK_MS_MAX), stream.randint(MINUTE_MS, AWAY_MS_MAX)
    places = _two_places(office, numbers)
    office.world.witness.see("roams", WHO, id=errand.id, card=card.id)
    for controller, _ in places:
        cuts.cut(controller, errand.id)
    for place, (controller, machine) in enumerate(places):
        name = f"{errand.id}-{place}"
        at_place = Errand(name, WHO, office.world.stream(f"{WHO}/{name}"))
        office.follow(use(office, at_place, (controller, machine, card)))
        yield Wait(walk_ms)
    yield Wait(away_ms)
    for controller, _ in places:
        cuts.heal(controller, errand.id)


def _two_places(office: Office, numbers: Sequence[int]) -> list[tuple[str, str]]:
    """Two machines, at different sites if there are two."""
    hosts = office.world.controllers
    first = one_of(sorted(hosts), numbers[0])
    others = sorted(name for name in hosts if first and hosts[name].site != hosts[first].site)
    second = one_of(others or sorted(hosts), numbers[1])
    found = []
    for name, number in ((first, numbers[2]), (second, numbers[3])):
        machine = one_of(hosts[name].machines, number) if name else None
        if name and machine:
            found.append((name, machine))
    return found
