"""What the controller's file may say about acceptors and vending buses; every fault in words."""

from __future__ import annotations

from collections.abc import Iterator

from hardware.money.specs import CashSpec, VendSpec

KINDS = ("coin", "note")
CHECKSUMS = ("simple", "crc16")
BAUDRATES = (4800, 9600, 19200, 38400, 57600, 115200)
PULSE_MS_MAX = 500
"""The slowest acceptors can be set to 200."""
GAP_MS_MAX = 5_000
"""Who put a coin in and sees nothing for five seconds puts in no other."""
VALUES_MAX = 100
VALUE_MINOR_MAX = 100_000_000
ADDRESS_MIN, ADDRESS_MAX = 2, 255
COUNTRY_CHARS = 2
EXPONENT_MAX = 4


def check_money(where: str, spec: object) -> Iterator[str]:
    """List what is wrong with an acceptor or a vending machine's bus; other parts pass."""
    if isinstance(spec, CashSpec):
        yield from _check_cash(where, spec)
    if isinstance(spec, VendSpec):
        yield from _check_vend(where, spec)


def _check_cash(where: str, spec: CashSpec) -> Iterator[str]:
    """List what is wrong with an acceptor."""
    if "." in spec.driver:
        return
    if spec.kind not in KINDS:
        yield f"{where}.kind: is {spec.kind!r}; write {' or '.join(KINDS)}"
    if len(spec.values) > VALUES_MAX:
        yield f"{where}.values: has {len(spec.values)}; no acceptor tells more than {VALUES_MAX}"
    if any(not 0 <= value <= VALUE_MINOR_MAX for value in spec.values):
        yield f"{where}.values: write minor units, 0 for what isn't accepted"
    elif spec.values and not any(spec.values):
        yield f"{where}.values: nothing is accepted; write at least one worth more than 0"
    if not 0 <= spec.value_max_minor <= VALUE_MINOR_MAX:
        yield f"{where}.value_max_minor: write minor units, 0 or more"
    if spec.driver == "coin_pulse":
        yield from _check_pulses(where, spec)
    elif spec.driver == "cctalk":
        yield from _check_cctalk(where, spec)


def _check_vend(where: str, spec: VendSpec) -> Iterator[str]:
    """List what is wrong with a vending machine's bus."""
    if spec.driver != "mdb":
        return
    if spec.port is None:
        yield f"{where}.port: missing; write an absolute path like /dev/serial/by-id/…"
    if spec.baudrate not in BAUDRATES:
        yield _wrong_baudrate(where, spec.baudrate)
    if not 0 <= spec.exponent <= EXPONENT_MAX:
        yield f"{where}.exponent: is {spec.exponent}; write 0 to {EXPONENT_MAX}"


def _check_pulses(where: str, spec: CashSpec) -> Iterator[str]:
    if spec.pin is None:
        yield f"{where}.pin: missing; write the BCM number of the pulse input"
    if bool(spec.values) is bool(spec.pulse_minor):
        yield (
            f"{where}: write values, what a coin is worth by the number of its pulses, or "
            "pulse_minor, what each pulse is worth"
        )
    if not 0 <= spec.pulse_minor <= VALUE_MINOR_MAX:
        yield f"{where}.pulse_minor: write minor units, 0 or more"
    if spec.pulse_minor and not spec.value_max_minor:
        yield f"{where}.value_max_minor: missing; write what the largest coin or note is worth"
    if not 0 < spec.pulse_ms_min < spec.pulse_ms_max <= PULSE_MS_MAX:
        yield (
            f"{where}: pulse_ms_min must be above 0 and below pulse_ms_max, which is at most "
            f"{PULSE_MS_MAX}"
        )
    elif not spec.pulse_ms_min < spec.gap_ms <= GAP_MS_MAX:
        yield f"{where}.gap_ms: write more than pulse_ms_min, and at most {GAP_MS_MAX}"
    if spec.path and not spec.path.startswith("/"):
        yield f"{where}.path: is {spec.path!r}; write a GPIO chip like /dev/gpiochip0"


def _check_cctalk(where: str, spec: CashSpec) -> Iterator[str]:
    if spec.port is None:
        yield f"{where}.port: missing; write an absolute path like /dev/serial/by-id/…"
    if spec.baudrate not in BAUDRATES:
        yield _wrong_baudrate(where, spec.baudrate)
    if spec.address and not ADDRESS_MIN <= spec.address <= ADDRESS_MAX:
        yield (
            f"{where}.address: is {spec.address}; write {ADDRESS_MIN} to {ADDRESS_MAX}, or "
            "leave it away"
        )
    if spec.checksum not in CHECKSUMS:
        yield f"{where}.checksum: is {spec.checksum!r}; write {' or '.join(CHECKSUMS)}"
    if bool(spec.values) is bool(spec.country):
        yield (
            f"{where}: write country, as the device names it (EU, GB), or values, what its "
            "coins or notes are worth in their order"
        )
    if spec.country and not (len(spec.country) == COUNTRY_CHARS and spec.country.isalpha()):
        yield f"{where}.country: is {spec.country!r}; write two letters like EU"
    if spec.country and not spec.value_max_minor:
        yield f"{where}.value_max_minor: missing; write what may come in at once at most"


def _wrong_baudrate(where: str, baudrate: int) -> str:
    return f"{where}.baudrate: is {baudrate}; write {', '.join(map(str, BAUDRATES))}"
