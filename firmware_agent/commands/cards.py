"""`standpipe-agent card read | link | send`: cards at a reader of this controller."""

from __future__ import annotations

import os
from pathlib import Path

from firmware_agent.card_desk import alone, choose, lay_down
from firmware_agent.card_keys import SiteKeys, load_masters
from firmware_agent.card_links import TIMEOUT_S, CardLink, Told, forget, keep, tell, waiting
from firmware_agent.clock import SystemClock
from firmware_agent.commands import OK, complain
from firmware_agent.config import AgentConfig, load_config
from firmware_agent.errors import AgentError, CardDeskError
from firmware_agent.identity import Identity, load_identity
from firmware_agent.ids import SystemIds
from firmware_agent.parts import PartsOpener, RealParts
from hardware.ports import CardPresent
from wire.ids import card_ref

KEY_VARIABLE = "STANDPIPE_API_KEY"
_PROOFS = ("its UID only, which can be copied", "itself, level 1", "itself, level 2")


def read(path: Path, reader: str, parts: PartsOpener | None = None) -> int:
    """Say what a card is, and what it proves at this controller."""
    try:
        config = load_config(path)
        card = _wait_for_card(config, reader, parts)
        print(f"UID    {card.uid.hex().upper()}")
        print(f"kind   {card.kind}")
        print(f"proves {_PROOFS[min(card.level, len(_PROOFS) - 1)]}")
        print(f"ref    {card_ref(_identity(config).card_salt, card.uid)}")
    except AgentError as error:
        return complain(str(error))
    return OK


def link(
    path: Path, reader: str, hub: str, asked: tuple[str, str], parts: PartsOpener | None = None
) -> int:
    """Let a card that is laid down name an account.

    Args:
        path: The controller's file.
        reader: At which reader; empty: the only one.
        hub: The hub's address; empty: keep it for `send`.
        asked: Account, and what people call the card.
        parts: Opens the reader; None: the drivers.
    """
    account, label = asked
    try:
        config = load_config(path)
        folder, identity = Path(config.data_dir), _identity(config)
        card = _wait_for_card(config, reader, parts)
        if card.level:
            return complain("this card proves itself already: link it where it was given its keys")
        made = CardLink(
            request=SystemIds(SystemClock()).new("lnk"),
            card=card_ref(identity.card_salt, card.uid),
            account=account,
            label=label,
        )
        kept = keep(folder, made)
        print(f"This card will name {account}. It proves only its UID, which can be copied.")
    except AgentError as error:
        return complain(str(error))
    return send_kept(folder, hub, kept)


def send_kept(folder: Path, hub: str, kept: CardLink) -> int:
    """Tell the hub of a card, or say how to do it later.

    Args:
        folder: The data folder.
        hub: The hub's address; empty: not now.
        kept: What `keep` stored.
    """
    if not hub:
        print("Kept. Tell the hub with: standpipe-agent card send --hub https://…")
        return OK
    return _send_all(folder, hub, [kept])


def send(path: Path, hub: str) -> int:
    """Tell the hub of every card that waits."""
    try:
        folder = Path(load_config(path).data_dir)
        left = waiting(folder)
    except AgentError as error:
        return complain(str(error))
    if not left:
        print("no card waits")
        return OK
    return _send_all(folder, hub, left)


def give_up(path: Path, card: str) -> int:
    """Forget a card that waits: the hub refused it for good."""
    try:
        folder = Path(load_config(path).data_dir)
        for link_ in waiting(folder):
            if link_.card == card:
                forget(folder, link_)
                print(f"{card} waits no more; the hub was told nothing of it")
                return OK
    except AgentError as error:
        return complain(str(error))
    return complain(f"no card {card} waits")


def _send_all(folder: Path, hub: str, links: list[CardLink]) -> int:
    import httpx

    token = os.environ.get(KEY_VARIABLE, "").strip()
    if not token:
        return complain(
            f"put an API key of the hub that may write people into {KEY_VARIABLE}; "
            "the card is kept, repeat with standpipe-agent card send"
        )
    if not hub.startswith(("http://", "https://")):
        return complain("the hub's address begins with https://; the card is kept")
    refused = []
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=hub, timeout=TIMEOUT_S, headers=headers) as client:
        for place, one in enumerate(links, 1):
            try:
                told = tell(folder, one, client)
            except CardDeskError as error:
                refused.append(f"{one.card}: {error}")
            else:
                print(f"{place} of {len(links)}: {_outcome(one, told)}")
    return complain("\n".join(refused)) if refused else OK


def _outcome(link_: CardLink, told: Told | None) -> str:
    if told is None:
        return f"{link_.card} is wiped; the hub doesn't know it"
    if link_.is_wiped:
        return f"{told.id} is wiped and blocked"
    done = f"{told.id} names {link_.account}" if link_.account else f"{told.id} has its new key"
    return done if told.state == "active" else f"{done}, but is {told.state}: unblock it at the hub"


def _wait_for_card(config: AgentConfig, name: str, parts: PartsOpener | None) -> CardPresent:
    chosen = choose(config, name)
    with alone(Path(config.data_dir)):
        keys = SiteKeys(load_masters(Path(config.data_dir)))
        opener = parts or RealParts(SystemClock(), keys)
        print(f"Lay one card on {chosen.id} …", flush=True)
        return lay_down(opener.reader(chosen))


def _identity(config: AgentConfig) -> Identity:
    return load_identity(Path(config.data_dir))
