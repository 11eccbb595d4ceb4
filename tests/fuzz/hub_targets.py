"""What comes to a hub over MQTT, in its own file, and as a request for a certificate."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from desk import Cable, Desk, counting_entropy, initialise

from hub.bootstrap import Database, build_hub
from hub.config import FILE_NAME, HubConfig, load_config
from hub.errors import ConfigError, InputError
from hub.fleet.certificates import read_request
from hub.ledger.inline import InlineWriter
from hub.mqtt_link import Received
from tests.fuzz.samples import sample
from tests.fuzz.target import Check, Ears, FaultError, Target
from tests.fuzz.wire_targets import as_msgpack, golden
from wire import chain
from wire.clock import ManualClock
from wire.codec import Format, encode, format_of
from wire.envelope import Signed, seal_batch
from wire.errors import Code
from wire.events import AnyEvent
from wire.keys import HUB, Signer, Verifier
from wire.topics import LEAVES_UP, UP_JOURNAL, UP_RESULT, UP_STATE, UP_STATUS, UP_WANT
from wire.uplink import JournalHeader, Result, StateView, Status, Want

NAME = "wash-1"
LEAVES = (UP_JOURNAL, UP_WANT, UP_RESULT, UP_STATUS, UP_STATE)
EVENTS_MAX = 6
UNSIGNED, SIGNED, BATCH, TOPIC = range(4)
"""How an input is meant: its first byte. Bytes on a leaf, a signed body, a batch whose
events are the lines, or a topic and bytes."""
RENEW_EVERY = 2_000
"""A hub that was fed so often is replaced: its book grows with every fact."""
_KINDS = {UP_WANT: "want", UP_RESULT: "result", UP_JOURNAL: "journal"}


class InlineDesk(Desk):
    """A hub without threads: a message is booked when `handle` returns."""

    def __init__(self, data: Path) -> None:
        self.clock = ManualClock(wall_ms=1_790_000_000_000)
        self.cable = Cable()
        self.entropy = counting_entropy()
        initialise(data, self.clock, self.entropy)
        config = HubConfig(data=data)
        self.hub = build_hub(
            config,
            clock=self.clock,
            entropy=self.entropy,
            link=self.cable,
            alone=True,
            database=Database(make_writer=InlineWriter),
        )
        self.verifier = Verifier(self.hub.signer.public, HUB)
        self.add_site()
        self.voice = self.add_controller(NAME, "washer-1", "m", has_acceptor=True)
        for account in ("acc_1", "acc_2"):
            self.add_account(account, 5_000)

    def hear(self, data: bytes) -> None:
        """Take one input in, and say what it is worth."""
        how, leaf = data[0] % 4 if data else 0, LEAVES[data[1] % len(LEAVES)] if data[1:] else ""
        if how == TOPIC:
            name, _, payload = data[1:].partition(b"\n")
            topic = name.decode(errors="replace")
        else:
            topic = self.voice.topic(leaf or UP_STATE)
            payload = self._said(how, leaf, data[2:])
        self.hub.uplink.handle(Received(topic, payload))

    def _said(self, how: int, leaf: str, body: bytes) -> bytes:
        signer: Signer = self.voice.signer
        if how == SIGNED and leaf in _KINDS:
            signature = signer.sign(_KINDS[leaf], HUB, body)
            return encode(Signed(msgspec.Raw(body), signature), format_of(body))
        if how == BATCH:
            return batch(signer, body)
        return body


def batch(signer: Signer, body: bytes) -> bytes:
    """A batch in order whose events are any lines, in a journal of its own."""
    epoch = "epo_" + hashlib.sha256(body).hexdigest()[:16]
    events, format_ = tuple(body.split(b"\n")[:EVENTS_MAX]), Format.JSON
    if body[:1] == b"\0":
        lines = body[1:].split(b"\n")[:EVENTS_MAX]
        events, format_ = tuple(as_msgpack(line) for line in lines), Format.MSGPACK
    before = chain.origin(NAME, epoch)
    header = JournalHeader(
        sender=NAME,
        receiver=HUB,
        epoch=epoch,
        first_seq=1,
        count=len(events),
        prev_hash=before.hex(),
        head_hash=chain.head(before, events).hex(),
        last_seq=len(events),
    )
    return seal_batch(header, events, signer, format_)


@contextmanager
def open_uplink(folder: Path) -> Iterator[Check]:
    """A real hub that hears anything on any topic: refused or booked, and its book is right."""
    desk: list[InlineDesk] = []
    fed = 0

    def fresh() -> InlineDesk:
        while desk:
            _end(desk.pop())
        desk.append(InlineDesk(Path(tempfile.mkdtemp(dir=folder))))
        return desk[0]

    def check(data: bytes) -> None:
        nonlocal fed
        fed += 1
        if not desk or fed % RENEW_EVERY == 0:
            fresh()
        with Ears("hub") as ears:
            desk[0].hear(data)
            unforeseen = ears.take()
        desk[0].clock.advance(60_000)
        if unforeseen:
            fresh()
            raise FaultError(unforeseen[0])
        if int(Code.INTERNAL) in desk[0].alarm_codes():
            fresh()
            raise FaultError("the hub couldn't book it")
        _let_in_again(desk[0])

    try:
        yield check
    finally:
        while desk:
            _end(desk.pop())


def _let_in_again(desk: InlineDesk) -> None:
    """Whatever was said, the controller may speak again: the next input stands alone."""
    desk.run(
        lambda tx: tx.connection.exec_driver_sql(
            "UPDATE controllers SET state = 'active', quarantine_reason = ''"
            " WHERE state <> 'active'"
        )
    )


def _end(desk: InlineDesk) -> None:
    faults = desk.faults()
    desk.close()
    shutil.rmtree(desk.hub.config.data, ignore_errors=True)
    if faults:
        raise FaultError(faults[0])


@contextmanager
def open_toml(folder: Path) -> Iterator[Check]:
    """The hub's own file: every fault in words."""

    def check(data: bytes) -> None:
        (folder / FILE_NAME).write_bytes(data)
        try:
            load_config(folder)
        except ConfigError as error:
            if not str(error):
                raise FaultError("a fault without words") from None

    yield check


