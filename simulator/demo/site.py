"""The demo's site: a laundry with a shower, and a workshop next door.

Its machines work sixty times faster than the clock, so that a minute of watching
shows an hour of use. Time on a bill is the clock's own.
"""

from __future__ import annotations

from simulator.plan import ControllerPlan, MachinePlan, MeterPlan, SitePlan
from wire.machines import Cycle, HubDown, Machine, Mode, Policy
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

SPEED = 60
TAX_PPM = 190_000
PERMISSION = "laser"
MEMBERS = "members"
IDLE_MS = 2_500
WASH_MS = 8 * 60_000
"""A washer's program: a very quick one of 8 minutes, 8 seconds here."""

_POLICY = Policy(checkpoint_ms=2_000, state_ms=1_000, batch_wait_ms=250)
"""A demo's page should show what just happened."""


def _per_minute(cents: int, *, first: int = 0, step: int = 1) -> Measure:
    tiers = (Tier(cents * 10_000),)
    return Measure(unit="ms", per=60_000, first=first, next=step, tiers=tiers)


TARIFFS = (
    Tariff(
        id="wash",
        version=1,
        name="Quick wash",
        unit=EUR,
        start_fee_micros=1_800_000,
        tax_rate_ppm=TAX_PPM,
    ),
    Tariff(
        id="dry-energy",
        version=1,
        name="Drying by energy",
        unit=EUR,
        start_fee_micros=200_000,
        quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(1_200_000),)),
        cap_minor=800,
        tax_rate_ppm=TAX_PPM,
    ),
    Tariff(
        id="dry-time",
        version=1,
        name="Drying by the minute",
        unit=EUR,
        time=_per_minute(240),
        minimum_minor=20,
        tax_rate_ppm=TAX_PPM,
    ),
    Tariff(
        id="shower",
        version=1,
        name="Shower",
        unit=EUR,
        time=_per_minute(120),
        quantity=Measure(
            unit="ml", per=1_000, free=10_000, tiers=(Tier(15_000, 60_000), Tier(30_000))
        ),
        tax_rate_ppm=TAX_PPM,
    ),
    Tariff(
        id="laser",
        version=1,
        name="Laser cutter, per minute begun",
        unit=EUR,
        time=_per_minute(90, first=60_000, step=60_000),
        tax_rate_ppm=TAX_PPM,
    ),
    Tariff(
        id="laser-members",
        version=1,
        name="Laser cutter for members",
        unit=EUR,
        time=_per_minute(60, first=60_000, step=60_000),
        tax_rate_ppm=TAX_PPM,
    ),
)


def _washer(number: int) -> MachinePlan:
    return MachinePlan(
        machine=Machine(
            id=f"washer-{number}",
            name=f"Washer {number}",
            kind="washer",
            mode=Mode.CYCLE,
            tariff="wash",
            want_minor=180,
            cycle=Cycle(pulse_ms=300, feedback_within_ms=3_000, duration_ms=15_000),
        ),
        reader="washers",
        button=f"washer-{number}",
        spin_up_ms=30_000,
        cycle_ms=WASH_MS,
        feedback=True,
    )


_DRYER_1 = MachinePlan(
    machine=Machine(
        id="dryer-1", name="Dryer 1", kind="dryer", tariff="dry-energy", idle_ms=IDLE_MS
    ),
    reader="dryer-1",
    button="dryer-1",
    meter=MeterPlan("Wh", 2_400, units_numerator=1_000, units_denominator=800),
    spin_up_ms=12_000,
)
_DRYER_2 = MachinePlan(
    machine=Machine(id="dryer-2", name="Dryer 2", kind="dryer", tariff="dry-time", idle_ms=IDLE_MS),
    reader="dryer-2",
    button="dryer-2",
    meter=MeterPlan("Wh", 3_000, absolute=True),
    spin_up_ms=12_000,
)
_SHOWER = MachinePlan(
    machine=Machine(
        id="shower", name="Shower", kind="shower", tariff="shower", idle_ms=IDLE_MS, want_minor=300
    ),
    reader="shower",
    button="shower",
    meter=MeterPlan("ml", 6_600, units_numerator=100),
)
_LASER = MachinePlan(
    machine=Machine(
        id="laser",
        name="Laser cutter",
        kind="laser",
        tariff="laser",
        tariff_by_group={MEMBERS: "laser-members"},
        permission=PERMISSION,
        hub_down=HubDown.BACKED_THEN_FLOOR,
    ),
    reader="laser",
    button="laser",
    meter=MeterPlan("Wh", 400),
)

SITE = SitePlan(
    id="riverside",
    name="Riverside laundry and workshop",
    tariffs=TARIFFS,
    controllers=(
        ControllerPlan("wash", (_washer(1), _washer(2)), _POLICY),
        ControllerPlan("dry", (_DRYER_1, _DRYER_2), _POLICY),
        ControllerPlan("bath", (_SHOWER,), _POLICY),
        ControllerPlan("workshop", (_LASER,), _POLICY),
    ),
    speed=SPEED,
)
