"""Acceptors and vending machines that live in memory, for `Rig`."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_agent.bootstrap import Agent, Edges, build_agent
from firmware_agent.machine_side import Pace
from hardware.money.ports import (
    AcceptorDown,
    AcceptorUp,
    BusDown,
    BusUp,
    CashInserted,
    CashLost,
    VendEnded,
    VendRequested,
    VendResult,
)
from hardware.ports import HEALTH_UP, Emit, Health
from tests.firmware_agent.rig import PER_MINUTE, Rig, entry
from wire.machines import PRICE_UNIT, Access, Cash, Cycle, Machine, Mode, Program, Vend
from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

PRICES = Tariff(
    id="prices",
    version=1,
    name="As asked",
    unit=EUR,
    quantity=Measure(unit=PRICE_UNIT, per=1, tiers=(Tier(10_000),)),
)
ENTRY = Tariff(id="entry", version=1, name="Entry", unit=EUR, start_fee_micros=2_000_000)
WASH_TIME = Tariff(
    id="wash-time",
    version=1,
    name="Wash",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(500_000),)),
)
TARIFFS = (PER_MINUTE, PRICES, ENTRY, WASH_TIME)
MINUTE_MS = 60_000

MONEY_TOML = """
data_dir = "{folder}"
[[readers]]
id = "pay"
port = "/dev/pay"
[[readers]]
id = "snack"
port = "/dev/snack"
[[readers]]
id = "gate"
port = "/dev/gate"
[[readers]]
id = "wash"
port = "/dev/wash"
[[machines]]
id = "payer"
reader = "pay"
output = {{ driver = "none" }}
display = {{ port = "/dev/pay-display" }}
[[machines.cash]]
id = "coins"
driver = "village.coins"
values = [10, 20, 50, 100, 200]
[[machines.cash]]
id = "notes"
driver = "village.notes"
values = [500, 1000]
[[machines]]
id = "snacks"
reader = "snack"
output = {{ driver = "none" }}
vend = {{ id = "mdb", driver = "village.mdb" }}
display = {{ port = "/dev/snack-display" }}
[[machines]]
id = "door"
reader = "gate"
output = {{ pin = 1 }}
door = {{ pin = 2 }}
display = {{ port = "/dev/gate-display" }}
[[machines]]
id = "washer"
reader = "wash"
output = {{ pin = 3 }}
feedback = {{ pin = 4 }}
door = {{ pin = 5 }}
fault = {{ pin = 6 }}
button = {{ pin = 7 }}
display = {{ port = "/dev/wash-display" }}
[[machines.cash]]
id = "slot"
driver = "village.coins"
values = [100]
"""

MONEY_MACHINES = (
    Machine(id="payer", name="Pay in", mode=Mode.REVALUE, cash=Cash(balance_max_minor=5_000)),
    Machine(id="snacks", name="Snacks", mode=Mode.VEND, tariff="prices", vend=Vend()),
    Machine(
        id="door",
        name="Door",
        mode=Mode.ACCESS,
        tariff="entry",
        access=Access(open_ms=5_000, priced=True),
    ),
    Machine(
        id="washer",
        name="Washer",
        mode=Mode.CYCLE,
        tariff="wash-time",
        cycle=Cycle(
            pulse_ms=0,
            feedback_within_ms=10_000,
            duration_ms=12 * MINUTE_MS,
            programs=(
                Program(id="long", name="Long"),
                Program(id="short", name="Short", duration_ms=4 * MINUTE_MS),
            ),
            may_stop=True,
            cancel_within_ms=60_000,
        ),
    ),
)


@dataclass
class FakeAcceptor:
    """A box for coins or notes; what is put in while it is off is given back.

    It counts what it takes, and remembers it all.
    """

    id: str
    health: Health = HEALTH_UP
    emit: Emit | None = None
    enabled: bool = False
    box: list[int] = field(default_factory=list)
    booked: int | None = None

    def resume(self, device_seq: int) -> None:
        self.booked = device_seq

    def start(self, emit: Emit) -> None:
        self.emit = emit
        if self.booked is not None:
            for seq in range(self.booked + 1, len(self.box) + 1):
                emit(CashInserted(self.id, self.box[seq - 1], "coin", seq, 0))

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 the port
        self.enabled = enabled

    def close(self) -> None:
        self.emit, self.enabled = None, False

    def insert(self, value_minor: int) -> bool:
        """Put money in; False: it was given back."""
        if not self.enabled or self.emit is None:
            return False
        self.box.append(value_minor)
        self.emit(CashInserted(self.id, value_minor, "coin", len(self.box), 0))
        return True


@dataclass
class FakeVendor:
    """A vending machine, as its bus tells it."""

    id: str
    health: Health = HEALTH_UP
    emit: Emit | None = None
    funds_minor: int | None = None
    told: list[tuple[str, ...]] = field(default_factory=list)

    def start(self, emit: Emit) -> None:
        self.emit = emit

    def offer(self, funds_minor: int) -> None:
        self.funds_minor = funds_minor

    def approve(self, request: str, amount_minor: int) -> None:
        self.told.append(("approve", request))

    def deny(self, request: str) -> None:
        self.told.append(("deny", request))

    def end(self) -> None:
        self.funds_minor = None

    def close(self) -> None:
        self.emit = None


class MoneyRig(Rig):
    """A controller that is paid at, and vends."""

    def __init__(self, folder, *, online: bool = True) -> None:
        self.acceptors: dict[str, FakeAcceptor] = {}
        self.vendors: dict[str, FakeVendor] = {}
        super().__init__(folder, online=online, toml=MONEY_TOML)

    def build(self) -> Agent:
        edges = Edges(
            parts=self.parts,
            money=self,
            clock=self.clock,
            ids=self.ids,
            link=self.link,
            pace=Pace(),
        )
        self.agent = build_agent(self.config, edges)
        self.agent.start()
        self.agent.step()
        return self.agent

    def acceptor(self, spec, machine) -> FakeAcceptor:
        found = self.acceptors.setdefault(spec.id, FakeAcceptor(spec.id))
        found.enabled = False
        return found

    def vendor(self, spec, machine) -> FakeVendor:
        return self.vendors.setdefault(machine, FakeVendor(spec.id))

    def set_up(self, machines=MONEY_MACHINES, *cards) -> None:
        self.configure(machines=machines, tariffs=TARIFFS)
        self.cards(*(cards or (entry(),)))
        self.run(1_000)

    def insert(self, value_minor: int, acceptor: str = "coins") -> bool:
        accepted = self.acceptors[acceptor].insert(value_minor)
        self.agent.step()
        return accepted

    def lose(self, events: int, acceptor: str = "coins") -> None:
        self.acceptors[acceptor].emit(CashLost(acceptor, events, 0))
        self.agent.step()

    def acceptor_down(self, acceptor: str, reason: str = "") -> None:
        event = AcceptorDown(acceptor, reason, 0) if reason else AcceptorUp(acceptor, 0)
        self.acceptors[acceptor].emit(event)
        self.agent.step()

    def choose(self, amount_minor: int, request: str = "r1", item: str = "12") -> tuple[str, ...]:
        """Choose something; gives what the machine was told."""
        vendor = self.vendors["snacks"]
        vendor.emit(VendRequested("mdb", request, amount_minor, item, 0))
        self.agent.step()
        return vendor.told[-1]

    def vended(self, result: VendResult, request: str = "r1", reason: str = "") -> None:
        self.vendors["snacks"].emit(VendEnded("mdb", request, result, reason, 0))
        self.agent.step()

    def bus_down(self, reason: str = "") -> None:
        event = BusDown("mdb", reason, 0) if reason else BusUp("mdb", 0)
        self.vendors["snacks"].emit(event)
        self.agent.step()

    def rights(self, account: str = "anna"):
        return self.agent._wires.records.accounts.load(account)

    def signal_door(self, *, active: bool) -> None:
        self.signal_of("door", "door", active=active)

    def signal_of(self, machine: str, kind: str, *, active: bool) -> None:
        """A machine's own word on its door, or on a fault."""
        self.feedback(f"{kind}/{machine}", active=active)