@contextmanager
def open_request(_folder: Path) -> Iterator[Check]:
    """A request for a certificate: a key on P-256, or a refusal."""

    def check(data: bytes) -> None:
        try:
            read_request(data.decode(errors="replace"))
        except InputError:
            return

    yield check


def _received() -> Iterator[bytes]:
    kept = golden()
    for leaf, kind in ((1, Want), (2, Result), (3, Status), (4, StateView), (0, JournalHeader)):
        tree = msgspec.json.decode(sample(kind))
        tree |= {
            name: value for name, value in (("sender", NAME), ("receiver", HUB)) if name in tree
        }
        for how in (UNSIGNED, SIGNED):
            yield bytes([how, leaf]) + msgspec.json.encode(tree)
            yield bytes([how, leaf]) + msgspec.msgpack.encode(tree)
    lines = [kept[name] for name in ("boot", "session_started", "session_ended", "released")]
    yield bytes([BATCH, 0]) + b"\n".join(_numbered(lines))
    yield bytes([BATCH, 0, 0]) + b"\n".join(_numbered(lines))
    for kind in AnyEvent.__args__:
        yield bytes([BATCH, 0]) + b"\n".join(_numbered([sample(kind)]))
    for leaf in sorted(LEAVES_UP):
        yield bytes([TOPIC]) + f"standpipe/v1/p07/{NAME}/{leaf}\n".encode() + b"{}"


def _numbered(lines: list[bytes]) -> Iterator[bytes]:
    for seq, line in enumerate(lines, 1):
        yield msgspec.json.encode(msgspec.json.decode(line) | {"seq": seq})


def _tomls() -> Iterator[bytes]:
    yield b"""database = ""
[http]
host = "127.0.0.1"
port = 8080
[mqtt]
host = "broker"
tls = true
ca_file = "ca.pem"
client_id = "hub"
[cluster]
lease_s = 10
[broker]
public_host = "h"
password_file = "p"
"""


def _requests() -> Iterator[bytes]:
    from firmware_agent import tls

    with tempfile.TemporaryDirectory() as folder:
        yield tls.request_for(NAME, tls.prepare_key(Path(folder))).encode()


TARGETS = (
    Target(
        name="uplink",
        about="any bytes on any topic of a real hub, signed or not; its book stays right",
        open=open_uplink,
        seeds=_received,
        examples=50,
    ),
    Target(name="hub-toml", about="the hub's file", open=open_toml, seeds=_tomls),
    Target(
        name="requests",
        about="a controller's request for a certificate",
        open=open_request,
        seeds=_requests,
    ),
)
