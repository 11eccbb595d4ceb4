"""Who comes in a month, what it costs, and what the agent's file says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from wire.money import EUR
from wire.tariff import Measure, Tariff, Tier

CONTROLLER = "remote"
MACHINE = "shower"
SITE = "island"
READER = "front"
LEVEL = 1
MONTH_MS = 30 * 86_400_000
SESSIONS_EACH = 80
"""Sessions of one person, who never needs more than the floor: 80 at 4 cents are 3.20."""
RUN_STEPS = 6
STEP_MS = 4_000
"""A session is so many looks at the machine, this far apart: 24 s. An output's lease is 5 s."""
WALLET_MINOR = 5_000
RESTARTS = 3
"""How often the agent starts anew in the month, evenly spread, as after an update."""
TARIFF = Tariff(
    id="minute",
    version=1,
    name="Ten cents a minute",
    unit=EUR,
    time=Measure(unit="ms", per=60_000, tiers=(Tier(100_000),)),
    tax_rate_ppm=190_000,
)


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """What is to happen.

    Attributes:
        sessions: How many sessions there are without network.
        broker_port: Where the agent finds the broker: its network cable.
    """

    sessions: int
    broker_port: int

    @property
    def people(self) -> int:
        """How many people come."""
        return -(-self.sessions // SESSIONS_EACH)


def uid_of(person: int) -> bytes:
    """UID of a person's card."""
    return b"\x04" + person.to_bytes(6, "big")


def account_of(person: int) -> str:
    """A person's account."""
    return f"guest-{person:05d}"


def agent_file(data: Path, broker_port: int) -> str:
    """Write the agent's file: one reader, one machine that is paid by time."""
    return f"""\
data_dir = {json.dumps(str(data))}
log_level = "error"
broker = {{ host = "127.0.0.1", port = {broker_port} }}
[[readers]]
id = "{READER}"
port = "/dev/none"
[[machines]]
id = "{MACHINE}"
reader = "{READER}"
output = {{ pin = 17 }}
"""
