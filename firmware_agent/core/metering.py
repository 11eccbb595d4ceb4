"""How readings become usage, and usage becomes a charge.

Only differences of readings are use. A meter that falls is exchanged or reset: what
it counted across the fall isn't known, so nothing is charged for it, and counting
goes on from the new value. The same holds for one that rises faster than its bound says
it can: another meter was put in its place. A fall is use only where the file says at
which total the register begins again, and then no more than the bound allows. A meter
that is silent charges nothing until it answers; the difference then is use, since its
total went on counting. Units that a driver knows to be lost are told, never charged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_agent.core.modes import bought_usage, is_bought, is_free
from hardware.ports import Quality, Reading
from wire.machines import Machine, Mode
from wire.money import EUR
from wire.rating import least_minor, rate, worst_increment_minor
from wire.tariff import Tariff
from wire.usage import NOTHING, Usage, add_use

METER_SILENT_MS = 5_000
"""A meter that says nothing for this long is a fault; a bus hiccup isn't."""
METER_SILENT_STOP_MS = 30_000
"""A session priced by quantity ends when its meter is silent for this long: what is
used then can't be charged."""


BOUND_SLACK_MS = 60_000
"""A reading may be old, and so may the one before: a meter that is read out slowly gives
up to a minute's use more than the time between two readings."""
_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a meter can't do, by the controller's file.

    Attributes:
        per_hour_max: More than it ever counts in an hour; 0: not known.
        wraps_at: Total at which it begins again at 0; 0: never.
    """

    per_hour_max: int = 0
    wraps_at: int = 0

    def most(self, elapsed_ms: int) -> int:
        """The most it can have counted in a time, rounded up."""
        return -(-self.per_hour_max * (elapsed_ms + BOUND_SLACK_MS) // _MS_PER_HOUR)


NO_BOUNDS = Bounds()

_UNPRICED = Tariff(id="none", version=1, name="", unit=EUR)


@dataclass(frozen=True, slots=True)
class Track:
    """Where a session stands at its meter.

    Attributes:
        on_ms: Last known on-time of the output; None before the first reading.
        total: Last usable total; None before the first.
        read_ms: Monotonic time of it.
        lost_from: The meter's count of lost units at the start.
        lost: The same now.
        step_quantity_max: Most units seen between two readings.
        silent_since_ms: Monotonic time since when the meter says nothing usable.
    """

    on_ms: int | None = None
    total: int | None = None
    read_ms: int = 0
    lost_from: int = 0
    lost: int = 0
    step_quantity_max: int = 0
    silent_since_ms: int | None = None

    @property
    def units_lost(self) -> int:
        """Units lost in this session."""
        return max(0, self.lost - self.lost_from)


@dataclass(frozen=True, slots=True)
class Step:
    """What one reading added.

    Attributes:
        track: Where the session stands now.
        time_ms: Time used since the last reading, ≥ 0.
        quantity: Units used since, ≥ 0.
        went_backwards: By how much the meter fell; 0: it didn't.
        jumped: By how much it rose, when that is more than it can; 0: it didn't.
    """

    track: Track
    time_ms: int
    quantity: int
    went_backwards: int = 0
    jumped: int = 0


def read_on(
    track: Track,
    on_ms: int,
    reading: Reading | None,
    mono_ms: int,
    bounds: Bounds = NO_BOUNDS,
) -> Step:
    """Take a reading.

    Args:
        track: Where the session stands.
        on_ms: On-time of the output, cumulative.
        reading: The meter's; None: the machine has none.
        mono_ms: Now.
        bounds: What the meter can't do.
    """
    time_ms = 0 if track.on_ms is None else max(0, on_ms - track.on_ms)
    track = replace(track, on_ms=on_ms)
    if reading is None:
        return Step(track, time_ms, 0)
    if reading.quality is not Quality.OK:
        since = mono_ms if track.silent_since_ms is None else track.silent_since_ms
        return Step(replace(track, silent_since_ms=since), time_ms, 0)
    track = replace(track, silent_since_ms=None, lost=reading.lost)
    if track.total is None:
        track = replace(track, total=reading.total, read_ms=mono_ms, lost_from=reading.lost)
        return Step(track, time_ms, 0)
    most = bounds.most(mono_ms - track.read_ms)
    quantity = _risen(track.total, reading.total, bounds.wraps_at, most)
    track = replace(track, total=reading.total, read_ms=mono_ms)
    if quantity < 0:
        # The driver counts losses from its own opening: a new meter begins anew.
        track = replace(track, lost_from=min(track.lost_from, reading.lost))
        return Step(track, time_ms, 0, went_backwards=-quantity)
    if bounds.per_hour_max and quantity > most:
        return Step(track, time_ms, 0, jumped=quantity)
    largest = max(track.step_quantity_max, quantity)
    return Step(replace(track, step_quantity_max=largest), time_ms, quantity)


def _risen(before: int, total: int, wraps_at: int, most: int) -> int:
    """By how much a total rose, across its end when that is possible; < 0: it fell."""
    if total < before < wraps_at and total + wraps_at - before <= most:
        return total + wraps_at - before
    return total - before


def silent_ms(track: Track, mono_ms: int) -> int:
    """For how long the meter has said nothing, 0 when it answers."""
    return 0 if track.silent_since_ms is None else mono_ms - track.silent_since_ms


def add_step(tariff: Tariff | None, usage: Usage, step: Step, wall_ms: int) -> Usage:
    """Usage after a step that ended at `wall_ms`, by the tariff's bands."""
    return add_use(tariff or _UNPRICED, usage, wall_ms - step.time_ms, step.time_ms, step.quantity)


def need_to_start(spec: Machine, tariff: Tariff | None, wall_ms: int) -> int:
    """What a card must be able to pay for a start.

    What is bought: its price. Metered: the least that any use costs, since a session that
    is stopped at once serves nobody; plus the reserve. A vending machine says its price
    later: until then the least of any is needed.
    """
    if tariff is None or is_free(spec):
        return 0
    if spec.mode is Mode.VEND:
        return max(1, rate(tariff, NOTHING))
    if is_bought(spec):
        return rate(tariff, bought_usage(spec, tariff, wall_ms))
    least = least_minor(tariff) + worst_increment_minor(tariff, NOTHING, 1, 1)
    if least == 0 and costs_anything(tariff):
        least = 1
    return least + spec.reserve_minor


def costs_anything(tariff: Tariff) -> bool:
    """Whether some use of this tariff costs money."""
    a_long_time_ms, many = 10**10, 10**7
    return least_minor(tariff) + worst_increment_minor(tariff, NOTHING, a_long_time_ms, many) > 0


def next_step_minor(tariff: Tariff | None, usage: Usage, track: Track, pace_ms: int) -> int:
    """What the use until the next reading may cost at most, by what was seen so far."""
    if tariff is None:
        return 0
    return worst_increment_minor(tariff, usage, pace_ms, track.step_quantity_max)


def is_priced_by_quantity(tariff: Tariff | None) -> bool:
    """Whether a silent meter means use that can't be charged."""
    return tariff is not None and tariff.quantity is not None
