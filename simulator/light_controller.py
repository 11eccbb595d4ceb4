"""A controller without hardware or store: a journal, its chain, and its signatures.

For measuring and testing a hub: it says what it's told to say, true or not.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wire import chain
from wire.codec import Format, encode
from wire.envelope import EVENTS_PER_BATCH_MAX, seal, seal_batch
from wire.events import (
    Boot,
    CashHeld,
    CashTaken,
    ClockState,
    CodeRedeemed,
    Ended,
    Event,
    Released,
    SessionEnded,
    SessionStarted,
    Stamp,
    Totals,
)
from wire.keys import HUB, Signer
from wire.topics import partition_of, topic
from wire.uplink import JournalHeader, Want
from wire.usage import Segment

MS_PER_MINUTE = 60_000


class LightController:
    """One controller's voice.

    Args:
        name: Its name.
        seed: Its private key, `wire.keys.SEED_BYTES`.
        epoch: Id of its first journal.
        wall_ms: Its clock, which moves only when set.
        format_: How it encodes what it says.
    """

    def __init__(
        self,
        name: str,
        seed: bytes,
        epoch: str,
        wall_ms: int = 0,
        format_: Format = Format.JSON,
    ) -> None:
        self.name = name
        self.format = format_
        self.signer = Signer(seed, name)
        self.wall_ms = wall_ms
        self.accounts_revision = 0
        self.list_revision = 0
        self.config_version = 0
        self.begin(epoch)

    def begin(self, epoch: str) -> None:
        """Begin a new, empty journal."""
        self.epoch = epoch
        self.events: list[bytes] = []
        self.hashes = [chain.origin(self.name, epoch)]
        self.totals: dict[str, Totals] = {}
        self.started: dict[str, Stamp] = {}
        self.accounts_revision = 0
        self.list_revision = 0

    @property
    def last_seq(self) -> int:
        """Seq of the newest event; 0: none."""
        return len(self.events)

    def topic(self, leaf: str) -> str:
        """One of its topics."""
        return topic(partition_of(self.name), self.name, leaf)

    def stamp(self) -> Stamp:
        """Now."""
        return Stamp(
            wall_ms=self.wall_ms,
            mono_ms=self.wall_ms,
            boot_id=f"{self.epoch}-boot",
            clock=ClockState.SYNCED,
        )

    def append(self, kind: type[Event], **facts: Any) -> int:
        """Journal an event of a kind; gives its seq."""
        seq = self.last_seq + 1
        self.append_bytes(encode(kind(seq=seq, at=self.stamp(), **facts), self.format))
        return seq

    def append_bytes(self, data: bytes) -> None:
        """Journal bytes as they are, whatever they are."""
        self.events.append(data)
        self.hashes.append(chain.link(self.hashes[-1], data))

    def boot(self) -> int:
        """Journal a start."""
        return self.append(Boot, version="light", previous_seq=self.last_seq)

    def start(self, session: str, account: str, machine: str, **facts: Any) -> int:
        """Journal the start of a session."""
        return self.append(SessionStarted, **self._facts(session, account, machine, facts))

    def end(
        self,
        session: str,
        account: str,
        machine: str,
        shares: tuple[int, int],
        *,
        minutes: int = 0,
        **facts: Any,
    ) -> int:
        """Journal the end of a session that cost `shares`: backed and unbacked."""
        backed, unbacked = shares
        before = self.totals.get(account, Totals())
        self.totals[account] = msgspec.structs.replace(
            before, spent=before.spent + backed, unbacked=before.unbacked + unbacked
        )
        own = {
            "ended": self.stamp(),
            "reason": Ended.TAP,
            "usage": (Segment(time_ms=minutes * MS_PER_MINUTE),) if minutes else (),
            "charge_minor": backed + unbacked,
            "backed_minor": backed,
            "unbacked_minor": unbacked,
            "totals": self.totals[account],
        }
        return self.append(SessionEnded, **self._facts(session, account, machine, own | facts))

    def release(self, account: str, minor: int) -> int:
        """Journal that backed rights go back."""
        before = self.totals.get(account, Totals())
        self.totals[account] = msgspec.structs.replace(before, released=before.released + minor)
        return self.append(
            Released, account=account, amount_minor=minor, totals=self.totals[account]
        )

    def cash(self, cash: str, account: str, machine: str, minor: int, holding: str = "") -> int:
        """Journal cash taken in, just now or held under an id before."""
        before = self.totals.get(account, Totals())
        self.totals[account] = msgspec.structs.replace(before, taken_in=before.taken_in + minor)
        return self.append(
            CashTaken,
            cash=cash,
            machine=machine,
            account=account,
            amount_minor=minor,
            totals=self.totals[account],
            holding=holding,
        )

    def hold(self, holding: str, machine: str, minor: int, held: int, unit: str = "EUR") -> int:
        """Journal cash that came without a card; `held` is what came so far."""
        return self.append(
            CashHeld,
            holding=holding,
            machine=machine,
            unit=unit,
            amount_minor=minor,
            held_minor=held,
        )

    def redeem(self, code: int, account: str, machine: str, minor: int) -> int:
        """Journal that an offline code was typed, by its counter."""
        before = self.totals.get(account, Totals())
        self.totals[account] = msgspec.structs.replace(before, taken_in=before.taken_in + minor)
        return self.append(
            CodeRedeemed,
            code=code,
            machine=machine,
            account=account,
            amount_minor=minor,
            totals=self.totals[account],
        )

    def batch(
        self, first_seq: int, last_seq: int, *, signer: Signer | None = None, **changes: Any
    ) -> bytes:
        """Seal the events from `first_seq` to `last_seq`; `changes` go into the header."""
        header = JournalHeader(
            sender=self.name,
            receiver=HUB,
            epoch=self.epoch,
            first_seq=first_seq,
            count=last_seq - first_seq + 1,
            prev_hash=self.hashes[first_seq - 1].hex(),
            head_hash=self.hashes[last_seq].hex(),
            accounts_revision=self.accounts_revision,
            list_revision=self.list_revision,
            config_version=self.config_version,
            last_seq=self.last_seq,
            sent_ms=self.wall_ms,
        )
        header = msgspec.structs.replace(header, **changes)
        events = tuple(self.events[first_seq - 1 : last_seq])
        return seal_batch(header, events, signer or self.signer, self.format)

    def batches(self, after_seq: int = 0, size: int = EVENTS_PER_BATCH_MAX) -> list[bytes]:
        """Seal all events after a seq, in order."""
        return [
            self.batch(first, min(first + size - 1, self.last_seq))
            for first in range(after_seq + 1, self.last_seq + 1, size)
        ]

    def report(self, **changes: Any) -> bytes:
        """Seal a batch without events: what it holds now."""
        return self.batch(self.last_seq + 1, self.last_seq, **changes)

    def want(
        self, request: str, account: str, card: str, machine: str, minor: int, **changes: Any
    ) -> bytes:
        """Seal a want."""
        want = Want(
            sender=self.name,
            receiver=HUB,
            request=request,
            epoch=self.epoch,
            session=f"ses_{request}",
            machine=machine,
            account=account,
            card=card,
            amount_minor=minor,
            last_seq=self.last_seq,
            sent_ms=self.wall_ms,
        )
        return seal(msgspec.structs.replace(want, **changes), self.signer, self.format)

    def _facts(
        self, session: str, account: str, machine: str, more: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "session": session,
            "machine": machine,
            "account": account,
            "card": f"card of {account}",
            "tariff": "minute",
            "tariff_version": 1,
            "started": self.started.setdefault(session, self.stamp()),
        } | more
