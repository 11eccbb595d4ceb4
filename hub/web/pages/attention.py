"""What needs a person, as sentences: each with its cost and one thing to do."""

from __future__ import annotations

from hub.fleet.alarms import Alarm
from hub.fleet.controllers import Controller, ControllerState
from hub.web.api.alarms import alarm_title
from hub.web.machine_now import is_silent
from hub.web.pages import words
from hub.web.pages.model import Attention
from hub.web.pages.moment import Moment
from hub.web.pages.risk import Risk

SILENT_EACH_MAX = 3
"""More at once have one cause: one sentence for all of them."""
NAMED_MAX = 5
_SEE = ("#controllers", "See controllers")


def attention(
    now: Moment, known: list[Controller], open_alarms: list[Alarm], risk: Risk
) -> list[Attention]:
    """The list, worst first; empty when nobody is needed.

    Args:
        now: The moment.
        known: Controllers.
        open_alarms: Alarms that nobody cleared.
        risk: What could be lost.
    """
    found = [_quarantined(now, one, risk) for one in known if _is_quarantined(one)]
    found += _silent(now, [one for one in known if _has_gone_silent(now, one)], risk)
    found += [_unwilling(one, says) for one in known if (says := _own_alarm(now, one))]
    budget = now.hub.settings.loss_budget_minor
    if risk.exposed_minor > budget:
        found.append(
            Attention(
                "warn",
                f"The worst loss of an outage, {now.amount(risk.exposed_minor)}, "
                f"is over your limit of {now.amount(budget)}.",
                "Lower the floors of your sites, or raise the limit.",
            )
        )
    for alarm in open_alarms:
        where = f"{alarm.controller}: " if alarm.controller else ""
        often = f", {alarm.count} times" if alarm.count > 1 else ""
        found.append(
            Attention(
                "warn",
                f"{where}{alarm_title(alarm.code)}{often}.",
                f"{alarm.detail} Since "
                f"{words.day_and_time(alarm.raised_ms, now.now_ms, now.timezone)}.",
            )
        )
    return sorted(found, key=lambda one: one.level != "bad")


def _is_quarantined(one: Controller) -> bool:
    return one.state is ControllerState.QUARANTINED


def _has_gone_silent(now: Moment, one: Controller) -> bool:
    active = one.state is ControllerState.ACTIVE
    return active and is_silent(now.hub.live.of(one.id), now.now_ms)


def _own_alarm(now: Moment, one: Controller) -> str:
    """Why a controller says that it authorises nothing; empty: it doesn't, or is silent."""
    state = now.hub.live.of(one.id).state
    return "" if state is None or _has_gone_silent(now, one) else state.alarm


def _quarantined(now: Moment, one: Controller, risk: Risk) -> Attention:
    return Attention(
        "bad",
        f"Controller {one.id} is quarantined.",
        f"{one.quarantine_reason} Nothing of it is booked until you decide. "
        f"{_at_risk(now, [one], risk)}",
        *_SEE,
    )


def _silent(now: Moment, silent: list[Controller], risk: Risk) -> list[Attention]:
    if len(silent) > SILENT_EACH_MAX:
        names = ", ".join(one.id for one in silent[:NAMED_MAX])
        more = f" and {len(silent) - NAMED_MAX} more" if len(silent) > NAMED_MAX else ""
        what = f"{len(silent)} controllers are silent: {names}{more}."
        detail = f"Look at the network and the broker first. {_at_risk(now, silent, risk)}"
        return [Attention("bad", what, detail, *_SEE)]
    return [
        Attention(
            "bad",
            f"Controller {one.id} has been silent {_since(now, one)}.",
            f"Its machines go on by themselves. {_at_risk(now, [one], risk)}",
            *_SEE,
        )
        for one in silent
    ]


def _unwilling(one: Controller, alarm: str) -> Attention:
    return Attention("bad", f"Controller {one.id} authorises nothing.", alarm, *_SEE)


def _since(now: Moment, one: Controller) -> str:
    heard = max(now.hub.live.of(one.id).state_ms, one.heard_ms or 0)
    return f"since {now.at(heard)}" if heard else "since the hub started"


def _at_risk(now: Moment, of: list[Controller], risk: Risk) -> str:
    stakes = [risk.of(one.id) for one in of]
    held = sum(stake.held_minor + stake.left_minor for stake in stakes)
    own = sum(stake.floors_minor for stake in stakes)
    holds = f"{now.amount(held)} of customers' money that is held there, and " if held else ""
    return f"At risk until it reports: {holds}at most {now.amount(own)} of yours."
