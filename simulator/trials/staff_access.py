"""What staff decide about who may do what: cards, accounts, limits, rights, machines."""

from __future__ import annotations

from hub.charging.allowances import forfeit
from hub.fleet.commands import Order, send_command
from hub.people import cards, roster
from hub.people.accounts import AccountState, change_account, close_account
from hub.people.limits import Limit
from hub.people.members import MemberState
from hub.people.periods import Period
from simulator.trials.counter import Request
from simulator.trials.draws import happens
from simulator.trials.office import MINUTE_MS, Errand, Office, Script, Wait
from wire.downlink import Action

BLOCKED_MS_MAX = 40 * MINUTE_MS
CREDIT_MINOR_MAX = 5_000
LIMIT_MINOR_MAX = 1_200

_HELD = """
    SELECT account, controller, epoch FROM allowances
    WHERE granted_minor + taken_in_minor > spent_minor + released_minor + forfeited_minor
    ORDER BY account, controller, epoch
"""
_MACHINES = "SELECT controller, id FROM machines WHERE removed_ms IS NULL ORDER BY id"


def block_card(office: Office, errand: Errand) -> Script:
    """Somebody has lost a card; most of them find it again."""
    house, stream = office.house(errand.stream), errand.stream
    card = stream.choice(house.cards).id
    answer = yield errand.request(
        "block_card", lambda tx: cards.block_card(tx, card), account=house.account
    )
    yield Wait(stream.randint(MINUTE_MS, BLOCKED_MS_MAX))
    if answer.is_done and happens(stream, 70):
        yield errand.request(
            "unblock_card", lambda tx: cards.unblock_card(tx, card), account=house.account
        )


def replace_card(office: Office, errand: Errand) -> Script:
    """A lost card gets a successor, whose owner hasn't come for it yet."""
    house, stream = office.house(errand.stream), errand.stream
    card, new_id = stream.choice(house.cards), f"crd_{errand.id}"
    ref = stream.getrandbits(128).to_bytes(16, "big").hex()
    yield errand.request(
        "replace_card",
        lambda tx: cards.replace_card(tx, card.id, new_id, ref, card.level),
        account=house.account,
    )


def block_account(office: Office, errand: Errand) -> Script:
    """An account may do nothing for a while."""
    account, stream = office.house(errand.stream).account, errand.stream
    yield _state(errand, account, AccountState.BLOCKED)
    yield Wait(stream.randint(MINUTE_MS, BLOCKED_MS_MAX))
    yield _state(errand, account, AccountState.OPEN)


def shut_account(office: Office, errand: Errand) -> Script:
    """Somebody moves away; what is spent before machines learn of it is booked all the same."""
    account = office.house(errand.stream).account
    yield errand.request("close_account", lambda tx: close_account(tx, account), account=account)


def change_credit(office: Office, errand: Errand) -> Script:
    """An account may go further below zero, or less far."""
    stream = errand.stream
    house = office.house(stream)
    limit = stream.randint(0, CREDIT_MINOR_MAX)
    given = {"credit_limit_minor": limit}
    yield errand.request(
        "credit_limit",
        lambda tx: change_account(tx, house.account, given),
        account=house.account,
        minor=limit,
    )


def change_member(office: Office, errand: Errand) -> Script:
    """A member of an organisation may spend more, less, or nothing for a while."""
    house, stream = office.house(errand.stream), errand.stream
    member = house.member_of(stream.choice(house.cards))
    limit = stream.randint(0, LIMIT_MINOR_MAX)
    if not member:
        return
    limits = (Limit(period=Period.DAY, amount_minor=limit),)
    yield errand.request(
        "member_limit",
        lambda tx: roster.change_member(tx, member, {"limits": limits}),
        account=house.account,
        minor=limit,
    )
    if happens(stream, 40):
        yield _member(errand, member, MemberState.SUSPENDED)
        yield Wait(stream.randint(MINUTE_MS, BLOCKED_MS_MAX))
        yield _member(errand, member, MemberState.ACTIVE)


def give_up_right(office: Office, errand: Errand) -> Script:
    """Somebody books the risk that a controller never comes back; some of them do."""
    found = office.found(_HELD, errand.stream)
    if found is None:
        return
    account, controller, epoch = found
    request = f"{errand.id}.forfeit"
    place = (account, controller, epoch)
    yield errand.request(
        "forfeit", lambda tx: forfeit(tx, request, place, "taken for dead"), account=account
    )


def order_machine(office: Office, errand: Errand) -> Script:
    """A machine is stopped, locked for a while, or its controller told something."""
    stream = errand.stream
    found = office.found(_MACHINES, stream)
    action = stream.choice((Action.STOP, Action.LOCK, Action.RESYNC, Action.IDENTIFY))
    pause_ms = stream.randint(MINUTE_MS, BLOCKED_MS_MAX)
    if found is None:
        return
    controller, machine = found
    yield _order(errand, controller, machine, action)
    if action is Action.LOCK:
        yield Wait(pause_ms)
        yield _order(errand, controller, machine, Action.UNLOCK)


def _state(errand: Errand, account: str, state: AccountState) -> Request:
    return errand.request(
        f"account_{state}", lambda tx: change_account(tx, account, {}, state), account=account
    )


def _member(errand: Errand, member: str, state: MemberState) -> Request:
    return errand.request(
        f"member_{state}", lambda tx: roster.change_member(tx, member, {"state": state})
    )


def _order(errand: Errand, controller: str, machine: str, action: Action) -> Request:
    at_machine = machine if action in (Action.STOP, Action.LOCK, Action.UNLOCK) else ""
    order = Order(
        id=f"{errand.id}.{action}", controller=controller, action=action, machine=at_machine
    )
    return errand.request(action.value, lambda tx: send_command(tx, order))
