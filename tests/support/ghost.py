"""A controller of the test's own making: it speaks the protocol and can lie in it."""

from __future__ import annotations

import time
from queue import Empty, Queue

import httpx
import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.system.hub_api import HubApi
from simulator.system.setup import enrolment_code
from wire import chain
from wire.codec import encode
from wire.downlink import Ack
from wire.enrolment import ENROLMENT_PATH, EnrolmentReply, EnrolmentRequest, prove
from wire.envelope import seal_batch, unseal
from wire.events import Boot, Ended, Event, SessionEnded, SessionStarted, Stamp, Totals
from wire.ids import card_ref
from wire.keys import HUB, Signer, Verifier, decode_bytes
from wire.topics import DOWN_ACK, UP_JOURNAL, topic
from wire.uplink import JournalHeader
from wire.usage import Segment

WAIT_S = 10.0


class Ghost:
    """One controller without an agent.

    Args:
        api: The hub, to be enrolled with.
        broker_port: Where the broker is.
        name: Its name; the controller must exist at the hub.
        seed: Its private key.
    """

    def __init__(self, api: HubApi, broker_port: int, name: str, seed: bytes) -> None:
        self.name = name
        self.signer = Signer(seed, name)
        code = enrolment_code(api, name)
        request = EnrolmentRequest(
            controller=name,
            code=code,
            public_key=self.signer.public,
            proof=prove(self.signer, code),
        )
        answer = httpx.post(
            api.url + ENROLMENT_PATH,
            content=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
        )
        answer.raise_for_status()
        self.reply = msgspec.json.decode(answer.content, type=EnrolmentReply)
        self.hub = Verifier(self.reply.hub_public_key, HUB)
        self.begin(f"epo_{name}")
        self._acks: Queue[Ack] = Queue()
        self._client = self._connect(broker_port)

    def begin(self, epoch: str) -> None:
        """Begin a new journal."""
        self.epoch = epoch
        self.events: list[bytes] = []
        self.hashes = [chain.origin(self.name, epoch)]
        self.totals: dict[str, Totals] = {}

    def card(self, uid: bytes) -> str:
        """Reference of a card."""
        return card_ref(decode_bytes(self.reply.card_salt), uid)

    def append(self, event: Event) -> None:
        """Journal an event."""
        data = encode(event)
        self.events.append(data)
        self.hashes.append(chain.link(self.hashes[-1], data))

    def boot(self) -> None:
        """Journal a start."""
        self.append(Boot(seq=self.next_seq, at=self.stamp(), version="ghost"))

    def session(self, session: str, account: str, machine: str, minutes: int, charge: int) -> None:
        """Journal a whole session, all of it unbacked."""
        at = self.stamp()
        facts = {
            "session": session,
            "machine": machine,
            "account": account,
            "card": self.card(account.encode()[:7].ljust(7, b"x")),
            "tariff": "minute",
            "tariff_version": 1,
            "started": at,
        }
        self.append(SessionStarted(seq=self.next_seq, at=at, **facts))
        before = self.totals.get(account, Totals())
        after = msgspec.structs.replace(before, unbacked=before.unbacked + charge)
        self.totals[account] = after
        self.append(
            SessionEnded(
                seq=self.next_seq,
                at=at,
                ended=at,
                reason=Ended.TAP,
                usage=(Segment(time_ms=minutes * 60_000),),
                charge_minor=charge,
                unbacked_minor=charge,
                totals=after,
                **facts,
            )
        )

    @property
    def next_seq(self) -> int:
        """Seq of the next event."""
        return len(self.events) + 1

    def stamp(self) -> Stamp:
        """Now."""
        return Stamp(
            wall_ms=time.time_ns() // 1_000_000,
            mono_ms=time.monotonic_ns() // 1_000_000,
            boot_id="boot",
        )

    def batch(
        self, first_seq: int, last_seq: int, *, signer: Signer | None = None, **changes: object
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
            last_seq=len(self.events),
        )
        header = msgspec.structs.replace(header, **changes)
        events = tuple(self.events[first_seq - 1 : last_seq])
        return seal_batch(header, events, signer or self.signer)

    def send(self, payload: bytes, leaf: str = UP_JOURNAL) -> None:
        """Publish something under this controller's name."""
        address = topic(self.reply.partition, self.name, leaf)
        properties = Properties(PacketTypes.PUBLISH)
        properties.ContentType = "application/json"
        self._client.publish(address, payload, qos=1, properties=properties).wait_for_publish(5)

    def send_through(self, payload: bytes, through_seq: int) -> Ack:
        """Publish a batch and wait until the hub acknowledges up to `through_seq`."""
        self.send(payload)
        return self.wait_ack(through_seq)

    def wait_ack(self, through_seq: int) -> Ack:
        """Wait for an ack of this journal through that seq at least."""
        until = time.monotonic() + WAIT_S
        while True:
            ack = self._acks.get(timeout=max(0.01, until - time.monotonic()))
            if ack.epoch == self.epoch and ack.through_seq >= through_seq:
                return ack

    def drop_acks(self) -> None:
        """Forget acks that came."""
        while True:
            try:
                self._acks.get_nowait()
            except Empty:
                return

    def no_ack(self, seconds: float = 0.7) -> bool:
        """Tell that no ack comes for a while."""
        try:
            self._acks.get(timeout=seconds)
        except Empty:
            return True
        return False

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connect(self, port: int) -> mqtt.Client:
        ready: Queue[bool] = Queue()
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=self.name, protocol=mqtt.MQTTv5
        )
        client.username_pw_set(self.reply.broker.username, self.reply.broker.password)
        down = topic(self.reply.partition, self.name, DOWN_ACK)
        client.on_connect = lambda *_: client.subscribe(down, qos=1)
        client.on_subscribe = lambda *_: ready.put(True)
        client.on_message = lambda _client, _data, message: self._acks.put(
            unseal(message.payload, Ack, self.hub, self.name)
        )
        client.connect("127.0.0.1", port)
        client.loop_start()
        ready.get(timeout=WAIT_S)
        return client
