"""Other programs that hold money for what isn't a machine: a cloud, a course, a door.

They hold, take what was used in parts, give the rest back, and forget a hold now and then,
which then waits for a person: no timer may free it.
"""

from __future__ import annotations

from functools import partial

from hub.charging import services, usage
from hub.charging.services import Service
from hub.charging.usage_asked import Authorise, Capture, Raise, Release
from hub.ledger.writer import Tx
from simulator.trials.draws import happens, weighed
from simulator.trials.office import HOUR_MS, MINUTE_MS, Errand, Office, Script, Wait

WHO = "programs"
SERVICE = "cloud"
GAP_MS = 30 * MINUTE_MS
HELD_MINOR_MAX = 800
LASTS_MS_MAX = HOUR_MS // 2
PARTS_MAX = 3
REASON = "it was called off"


def open_service(tx: Tx, tariff: str) -> None:
    """Have something there that can be used, at a tariff's prices."""
    services.put_service(
        tx, Service(id=SERVICE, name=SERVICE, kind="cloud", tariff=tariff, tariff_by_group={})
    )


def schedule_programs(office: Office, until_ms: int) -> None:
    """Have programs come."""
    office.schedule(WHO, "hold", hold, GAP_MS, until_ms)
    office.schedule(WHO, "charge", charge, 2 * GAP_MS, until_ms)


def hold(office: Office, errand: Errand) -> Script:
    """Hold money, take some of it, and end it, or forget it."""
    stream = errand.stream
    account = office.house(stream).account
    minor = stream.randint(1, HELD_MINOR_MAX)
    asked = Authorise(
        id=f"{errand.id}.hold", service=SERVICE, account=account, amount_minor=minor, by=WHO
    )
    parts = [stream.randint(1, HELD_MINOR_MAX) for _ in range(stream.randint(0, PARTS_MAX))]
    pauses = [stream.randint(1_000, LASTS_MS_MAX) for _ in range(PARTS_MAX + 1)]
    more, goes_beyond = stream.randint(1, HELD_MINOR_MAX), happens(stream, 40)
    end = weighed(stream, (("final", 50), ("release", 30), ("twice", 10), ("forget", 10)))
    answer = yield errand.request(
        "hold", lambda tx: usage.authorise(tx, asked), account=account, minor=minor
    )
    if not answer.is_done:
        return
    if happens(stream, 30):
        raised = Raise(id=f"{errand.id}.raise", usage=asked.id, amount_minor=more, by=WHO)
        yield errand.request(
            "raise", lambda tx: usage.raise_hold(tx, raised), account=account, minor=more
        )
    for place, (part, pause_ms) in enumerate(zip(parts, pauses, strict=False)):
        yield Wait(pause_ms)
        is_last = end == "final" and place == len(parts) - 1
        taken = Capture(
            id=f"{errand.id}.capture{place}",
            usage=asked.id,
            amount_minor=part,
            final=is_last,
            beyond=goes_beyond,
            by=WHO,
        )
        job = partial(usage.capture, asked=taken)
        yield errand.request(f"capture{place}", job, account=account, minor=part)
    yield Wait(pauses[-1])
    if end == "forget":
        return
    for step in ("release", "release_again") if end == "twice" else ("release",):
        freed = Release(id=f"{errand.id}.{step}", usage=asked.id, reason=REASON, by=WHO)
        yield errand.request(step, partial(usage.release, asked=freed), account=account)


def charge(office: Office, errand: Errand) -> Script:
    """Buy something in one step."""
    account = office.house(errand.stream).account
    minor = errand.stream.randint(1, HELD_MINOR_MAX)
    asked = Authorise(
        id=f"{errand.id}.charge", service=SERVICE, account=account, amount_minor=minor, by=WHO
    )
    yield errand.request("charge", lambda tx: usage.charge(tx, asked), account=account, minor=minor)
