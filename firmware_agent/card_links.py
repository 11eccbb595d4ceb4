"""Telling the hub whose a card is, over its HTTP API; stored first, and safe to repeat.

What is to be told is kept in the data folder until the hub has answered, with the id of
the request, so a card that was issued while the hub was away isn't forgotten. Only the
card's reference is kept, never its UID. The API key isn't kept at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from firmware_agent.errors import CardDeskError
from firmware_agent.identity import write_private

if TYPE_CHECKING:
    import httpx

FOLDER_NAME = "card-links"
TIMEOUT_S = 30.0
"""A person waits in front of it."""
LINKS_MAX = 1_000
"""A day of issuing without the hub; more were never told, and must be first."""
ANSWER_BYTES_MAX = 64 * 1024
_REFUSED = range(400, 500)
_NOT_FOUND = 404
_OK = frozenset({200, 201})


class CardLink(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub has to be told of a card.

    Attributes:
        request: Id of the request; the same when it is repeated.
        card: Reference of the card.
        account: Whose it becomes; empty: it names one already, or is wiped.
        level: How it proves itself.
        key_version: Version of the site's key that its own is made from; 0 at level 0.
        label: What people call it.
        is_wiped: Its keys were taken off: the hub blocks it.
    """

    request: str
    card: str
    account: str = ""
    level: int = 0
    key_version: int = 0
    label: str = ""
    is_wiped: bool = False


def keep(folder: Path, link: CardLink) -> CardLink:
    """Store what is to be told; gives it as it is stored, an earlier one if it's the same.

    A card that waits with its account and was given other keys meanwhile waits with both.

    Raises:
        CardDeskError: The card waits with another account, or too many wait.
    """
    others = waiting(folder)
    before = next((other for other in others if other.card == link.card), None)
    if before is not None:
        link = _joined(before, link)
        if link == before:
            return before
    elif len(others) >= LINKS_MAX:
        raise CardDeskError(f"{LINKS_MAX} cards wait: tell the hub first, with card send")
    try:
        (folder / FOLDER_NAME).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(_path(folder, link), msgspec.json.encode(link))
    except OSError as error:
        raise CardDeskError(f"{folder} can't be written: {error}") from None
    return link


def check_free(folder: Path, card: str, account: str) -> None:
    """Refuse an account for a card that waits to name another.

    Raises:
        CardDeskError: It does, or a file there is damaged.
    """
    for other in waiting(folder):
        if other.card == card and other.account not in ("", account):
            raise CardDeskError(
                f"this card waits to be linked to {other.account}: tell the hub first, "
                "with standpipe-agent card send"
            )


def waiting(folder: Path) -> list[CardLink]:
    """What the hub hasn't been told, in the order of making.

    Raises:
        CardDeskError: A file there is damaged.
    """
    found = []
    for path in (folder / FOLDER_NAME).glob("*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=CardLink))
        except (OSError, msgspec.MsgspecError) as error:
            raise CardDeskError(f"{path} can't be read ({error}): move it away") from None
    return sorted(found, key=lambda link: link.request)


def forget(folder: Path, link: CardLink) -> None:
    """It was told, or is given up."""
    _path(folder, link).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Told:
    """A card as the hub has it now.

    Attributes:
        id: Its id there.
        state: `active`, or why it names nobody.
    """

    id: str
    state: str


def tell(folder: Path, link: CardLink, client: httpx.Client) -> Told | None:
    """Tell the hub, and forget it once the hub has answered.

    Args:
        folder: The data folder.
        link: As `keep` gave it.
        client: With the hub's address as base, and an API key that may read and write people.

    Returns:
        The card there; None: it was wiped, and the hub never knew it.

    Raises:
        CardDeskError: The hub isn't reached (it stays kept), or refused (likewise).
    """
    card = _find(client, link) if not link.account else _link(client, link)
    if card is not None and link.is_wiped:
        card = _post(client, f"/api/v1/cards/{card['id']}/block", {}, link.request + ".b")
    elif card is not None and _keyed(card) != (link.level, link.key_version):
        keyed = {"level": link.level, "key_version": link.key_version}
        card = _post(client, f"/api/v1/cards/{card['id']}/keyed", keyed, link.request + ".k")
    forget(folder, link)
    return None if card is None else Told(str(card["id"]), str(card.get("state", "")))


class _UnknownError(CardDeskError):
    """Raised when the hub has no such thing."""


def _joined(before: CardLink, link: CardLink) -> CardLink:
    """What is to be told of a card of which something was to be told before."""
    if link.is_wiped:
        return before if before.is_wiped else link
    if link.account and before.account and link.account != before.account:
        raise CardDeskError(
            f"this card waits to be linked to {before.account}: tell the hub first, "
            "with standpipe-agent card send"
        )
    whole = msgspec.structs.replace(
        link, account=link.account or before.account, label=link.label or before.label
    )
    same = msgspec.structs.replace(whole, request=before.request) == before
    return before if same else whole


def _link(client: httpx.Client, link: CardLink) -> dict[str, Any]:
    body = {
        "card_ref": link.card,
        "account": link.account,
        "level": link.level,
        "label": link.label,
    }
    return _post(client, "/api/v1/cards", body, link.request)


def _find(client: httpx.Client, link: CardLink) -> dict[str, Any] | None:
    """The card as the hub knows it; one that is wiped needn't be known."""
    try:
        return _post(client, "/api/v1/cards/lookup", {"card_ref": link.card}, link.request)
    except _UnknownError:
        if link.is_wiped:
            return None
        raise


def _keyed(card: dict[str, Any]) -> tuple[Any, Any]:
    return card.get("level"), card.get("key_version")


def _post(client: httpx.Client, path: str, body: dict[str, Any], request: str) -> dict[str, Any]:
    import httpx

    try:
        answer = client.post(path, json=body, headers={"Idempotency-Key": request})
    except httpx.HTTPError as error:
        raise CardDeskError(
            f"the hub wasn't reached ({error}). The card is kept: repeat later with "
            "standpipe-agent card send"
        ) from None
    try:
        said = msgspec.json.decode(answer.content[:ANSWER_BYTES_MAX], type=dict[str, Any])
    except msgspec.MsgspecError:
        said = {}
    if answer.status_code in _OK and "id" in said:
        return said
    why = said.get("detail") or f"it answered {answer.status_code}"
    if answer.status_code == _NOT_FOUND:
        raise _UnknownError(f"the hub refused: {why}. The card is kept; see card send")
    whose = "refused" if answer.status_code in _REFUSED else "couldn't"
    raise CardDeskError(f"the hub {whose}: {why}. The card is kept; see card send")


def _path(folder: Path, link: CardLink) -> Path:
    return folder / FOLDER_NAME / f"{link.card}.json"
