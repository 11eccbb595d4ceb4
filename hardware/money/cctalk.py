"""Coin and note acceptors on a ccTalk bus.

Source: ccTalk Generic Specification 4.7, part 2 (headers) and part 3 (tables). Credit is told
by the device's event counter: an answer that is lost is asked for again and counts once. More
events than the device keeps, between two looks, are reported as lost.

A device goes on accepting when its host dies. Told by `resume` which event was booked last, the
first look reports what came in since: nothing is lost, and nothing counts twice. Untold, what
came in before the first look isn't reported.

Rejected coins are events, too. So when there were more since than the device keeps, and no money
is among those that it has, nothing is told as lost: each restart at a busy slot would be an alarm.
"""

from __future__ import annotations

from threading import Event

from hardware.drivers import Around
from hardware.errors import SpecError
from hardware.money.cctalk_bus import Ask, Seat, SilentError, Way
from hardware.money.cctalk_device import DEVICES, Device, RefusedError, refuse_all
from hardware.money.cctalk_events import Entry, fresh_in, newest_in
from hardware.money.ports import AcceptorDown, AcceptorUp, CashInserted, CashLost
from hardware.money.specs import CashSpec
from hardware.money.standing import Standing
from hardware.ports import Emit, Health
from wire.clock import Clock

POLL_MS = 100
"""Five coins within two looks are told apart; the fastest acceptors take five a second."""
SILENT_MS = 1_000
"""A device that doesn't answer is asked so often: its silence keeps the others waiting."""
REFUSED_MS = 5_000
"""A device of another kind is looked at again so often: somebody may exchange it."""
CLOSE_MS = 1_500
"""How long closing waits until the device accepts nothing: all others on the bus, once."""
ADDRESS_MAX = 255
_CHECKSUMS = ("simple", "crc16")


def open_part(spec: CashSpec, around: Around) -> CctalkAcceptor:
    """Make what the spec describes; see `CctalkAcceptor`.

    Raises:
        SpecError: A field is missing or impossible.
    """
    if spec.port is None:
        raise SpecError("an acceptor with the driver 'cctalk' needs `port`")
    if spec.kind not in DEVICES or spec.checksum not in _CHECKSUMS:
        raise SpecError("kind is coin or note, and checksum simple or crc16")
    if not 0 <= spec.address <= ADDRESS_MAX or spec.address == 1:
        raise SpecError(f"address is {spec.address}: a device has 2 to {ADDRESS_MAX}")
    if bool(spec.values) is bool(spec.country):
        raise SpecError("an acceptor on ccTalk needs either `values` or `country`")
    return CctalkAcceptor(spec, around.clock)


