"""`standpipe-agent card personalise | rekey | wipe`: keys of cards at a controller's reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_agent import card_issuing
from firmware_agent.card_desk import alone, choose
from firmware_agent.card_issuing import AtHand, Desk, Work
from firmware_agent.card_keys import MasterKey, SiteKeys, load_masters
from firmware_agent.card_links import CardLink, check_free, keep
from firmware_agent.clock import SystemClock
from firmware_agent.commands import complain
from firmware_agent.commands.cards import send_kept
from firmware_agent.config import AgentConfig, load_config
from firmware_agent.errors import AgentError, CardDeskError
from firmware_agent.identity import load_identity
from firmware_agent.ids import SystemIds, new_bytes
from firmware_agent.parts import PartsOpener, RealParts
from hardware.cards.proving import Proved
from wire.ids import card_ref


@dataclass(frozen=True, slots=True)
class Where:
    """Where cards are issued, and who is told.

    Attributes:
        config: The controller's file.
        reader: Which reader; empty: the only one.
        hub: The hub's address; empty: what it has to be told is kept for `card send`.
        parts: Opens the reader; None: the drivers.
    """

    config: Path
    reader: str = ""
    hub: str = ""
    parts: PartsOpener | None = None


def personalise(where: Where, account: str, label: str) -> int:
    """Give a card the site's newest keys, and let it name an account."""

    def checked(desk: _Desk) -> Work:
        def work(card: AtHand) -> Proved:
            # Before anything is written on a card that is somebody else's already.
            check_free(desk.folder, desk.ref(card.uid), account)
            return card_issuing.personalise(card)

        return work

    def link(desk: _Desk, uid: bytes, proved: Proved) -> CardLink:
        print(f"The card has its keys ({_words(proved)}). It will name {account}.")
        return desk.link(uid, proved, account=account, label=label)

    return _issue(where, checked, link)


def rekey(where: Where) -> int:
    """Bring a card of ours to the site's newest key."""

    def link(desk: _Desk, uid: bytes, proved: Proved) -> CardLink:
        print(f"The card has the newest key now ({_words(proved)}).")
        return desk.link(uid, proved)

    return _issue(where, lambda _: card_issuing.rekey, link)


def wipe(where: Where, *, yes: bool) -> int:
    """Take our keys off a card, when it is said twice."""
    if not yes and not _is_sure():
        return complain("nothing was done; say --yes, or answer wipe")

    def link(desk: _Desk, uid: bytes, proved: Proved) -> CardLink:
        print(f"The card holds nothing of ours any more ({proved.kind}). The hub will block it.")
        return desk.wiped(uid)

    return _issue(where, lambda _: card_issuing.wipe, link)


class _Desk:
    """What the commands share: the controller's folder, identity and keys."""

    def __init__(self, config: AgentConfig) -> None:
        self.folder = Path(config.data_dir)
        self.salt = load_identity(self.folder).card_salt
        self.keys = SiteKeys(_masters(self.folder))
        self._ids = SystemIds(SystemClock())

    def ref(self, uid: bytes) -> str:
        return card_ref(self.salt, uid)

    def link(self, uid: bytes, proved: Proved, account: str = "", label: str = "") -> CardLink:
        return CardLink(
            request=self._ids.new("lnk"),
            card=self.ref(uid),
            account=account,
            level=proved.level,
            key_version=0 if proved.proof is None else proved.proof.key_version,
            label=label,
        )

    def wiped(self, uid: bytes) -> CardLink:
        return CardLink(request=self._ids.new("lnk"), card=self.ref(uid), is_wiped=True)


def _issue(
    where: Where,
    work: Callable[[_Desk], Work],
    link: Callable[[_Desk, bytes, Proved], CardLink],
) -> int:
    try:
        config = load_config(where.config)
        chosen = choose(config, where.reader)
        desk = _Desk(config)
        clock = SystemClock()
        with alone(desk.folder):
            reader = (where.parts or RealParts(clock, desk.keys)).reader(chosen)
            print(f"Lay one card on {chosen.id}, and hold it there …", flush=True)
            table = Desk(reader, desk.keys, new_bytes, clock, _say)
            uid, proved = table.with_card(work(desk))
        kept = keep(desk.folder, link(desk, uid, proved))
    except AgentError as error:
        return complain(str(error))
    return send_kept(desk.folder, where.hub, kept)


def _masters(folder: Path) -> tuple[MasterKey, ...]:
    masters = load_masters(folder)
    if not masters:
        raise CardDeskError(
            "this controller has no keys for cards: import the site's with "
            "standpipe-agent card keys import"
        )
    return masters


def _is_sure() -> bool:
    print("The card will prove nothing any more, and the hub will block it.")
    try:
        return input("Write wipe to go on: ").strip() == "wipe"
    except EOFError:
        return False


def _say(words: str) -> None:
    print(words, flush=True)


def _words(proved: Proved) -> str:
    version = 0 if proved.proof is None else proved.proof.key_version
    return f"{proved.kind}, level {proved.level}, key version {version}"
