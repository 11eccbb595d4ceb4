"""A whole agent on parts, a clock and a hub that live in memory.

The parts keep the ports' promises (an output falls off when its lease ends, a meter
only counts up unless told), so tests look at relays, displays and the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from firmware_agent.bootstrap import Agent, Edges, build_agent
from firmware_agent.config import AgentConfig, parse_config
from firmware_agent.identity import Identity, save_identity
from firmware_agent.link import Came, Down, LinkEvent, Up
from firmware_agent.machine_side import Pace
from firmware_agent.store import DATABASE_NAME, open_read_only
from hardware.cards.keyring import CardProof
from hardware.errors import PartError
from hardware.ports import (
    ALL_SCRIPTS,
    HEALTH_UP,
    ButtonPressed,
    CardGone,
    CardPresent,
    CardsSeveral,
    Emit,
    Health,
    InputChanged,
    Quality,
    ReaderDown,
    ReaderUp,
    Reading,
    Signal,
)
from wire import chain
from wire.clock import ManualClock
from wire.codec import decode_event
from wire.codes import OfflineCode, write_code
from wire.downlink import Accounts, Ack, CardEntry, Command, ListPage, Right, WantAnswer
from wire.enrolment import BrokerAccess, EnrolmentReply
from wire.envelope import seal, unseal, unseal_batch
from wire.ids import CountingIds, card_ref
from wire.keys import HUB, Signer, Verifier, encode_bytes
from wire.machines import Config, Machine, Policy
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier
from wire.topics import (
    DOWN_ACCOUNTS,
    DOWN_ACK,
    DOWN_COMMAND,
    DOWN_CONFIG,
    UP_JOURNAL,
    UP_RESULT,
    UP_STATE,
    UP_WANT,
)
from wire.uplink import Result, StateView, Status, Want

NAME = "laundry-1"
SALT = b"salt"
HUB_SIGNER = Signer(b"h" * 32, HUB)
CONTROLLER_SEED = b"c" * 32
CODE_KEY = b"k" * 32
ANNA = bytes.fromhex("04a1b2c3d4e5f6")
BERT = bytes.fromhex("04112233445566")

PER_MINUTE = Tariff(
    id="minute",
    version=1,
    name="per minute",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(100_000),)),
)
PER_KWH = Tariff(
    id="kwh",
    version=1,
    name="per kWh",
    unit=EUR,
    quantity=Measure(unit="Wh", per=1_000, tiers=(Tier(500_000),)),
)
WASH = Tariff(id="wash", version=1, name="wash", unit=EUR, start_fee_micros=2_500_000)

TOML = """
data_dir = "{folder}"
[[readers]]
id = "front"
port = "/dev/front"
[[readers]]
id = "back"
port = "/dev/back"
[[readers]]
id = "wall"
port = "/dev/wall"
display = {{ port = "/dev/wall-display" }}
[[machines]]
id = "laser"
reader = "front"
output = {{ pin = 1 }}
button = {{ pin = 2 }}
display = {{ port = "/dev/laser-display" }}
indicator = {{ red = 3, green = 4, blue = 5 }}
[[machines]]
id = "washer"
reader = "back"
output = {{ pin = 6 }}
feedback = {{ pin = 7 }}
display = {{ port = "/dev/washer-display" }}
[[machines]]
id = "socket-1"
reader = "wall"
output = {{ pin = 8 }}
meter = {{ unit = "Wh", pin = 9 }}
button = {{ pin = 10 }}
[[machines]]
id = "socket-2"
reader = "wall"
output = {{ pin = 11 }}
meter = {{ unit = "Wh", pin = 12 }}
button = {{ pin = 13 }}
"""

MACHINES = (
    Machine(id="laser", name="Laser", tariff="minute"),
    Machine(id="washer", name="Washer", mode="cycle", tariff="wash"),
    Machine(id="socket-1", name="Socket 1", tariff="kwh"),
    Machine(id="socket-2", name="Socket 2", tariff="kwh"),
)


class FakeOutput:
    """An output with its dead-man's lease."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._since_ms: int | None = None
        self._until_ms = 0
        self._before_ms = 0
        self.fails = ""
        self.switched: list[bool] = []

    @property
    def is_on(self) -> bool:
        self._expire()
        return self._since_ms is not None

    @property
    def on_ms_total(self) -> int:
        self._expire()
        if self._since_ms is None:
            return self._before_ms
        return self._before_ms + self._clock.now().mono_ms - self._since_ms

    def set_on(self, lease_ms: int) -> None:
        if self.fails:
            raise PartError("output", self.fails, "Check it")
        self._expire()
        now_ms = self._clock.now().mono_ms
        if self._since_ms is None:
            self._since_ms = now_ms
            self.switched.append(True)
        self._until_ms = now_ms + lease_ms

    def set_off(self) -> None:
        self._expire()
        self._off(self._clock.now().mono_ms)

    def close(self) -> None:
        self.set_off()

    def _expire(self) -> None:
        if self._since_ms is not None and self._clock.now().mono_ms >= self._until_ms:
            self._off(self._until_ms)

    def _off(self, at_ms: int) -> None:
        if self._since_ms is not None:
            self._before_ms += at_ms - self._since_ms
            self._since_ms = None
            self.switched.append(False)