class CctalkAcceptor:
    """A `CashAcceptor` on a bus; nothing is opened before `start`.

    Args:
        spec: Port, address, and what coins and notes are worth.
        clock: Source of `mono_ms`.
    """

    def __init__(self, spec: CashSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._standing = Standing(spec.id, clock, AcceptorUp, AcceptorDown)
        self._member = _Member(spec, self._standing)
        self._seat: Seat | None = None

    @property
    def health(self) -> Health:
        return self._standing.health

    def resume(self, device_seq: int) -> None:
        """Say which event was booked last (`hardware.money.ports.Resumable`)."""
        self._member.resume(device_seq)

    def start(self, emit: Emit) -> None:
        self._standing.start(emit)
        port = self._spec.port or ""
        try:
            self._seat = Seat(self._member, Way(port, self._spec.baudrate), self._clock)
        except SpecError as error:
            self._standing.down(str(error))

    def set_enabled(self, enabled: bool) -> None:  # noqa: FBT001 a level
        self._member.is_wanted = enabled
        if self._seat is not None:
            self._seat.hurry()

    def close(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            self._member.is_leaving = True
            seat.leave(lambda: self._member.was_told.wait(CLOSE_MS / 1_000))
        self._standing.close()


class _Member:
    """The device, as the bus's thread looks after it."""

    def __init__(self, spec: CashSpec, standing: Standing) -> None:
        self._spec = spec
        self._standing = standing
        self.with_crc = spec.checksum == "crc16"
        self.address = spec.address or DEVICES[spec.kind].usual_address
        self.due_ms = 0
        self.is_wanted = False
        self.is_leaving = False
        self.was_told = Event()
        self._device: Device | None = None
        self._told: bool | None = None
        self._seq: int | None = None
        self._is_resuming = False
        self._fault = ""
        self._held: Entry | None = None

    def resume(self, device_seq: int) -> None:
        """Count on from an event that was booked by an earlier run."""
        self._seq = device_seq
        self._is_resuming = True

    def attend(self, ask: Ask) -> int:
        if self.was_told.is_set():
            return SILENT_MS
        try:
            return self._leave(ask) if self.is_leaving else self._look(ask)
        except RefusedError as error:
            return self._gave_up(str(error), REFUSED_MS)
        except SilentError as error:
            reason = f"{error} at address {self.address}: check its power, wires and address"
            return self._gave_up(reason, SILENT_MS)

    def went_down(self, reason: str) -> None:
        self._gave_up(reason, SILENT_MS)
        if self.is_leaving:
            self.was_told.set()

    def _gave_up(self, reason: str, pause_ms: int) -> int:
        """Nothing can be said of it; what it was told may be forgotten when it is back."""
        self._device = None
        self._told = None
        self._standing.down(reason)
        return pause_ms

    def _leave(self, ask: Ask) -> int:
        """Let it accept nothing, and take what had come until then."""
        try:
            refuse_all(ask)
            if self._device is not None:
                self._read(self._device, ask)
        finally:
            # One that doesn't answer three times can't be told.
            self.was_told.set()
        return SILENT_MS

    def _look(self, ask: Ask) -> int:
        if self._device is None:
            self._device = DEVICES[self._spec.kind](self._spec, ask)
        # First what has come, then what may come: a reset shows in the first.
        self._read(self._device, ask)
        wanted = self.is_wanted
        if self._told is not wanted:
            self._device.accept(ask, wanted=wanted)
            self._told = wanted
        if self._fault and not self._device.is_mended(ask):
            self._standing.down(self._fault)
        else:
            self._fault = ""
            self._standing.up()
        return POLL_MS

    def _read(self, device: Device, ask: Ask) -> None:
        """Take what is new in the device's buffer."""
        try:
            buffer = ask(device.events_header)
            fresh = fresh_in(buffer, self._seq)
            newest = newest_in(buffer)
        except ValueError as error:
            raise SilentError(f"it isn't understood ({error})") from error
        if self._seq is None and newest is not None:
            # A note that was held when the agent started is nobody's: back to who has it.
            device.route(ask, newest, wanted=False)
        if fresh.was_reset:
            self._told, self._fault = None, ""
        self._seq = fresh.seq
        took_some = any(entry.first and device.is_in_box(entry) for entry in fresh.entries)
        if fresh.lost and (took_some or not self._is_resuming):
            self._report_lost(fresh.lost)
        self._is_resuming = False
        for entry in fresh.entries:
            self._take(device, entry)
            self._held = entry
        if self._held is not None:
            # Kept until it is answered: only the newest event says what the device holds.
            device.route(ask, self._held, wanted=self.is_wanted and not self.is_leaving)
            self._held = None

    def _take(self, device: Device, entry: Entry) -> None:
        if entry.first == 0:
            self._fault = device.fault_after(entry.second, self._fault)
            if entry.second == device.swallowed_code:
                self._report_lost(1)
        elif device.is_in_box(entry):
            worth = device.values.get(entry.first, 0)
            if worth <= 0:
                self._report_lost(1)
                return
            now_ms = self._standing.now_ms
            kind = self._spec.kind
            self._standing.report(CashInserted(self._spec.id, worth, kind, entry.seq, now_ms))

    def _report_lost(self, events: int) -> None:
        self._standing.report(CashLost(self._spec.id, events, self._standing.now_ms))
