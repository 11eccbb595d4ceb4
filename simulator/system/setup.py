"""Tells a fresh hub about a site: tariffs, controllers, machines. Repeating it changes nothing."""

from __future__ import annotations

from simulator.errors import HubRefusedError
from simulator.plan import SitePlan
from simulator.system.hub_api import HubApi, Json, machine_body, tariff_body
from wire.machines import Policy

TILL = "counter"
CONFLICT = 409


def set_up_site(api: HubApi, site: SitePlan) -> None:
    """Create everything that a site's plan names."""
    policy = site.controllers[0].policy if site.controllers else Policy()
    _create(
        api,
        "/sites",
        {"id": site.id, "name": site.name, "timezone": "Europe/Berlin", "policy": _policy(policy)},
    )
    for tariff in site.tariffs:
        _create(api, "/tariffs", tariff_body(tariff))
    for controller in site.controllers:
        takes_cash = {"has_acceptor": True} if controller.takes_cash else {}
        _create(api, "/controllers", {"id": controller.id, "site": site.id, **takes_cash})
        for plan in controller.machines:
            _create(api, "/machines", machine_body(controller.id, plan.machine))


def enrolment_code(api: HubApi, controller: str) -> str:
    """Get a one-time code for a controller."""
    return str(api.post(f"/controllers/{controller}/enrolment-codes", {})["code"])


def open_account(api: HubApi, account: str, **terms: object) -> Json:
    """Open an account."""
    return api.post("/accounts", {"id": account, **terms})


def link_card(api: HubApi, account: str, uid: str, label: str = "", level: int = 0) -> str:
    """Link a card to an account; gives the card's id."""
    body = {"account": account, "uid": uid, "label": label, "level": level}
    return str(api.post("/cards", body)["id"])


def top_up(api: HubApi, account: str, amount_minor: int, key: str) -> Json:
    """Pay into an account at the counter; `key` names the payment."""
    body = {"amount_minor": amount_minor, "till": TILL}
    return api.post(f"/accounts/{account}/top-ups", body, key)


def _policy(policy: Policy) -> Json:
    return {name: getattr(policy, name) for name in policy.__struct_fields__}


def _create(api: HubApi, path: str, body: Json) -> None:
    try:
        api.post(path, body)
    except HubRefusedError as error:
        # Made by an earlier run in the same folder.
        if error.status != CONFLICT:
            raise
