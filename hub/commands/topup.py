"""`standpipe-hub topup`: book cash that was taken at a till."""

from __future__ import annotations

import msgspec

from hub.commands.access import CALLER, Api, Json, Place, direct, print_json, say, unit_at
from hub.errors import HubError
from hub.payments.topups import TopUp, top_up
from hub.people.accounts import get_account
from hub.units import find_unit
from wire.money import Unit, format_amount, parse_amount


def run(
    place: Place, account: str, amount: str, till: str, payment_id: str, *, as_json: bool
) -> int:
    """Book a top-up. The same id again moves nothing and says the same.

    Args:
        place: Where.
        account: Whose.
        amount: In major units, like `12.50`.
        till: Where the cash was put.
        payment_id: Made and stored by who asks, before asking.
        as_json: Print JSON for programs.

    Returns:
        Exit code.
    """
    try:
        pay = _at_hub if place.hub else _directly
        booked, unit = pay(place, account, amount, till, payment_id)
    except (HubError, ValueError) as error:
        return say(error)
    if as_json:
        print_json(booked)
        return 0
    paid = format_amount(int(booked["amount_minor"]), unit)
    print(f"{paid} paid in for {account} at {till}, booked as {payment_id}.")
    for line in _more(booked, unit):
        print(line)
    return 0


def _more(booked: Json, unit: Unit) -> list[str]:
    """What a top-up cost and brought, if anything."""
    fee, bonus = int(booked["fee_minor"]), int(booked["bonus_minor"])
    lines = [f"{format_amount(fee, unit)} of it is the fee."] if fee else []
    if bonus:
        lines.append(f"{format_amount(bonus, unit)} is given on top ({booked['campaign']}).")
    return lines


def _directly(
    place: Place, account: str, amount: str, till: str, payment_id: str
) -> tuple[Json, Unit]:
    with direct(place) as hub:
        with hub.store.read() as connection:
            unit = find_unit(connection, get_account(connection, account).unit)
        asked = TopUp(
            id=payment_id,
            account=account,
            amount_minor=parse_amount(amount, unit),
            till=till,
            by=CALLER,
        )
        booked: Json = msgspec.to_builtins(hub.writer.run(lambda tx: top_up(tx, asked)))
    return booked, unit


def _at_hub(
    place: Place, account: str, amount: str, till: str, payment_id: str
) -> tuple[Json, Unit]:
    with Api(place) as api:
        unit = unit_at(api, str(api.get(f"/accounts/{account}")["unit"]))
        body = {"amount_minor": parse_amount(amount, unit), "till": till}
        return api.post(f"/accounts/{account}/top-ups", body, payment_id), unit