@dataclass
class FakeMeter:
    """A meter that says what the test says."""

    total: int = 1_000
    lost: int = 0
    quality: Quality = Quality.OK
    survives_restart: bool = False

    def read(self) -> Reading:
        return Reading(self.total, self.quality, self.lost)

    def close(self) -> None:
        pass


@dataclass
class FakeInput:
    """A button or a feedback."""

    is_active: bool = False
    emit: Emit | None = None

    def start(self, emit: Emit) -> None:
        self.emit = emit

    def close(self) -> None:
        self.emit = None


@dataclass
class FakeReader:
    """A reader; the test lays cards on it."""

    health: Health = HEALTH_UP
    emit: Emit | None = None

    def start(self, emit: Emit) -> None:
        self.emit = emit

    def close(self) -> None:
        self.emit = None


@dataclass
class FakeIndicator:
    """Lamps."""

    signal: Signal = Signal.OFF

    def show(self, signal: Signal) -> None:
        self.signal = signal

    def close(self) -> None:
        pass


@dataclass
class FakeDisplay:
    """A display."""

    lines: tuple[str, ...] = ()
    health: Health = HEALTH_UP
    scripts: frozenset[str] = ALL_SCRIPTS

    def show(self, lines: tuple[str, ...]) -> None:
        self.lines = lines

    def close(self) -> None:
        pass


@dataclass
class FakeParts:
    """Opens parts that live in memory; the same ones again after a restart."""

    clock: ManualClock
    readers: dict[str, FakeReader] = field(default_factory=dict)
    outputs: dict[str, FakeOutput] = field(default_factory=dict)
    meters: dict[str, FakeMeter] = field(default_factory=dict)
    buttons: dict[str, FakeInput] = field(default_factory=dict)
    inputs: dict[str, FakeInput] = field(default_factory=dict)
    indicators: dict[str, FakeIndicator] = field(default_factory=dict)
    buzzers: dict[str, FakeIndicator] = field(default_factory=dict)
    displays: dict[str, FakeDisplay] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def _check(self, part: str) -> None:
        if part in self.missing:
            raise PartError(part, "not there", "Plug it in")

    def reader(self, spec):
        return self.readers.setdefault(spec.id, FakeReader())

    def output(self, spec, machine):
        return self.outputs.setdefault(machine, FakeOutput(self.clock))

    def meter(self, spec, machine, output):
        self._check(f"meter {machine}")
        return self.meters.setdefault(machine, FakeMeter())

    def button(self, spec):
        return self.buttons.setdefault(spec.id, FakeInput())

    def input(self, spec):
        self._check(f"feedback {spec.id}")
        return self.inputs.setdefault(spec.id, FakeInput())

    def indicator(self, spec, place):
        return self.indicators.setdefault(place, FakeIndicator())

    def buzzer(self, spec, place):
        return self.buzzers.setdefault(place, FakeIndicator())

    def display(self, spec, place):
        return self.displays.setdefault(place, FakeDisplay())


