"""`standpipe-hub account`: open, list, show and close accounts."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.charging import lot_rows
from hub.commands.access import Api, Json, Place, direct, moment, print_json, say, unit_at
from hub.errors import HubError
from hub.ledger import accounts as chart, statements
from hub.people import accounts
from hub.people.accounts import Account, Terms
from hub.people.cards import cards_of
from hub.units import find_unit
from wire.money import Unit, format_amount, parse_amount

LISTED_MAX = 200
"""One page; `--search` narrows it down."""


def open_account(
    place: Place, name: str, account_id: str, group: str, credit_limit: str, *, as_json: bool
) -> int:
    """Open an account and print its id.

    Args:
        place: Where.
        name: What staff call it.
        account_id: Its id; empty: one is made.
        group: Price group; empty: none.
        credit_limit: How far below zero it may go, in major units; empty: not.
        as_json: Print JSON for programs.

    Returns:
        Exit code.
    """
    try:
        if place.hub:
            opened = _open_at_hub(place, name, account_id, group, credit_limit)
        else:
            opened = _open_directly(place, name, account_id, group, credit_limit)
    except (HubError, ValueError) as error:
        return say(error)
    if as_json:
        print_json(opened)
    else:
        print(opened["id"])
    return 0


def list_accounts(place: Place, search: str, *, as_json: bool) -> int:
    """Print accounts, newest first. Returns the exit code."""
    try:
        rows, more = _list(place, search)
    except HubError as error:
        return say(error)
    if as_json:
        print_json(rows)
        return 0
    for row in rows:
        print(f"{row['id']}  {row['state']}  {row['name']}")
    if more:
        print(f"… and more: narrow them down with --search ({LISTED_MAX} are shown)")
    return 0


def show_account(place: Place, account_id: str, *, as_json: bool) -> int:
    """Print an account with its balance and cards. Returns the exit code."""
    try:
        show = _show_at_hub if place.hub else _show_directly
        shown, unit = show(place, account_id)
    except HubError as error:
        return say(error)
    if as_json:
        print_json(shown)
        return 0
    account, balance = shown["account"], shown["balance"]
    print(f"{account['id']}  {account['state']}  {account['name']}")
    for words, name in (
        ("to spend", "wallet_minor"),
        ("given on top, to spend", "bonus_minor"),
        ("held for machines", "held_minor"),
        ("deposit", "deposit_minor"),
        ("used beyond the balance", "overrun_minor"),
    ):
        print(f"  {format_amount(balance[name], unit):>14}  {words}")
    print(f"  as of {moment(balance['as_of_ms'])}")
    for card in shown["cards"]:
        print(f"  card {card['id']}  {card['state']}  {card['label']}")
    return 0


def close_account(place: Place, account_id: str) -> int:
    """Close an account. Returns the exit code."""
    try:
        if place.hub:
            with Api(place) as api:
                api.post(f"/accounts/{account_id}/close", {})
        else:
            with direct(place) as hub:
                hub.writer.run(lambda tx: accounts.close_account(tx, account_id))
    except HubError as error:
        return say(error)
    print(f"{account_id} is closed; its history and what is left in it stay.")
    return 0


def _open_directly(place: Place, name: str, account_id: str, group: str, credit_limit: str) -> Json:
    with direct(place) as hub:
        unit = hub.settings.unit
        terms = Terms(
            name=name,
            group=group,
            tariffs={},
            permissions={},
            credit_limit_minor=parse_amount(credit_limit, unit) if credit_limit else 0,
        )
        new_id = account_id or hub.ids.new("acc")
        return _row(hub.writer.run(lambda tx: accounts.open_account(tx, new_id, unit.code, terms)))


def _open_at_hub(place: Place, name: str, account_id: str, group: str, credit_limit: str) -> Json:
    body: Json = {"name": name, "group": group}
    if account_id:
        body["id"] = account_id
    with Api(place) as api:
        if credit_limit:
            unit = unit_at(api, str(api.get("/settings")["unit"]))
            body["credit_limit_minor"] = parse_amount(credit_limit, unit)
        return api.post("/accounts", body)


def _list(place: Place, search: str) -> tuple[list[Json], bool]:
    if place.hub:
        with Api(place) as api:
            page = api.get("/accounts", search=search, limit=LISTED_MAX)
        return list(page["items"]), page["next"] is not None
    with direct(place) as hub, hub.store.read() as connection:
        rows = accounts.list_accounts(connection, search=search, after=None, limit=LISTED_MAX)
    return [_row(row) for row in rows[:LISTED_MAX]], len(rows) > LISTED_MAX


def _show_directly(place: Place, account_id: str) -> tuple[Json, Unit]:
    with direct(place) as hub, hub.store.read() as connection:
        account = accounts.get_account(connection, account_id)
        codes = {
            "wallet_minor": chart.wallet(account_id, account.unit),
            "held_minor": chart.escrow(account_id, account.unit),
            "deposit_minor": chart.deposit(account_id, account.unit),
            "overrun_minor": chart.overrun(account_id, account.unit),
        }
        found = statements.balances_of(connection, codes.values())
        balance: dict[str, Any] = {name: found.get(code, 0) for name, code in codes.items()}
        balance["overrun_minor"] = -balance["overrun_minor"]
        balance["as_of_ms"] = hub.clock.now().wall_ms
        free_minor, held_minor = lot_rows.left_in_lots(connection, account_id)
        balance["held_minor"] += held_minor
        balance["bonus_minor"] = free_minor
        cards = [msgspec.to_builtins(card) for card in cards_of(connection, account_id)]
        unit = find_unit(connection, account.unit)
    return {"account": _row(account), "balance": balance, "cards": cards}, unit


def _show_at_hub(place: Place, account_id: str) -> tuple[Json, Unit]:
    with Api(place) as api:
        shown = {
            "account": api.get(f"/accounts/{account_id}"),
            "balance": api.get(f"/accounts/{account_id}/balance"),
            "cards": api.get(f"/accounts/{account_id}/cards")["items"],
        }
        return shown, unit_at(api, str(shown["account"]["unit"]))


def _row(account: Account) -> Json:
    flat: Json = msgspec.to_builtins(account)
    return {**flat, **flat.pop("terms")}
