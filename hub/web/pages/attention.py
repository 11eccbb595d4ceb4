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
    found: list[Attention] = []
    for one in known:
        found += _controller_attention(now, one, risk)
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


def _controller_attention(now: Moment, one: Controller, risk: Risk) -> list[Attention]:
    stake = risk.of(one.id)
    at_risk = (
        f"At risk until it reports: {now.amount(stake.held_minor + stake.left_minor)} of "
        f"customers' money that it holds, and at most {now.amount(stake.floors_minor)} of yours."
    )
    if one.state is ControllerState.QUARANTINED:
        return [
            Attention(
                "bad",
                f"Controller {one.id} is quarantined.",
                f"{one.quarantine_reason} Nothing of it is booked until you decide. {at_risk}",
                "#controllers",
                "See controllers",
            )
        ]
    live = now.hub.live.of(one.id)
    if one.state is ControllerState.ACTIVE and is_silent(live, now.now_ms):
        heard = max(live.state_ms, one.heard_ms or 0)
        since = f"since {now.at(heard)}" if heard else "since the hub started"
        return [
            Attention(
                "bad",
                f"Controller {one.id} has been silent {since}.",
                f"Its machines go on by themselves. {at_risk}",
                "#controllers",
                "See controllers",
            )
        ]
    if live.state is not None and live.state.alarm:
        return [
            Attention(
                "bad",
                f"Controller {one.id} authorises nothing.",
                live.state.alarm,
                "#controllers",
                "See controllers",
            )
        ]
    return []