@dataclass
class Hub:
    """The hub's side of the protocol, as little of it as tests need."""

    clock: ManualClock
    grants: dict[str, int] = field(default_factory=dict)
    wallets: dict[str, int] = field(default_factory=dict)
    booked: dict[str, list[bytes]] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    wants: list[Want] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    views: list[StateView] = field(default_factory=list)
    headers: list = field(default_factory=list)
    revision: int = 0
    answers_wants: bool = True
    short_code: int = 201
    floor_minor: int = 0
    acks: bool = True
    epoch: str = ""
    head: bytes = b""
    targets: dict[str, int | None] = field(default_factory=dict)

    def receive(self, leaf: str, payload: bytes) -> list[Came]:
        if leaf == UP_JOURNAL:
            return self._journal(payload)
        if leaf == UP_WANT:
            want = unseal(payload, Want, self.controller, HUB)
            self.wants.append(want)
            return self._answer(want) if self.answers_wants else []
        if leaf == UP_RESULT:
            self.results.append(unseal(payload, Result, self.controller, HUB))
        if leaf == UP_STATE:
            from wire.codec import decode

            self.views.append(decode(payload, StateView))
        return []

    @property
    def controller(self) -> Verifier:
        return Verifier(Signer(CONTROLLER_SEED, NAME).public, NAME)

    def begin(self, epoch: str) -> None:
        """Take a journal for the controller's, unless it has one."""
        if not self.epoch:
            self.epoch = epoch
            self.head = chain.origin(NAME, epoch)

    def right(self, account: str, **fields) -> Came:
        self.revision += 1
        right = Right(
            account=account,
            granted_minor=self.grants.get(account, 0),
            **{"as_of_seq": len(self.events), "target_minor": self.targets.get(account, 0)}
            | fields,
        )
        return self.accounts(rights=(right,))

    def accounts(self, **fields) -> Came:
        body = Accounts(
            receiver=NAME,
            epoch=self.epoch,
            revision=self.revision,
            hub_time_ms=self.clock.now().wall_ms,
            **fields,
        )
        return Came(DOWN_ACCOUNTS, seal(body, HUB_SIGNER))

    def command(self, **fields) -> Came:
        now_ms = self.clock.now().wall_ms
        body = Command(
            **{"receiver": NAME, "id": f"cmd_{now_ms}", "expires_ms": now_ms + 60_000} | fields
        )
        return Came(DOWN_COMMAND, seal(body, HUB_SIGNER))

    def ack(self, through_seq: int | None = None, **fields) -> Came:
        body = Ack(
            **{
                "receiver": NAME,
                "epoch": self.epoch,
                "through_seq": len(self.events) if through_seq is None else through_seq,
                "head_hash": self.head.hex(),
                "hub_time_ms": self.clock.now().wall_ms,
            }
            | fields
        )
        return Came(DOWN_ACK, seal(body, HUB_SIGNER))

    def _journal(self, payload: bytes) -> list[Came]:
        header, events = unseal_batch(payload, self.controller, HUB)
        self.headers.append(header)
        self.begin(header.epoch)
        previous = bytes.fromhex(header.prev_hash)
        assert chain.head(previous, events).hex() == header.head_hash
        booked = len(self.events)
        if header.first_seq <= booked + 1:
            for data in events[booked + 1 - header.first_seq :]:
                self.events.append(data)
                self.head = chain.link(self.head, data)
        return [self.ack()] if self.acks else []

    def _answer(self, want: Want) -> list[Came]:
        granted = min(want.amount_minor, self.wallets.get(want.account, 0))
        self.wallets[want.account] = self.wallets.get(want.account, 0) - granted
        self.grants[want.account] = self.grants.get(want.account, 0) + granted
        self.revision += 1
        floor = self.floor_minor or min(500, self.wallets[want.account])
        right = Right(
            account=want.account,
            granted_minor=self.grants[want.account],
            floor_minor=floor,
            as_of_seq=len(self.events),
            target_minor=self.targets.get(want.account, 0),
        )
        code = 0 if granted == want.amount_minor else self.short_code
        answer = WantAnswer(request=want.request, granted_minor=granted, code=code)
        return [self.accounts(rights=(right,), answers=(answer,))]


@dataclass
class FakeLink:
    """A network between agent and hub; messages arrive at the next poll."""

    hub: Hub
    is_up: bool = False
    wanted: bool = True
    will: Status | None = None
    queue: list[LinkEvent] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def start(self, will: Status) -> None:
        self.will = will
        self.is_up = False

    def poll(self) -> list[LinkEvent]:
        if self.wanted and not self.is_up:
            self.is_up = True
            self.queue.append(Up())
        if not self.wanted and self.is_up:
            self.is_up = False
            self.queue = [Down("cut")]
        taken, self.queue = self.queue, []
        return taken

    def publish(self, leaf, payload, *, qos, retain=False):
        if not self.is_up or not self.wanted:
            return False
        self.sent.append((leaf, payload))
        self.queue += self.hub.receive(leaf, payload)
        return True

    def flush(self, timeout_ms):
        return True

    def close(self):
        self.is_up = False


def identity(code_key: bytes = CODE_KEY) -> Identity:
    reply = EnrolmentReply(
        controller=NAME,
        partition="p07",
        site="home",
        hub_public_key=HUB_SIGNER.public,
        card_salt=encode_bytes(SALT),
        code_key=encode_bytes(code_key),
        broker=BrokerAccess(host="127.0.0.1", port=1, username=NAME, password="x"),
    )
    return Identity(seed=CONTROLLER_SEED, reply=reply)


