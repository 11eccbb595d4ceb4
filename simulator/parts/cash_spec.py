"""What takes cash at a virtual machine, and what vends, as TOML names them."""

from __future__ import annotations

import msgspec

EUROS = ("EU005A", "EU010A", "EU020A", "EU050A", "EU100A", "EU200A")
EURO_NOTES = ("EU0005A", "EU0010A", "EU0020A", "EU0050A")
PRICES = (("11", "1.20"), ("12", "0.80"), ("21", "2.50"))


class CashParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coin or note acceptor.

    Attributes:
        id: Its name.
        kind: "pulse", "cctalk_coin" or "cctalk_note".
        pin: Where a pulse acceptor counts.
        inhibit_pin: Pin that keeps a pulse acceptor from accepting, high or floating; None:
            nothing does.
        pulses_low: Whether a pulse pulls the line low.
        pulse_ms: Length of a pulse, and of the pause after it.
        rest_ms: Silence after the pulses of a coin.
        port: Path that the bus shall have; several devices may share it.
        address: On the bus; 0: the usual one.
        crc: Whether it checks messages by a CRC.
        names: What a device on ccTalk calls its coins or notes, in their order; empty: euros.
        echo: Whether the bus gives back what the host sends.
        encryption: "none", "events" or "all".
    """

    id: str
    kind: str = "cctalk_coin"
    pin: int | None = None
    inhibit_pin: int | None = None
    pulses_low: bool = True
    pulse_ms: int = 50
    rest_ms: int = 400
    port: str = ""
    address: int = 0
    crc: bool = False
    names: tuple[str, ...] = ()
    echo: bool = True
    encryption: str = "none"


class VendParts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vending machine behind an MDB adapter.

    Attributes:
        port: Path that the adapter shall have.
        prices: What it sells, by the name of the item, as the machine writes prices.
    """

    port: str
    prices: dict[str, str] = msgspec.field(default_factory=lambda: dict(PRICES))
