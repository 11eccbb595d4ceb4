"""A machine between its relay and its meter. Pure.

Two ways to work:

- *held*: it runs while the relay is closed, after spinning up;
- *cycle*: closing the relay starts one run of a set length, whatever the relay does then.

Pulses accrue at a whole number per hour with an exact remainder, so how time is cut
into steps never changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """What kind of machine it is.

    Attributes:
        pulses_per_hour: Of its meter, under load.
        spin_up_ms: From start to load and feedback.
        cycle_ms: Length of a run of a cycle machine; None for a held one.
    """

    pulses_per_hour: int
    spin_up_ms: int = 0
    cycle_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """Where a machine stands.

    Attributes:
        relay: Whether its relay is closed.
        jammed: It can't start or go on, and gives no feedback.
        started_ms: For how long it has been started (held) or has run (cycle).
        cycle_left_ms: What is left of a cycle machine's run.
        pulses: Pulses given since the beginning.
        remainder: Part of the next pulse, in 1/3,600,000.
    """

    relay: bool = False
    jammed: bool = False
    started_ms: int = 0
    cycle_left_ms: int = 0
    pulses: int = 0
    remainder: int = 0


def switch(spec: PlantSpec, plant: Plant, *, closed: bool) -> Plant:
    """Close or open the relay."""
    if closed == plant.relay:
        return plant
    plant = replace(plant, relay=closed)
    if spec.cycle_ms is None:
        return replace(plant, started_ms=0)
    if closed and not plant.jammed and plant.cycle_left_ms == 0:
        return replace(plant, started_ms=0, cycle_left_ms=spec.cycle_ms)
    return plant


def jam(plant: Plant, *, jammed: bool) -> Plant:
    """Jam or free the machine; a run that is jammed is over."""
    return replace(plant, jammed=jammed, started_ms=0, cycle_left_ms=0)


def advance(spec: PlantSpec, plant: Plant, elapsed_ms: int) -> Plant:
    """Let `elapsed_ms` (≥ 0) pass."""
    if spec.cycle_ms is None:
        run_ms = elapsed_ms if plant.relay else 0
    else:
        run_ms = min(elapsed_ms, plant.cycle_left_ms)
    if plant.jammed or run_ms == 0:
        return plant
    started_ms = plant.started_ms + run_ms
    loaded_ms = max(0, started_ms - max(plant.started_ms, spec.spin_up_ms))
    accrued = plant.remainder + loaded_ms * spec.pulses_per_hour
    return replace(
        plant,
        started_ms=started_ms,
        cycle_left_ms=max(0, plant.cycle_left_ms - run_ms),
        pulses=plant.pulses + accrued // _MS_PER_HOUR,
        remainder=accrued % _MS_PER_HOUR,
    )


def is_running(spec: PlantSpec, plant: Plant) -> bool:
    """Tell what the machine's own feedback says: it really runs."""
    started = plant.relay if spec.cycle_ms is None else plant.cycle_left_ms > 0
    return started and not plant.jammed and plant.started_ms >= spec.spin_up_ms