class Rig:
    """A controller and everything around it.

    Args:
        folder: Its data folder.
        online: Whether the network is there at the start.
    """

    def __init__(
        self, folder: Path, *, online: bool = True, toml: str = TOML, extra="", missing=()
    ):
        self.folder = folder
        self.clock = ManualClock()
        self.parts = FakeParts(self.clock, missing=missing)
        self.hub = Hub(self.clock)
        self.link = FakeLink(self.hub, wanted=online)
        self.config: AgentConfig = parse_config(extra + toml.format(folder=folder))
        self.ids = CountingIds()
        save_identity(folder, identity())
        self.agent = self.build()
        self._version = 0

    def build(self) -> Agent:
        edges = Edges(parts=self.parts, clock=self.clock, ids=self.ids, link=self.link, pace=Pace())
        self.agent = build_agent(self.config, edges)
        self.agent.start()
        self.agent.step()
        return self.agent

    def restart(self) -> None:
        """End it as a power cut does: nothing is settled, outputs fall off."""
        self.agent._wires.records.store.close()
        for output in self.parts.outputs.values():
            output.set_off()
        self.clock.advance(1_000)
        self.link.is_up = False
        self.link.queue = []
        self.build()

    def configure(self, *, machines=MACHINES, tariffs=(PER_MINUTE, PER_KWH, WASH), policy=None):
        self._version += 1
        config = Config(
            receiver=NAME,
            version=self._version,
            machines=tuple(machines),
            tariffs=tuple(tariffs),
            policy=policy or Policy(),
        )
        self.deliver(Came(DOWN_CONFIG, seal(config, HUB_SIGNER)))

    def cards(self, *entries: CardEntry) -> None:
        held = self.agent._wires.records.cards.revision
        page = ListPage(
            from_revision=held, upto_revision=held + 1, last_revision=held + 1, entries=entries
        )
        self.hub.begin(self.agent.state.epoch)
        self.deliver(self.hub.accounts(page=page))

    def deliver(self, *messages: Came) -> None:
        """Let messages arrive, also while the test's network is down."""
        poll = self.link.poll
        self.link.poll = lambda: list(messages)
        try:
            self.agent.step()
        finally:
            self.link.poll = poll

    def run(self, duration_ms: int) -> None:
        """Let time pass, as the runtime asks for it."""
        end_ms = self.clock.now().mono_ms + duration_ms
        while True:
            idle_ms = self.agent.step()
            left_ms = end_ms - self.clock.now().mono_ms
            if left_ms <= 0:
                return
            self.clock.advance(min(idle_ms, left_ms))

    def tap(
        self, reader: str, uid: bytes = ANNA, level: int = 0, proof: CardProof | None = None
    ) -> None:
        reader_ = self.parts.readers[reader]
        assert reader_.emit is not None
        now_ms = self.clock.now().mono_ms
        reader_.emit(CardPresent(reader, uid, "type2", level, now_ms, proof))
        reader_.emit(CardGone(reader, now_ms))
        self.agent.step()
        self.agent.step()

    def tap_several(self, reader: str) -> None:
        self.parts.readers[reader].emit(CardsSeveral(reader, self.clock.now().mono_ms))
        self.agent.step()

    def press(self, machine: str) -> None:
        self.parts.buttons[machine].emit(ButtonPressed(machine, self.clock.now().mono_ms))
        self.agent.step()

    def type_code(self, machine: str, digits: str) -> tuple[str, ...]:
        """Type digits at a machine's keypad; gives what its display says then."""
        self.agent.type_code(machine, digits)
        self.agent.step()
        return self.lines(machine) if machine in self.parts.displays else ()

    def feedback(self, machine: str, *, active: bool) -> None:
        pin = self.parts.inputs[machine]
        pin.is_active = active
        pin.emit(InputChanged(machine, active, self.clock.now().mono_ms))
        self.agent.step()

    def unplug(self, reader: str) -> None:
        self.parts.readers[reader].emit(ReaderDown(reader, "gone", self.clock.now().mono_ms))
        self.agent.step()

    def plug_in(self, reader: str) -> None:
        self.parts.readers[reader].emit(ReaderUp(reader, self.clock.now().mono_ms))
        self.agent.step()

    def state(self, machine: str) -> str:
        return self.agent.state.machines[machine].state.value

    def is_on(self, machine: str) -> bool:
        return self.parts.outputs[machine].is_on

    def lines(self, place: str) -> tuple[str, ...]:
        return self.parts.displays[place].lines

    def journal(self) -> list:
        with open_read_only(self.folder) as connection:
            found = connection.execute("SELECT data FROM journal ORDER BY seq").fetchall()
        return [decode_event(data) for (data,) in found]

    def kinds(self, *types: type) -> list:
        return [event for event in self.journal() if isinstance(event, types)]

    @property
    def database(self) -> Path:
        return self.folder / DATABASE_NAME


def code(counter: int, amount_minor: int = 1_000, last_year: int = 0, unit: str = "EUR") -> str:
    """A genuine code of this controller."""
    return write_code(CODE_KEY, NAME, unit, OfflineCode(counter, amount_minor, last_year))


def entry(uid: bytes = ANNA, account: str = "anna", **fields) -> CardEntry:
    return CardEntry(card=card_ref(SALT, uid), account=account, **{"floor_minor": 500} | fields)
