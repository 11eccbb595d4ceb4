"""Checks of everything that a controller needs, in words and with what to do."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

from firmware_agent.checkup.finding import Finding, bad, good
from firmware_agent.checkup.host import Host, look_at_host
from firmware_agent.checkup.parts import look_at_parts
from firmware_agent.checkup.person import Nobody, Person
from firmware_agent.config import AgentConfig
from firmware_agent.errors import AgentError, IdentityError, StoreError
from firmware_agent.housekeeping import DISK_LOW_BYTES, DISK_WARN_BYTES
from firmware_agent.identity import KEY_NAME, NEXT_KEY_NAME, Identity, load_identity
from firmware_agent.inspection import last_boot, verify
from firmware_agent.parts import AnyOpener, open_parts
from firmware_agent.store import LOCK_NAME, WAL_RESET_FIXED, open_read_only
from firmware_agent.tls import SOON_DAYS, certificate_ends_ms
from hardware.ports import PartEvent
from wire.clock import Clock
from wire.events import ClockState

CONNECT_TIMEOUT_S = 5.0
_READABLE_BY_OTHERS = 0o077
_MS_PER_MINUTE = 60_000
_MS_PER_DAY = 86_400_000
WALL_MS_MIN = 1_735_689_600_000
"""2025-01-01: no controller of this program runs before."""


def examine(
    config: AgentConfig,
    clock: Clock,
    opener: AnyOpener,
    host: Host | None = None,
    person: Person | None = None,
) -> Iterator[Finding]:
    """Look at everything, one finding after the other; never raises.

    Parts are opened only while no agent runs: it owns them.

    Args:
        config: The controller's file.
        clock: The controller's.
        opener: Opens its parts.
        host: The system under it; None: this one.
        person: Who is asked what they see; None: nobody.
    """
    folder = Path(config.data_dir)
    identity: Identity | None = None
    try:
        identity = load_identity(folder)
        yield good("identity", f"enrolled as {identity.controller} at {identity.reply.site}")
        yield _code_key(identity)
    except IdentityError as error:
        yield bad("identity", str(error))
    yield _key_mode(folder)
    if identity is not None and identity.reply.broker.tls:
        yield _certificate(folder, clock)
    yield from _folder(folder)
    yield from _journal(folder, clock)
    yield _sqlite()
    yield _clock(clock)
    if identity is not None:
        yield _broker(config, identity)
    yield from look_at_host(config, host or Host())
    yield from _parts(config, opener, folder, person or Nobody())


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield bad("data folder", f"{folder} doesn't exist: make it, owned by the agent's user")
        return
    probe = folder / ".doctor"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
        yield good("data folder", f"{folder} can be written")
    except OSError as error:
        yield bad("data folder", f"{folder} can't be written ({error.strerror}): check its owner")
    free = shutil.disk_usage(folder).free
    words = f"{free >> 20} MiB free"
    if free < DISK_LOW_BYTES:
        yield bad("disk", f"{words}: nothing is authorised below {DISK_LOW_BYTES >> 20} MiB")
    elif free < DISK_WARN_BYTES:
        yield bad("disk", f"{words}: make room soon")
    else:
        yield good("disk", words)


def _key_mode(folder: Path) -> Finding:
    key = folder / KEY_NAME
    if (folder / NEXT_KEY_NAME).exists():
        return bad("key", "a change of it was cut off: standpipe-agent rotate, once more")
    if not key.exists():
        return bad("key", f"there is no {key}: it is made by standpipe-agent enrol")
    if key.stat().st_mode & _READABLE_BY_OTHERS:
        return bad("key", f"others can read {key}: chmod 600 {key}")
    return good("key", "readable by its owner only")


def _code_key(identity: Identity) -> Finding:
    if identity.code_key is None:
        return good("offline codes", "no key: re-enrol, should codes be typed here")
    return good("offline codes", "can be typed here")


def _certificate(folder: Path, clock: Clock) -> Finding:
    try:
        ends_ms = certificate_ends_ms(folder)
    except IdentityError as error:
        return bad("certificate", str(error))
    if ends_ms is None:
        return good("certificate", "none: good where the broker doesn't ask for one")
    days = (ends_ms - clock.now().wall_ms) // _MS_PER_DAY
    if days < 0:
        return bad("certificate", "it has ended: standpipe-agent rotate")
    if days < SOON_DAYS:
        return bad("certificate", f"it ends in {days} days: standpipe-agent rotate")
    return good("certificate", f"good for {days} days")


def _journal(folder: Path, clock: Clock) -> Iterator[Finding]:
    try:
        with open_read_only(folder) as connection:
            count, broken = verify(connection)
            boot = last_boot(connection)
    except (StoreError, AgentError) as error:
        yield bad("journal", str(error))
        return
    if broken:
        yield bad("journal", f"{broken}: keep the folder and call the operator")
    else:
        yield good("journal", f"{count} events are as they were written")
    if boot is not None:
        minutes = max(0, clock.now().wall_ms - boot.at.wall_ms) // _MS_PER_MINUTE
        trust = "" if boot.at.clock is ClockState.SYNCED else f", its clock {boot.at.clock}"
        yield good("last start", f"{minutes} minutes ago, version {boot.version}{trust}")


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= WAL_RESET_FIXED:
        return good("SQLite", version)
    return good("SQLite", f"{version}: has the WAL-reset bug, so never open the file for writing")


def _clock(clock: Clock) -> Finding:
    if clock.now().wall_ms < WALL_MS_MIN:
        return bad("clock", "it is set to the past: check the network's time service")
    return good("clock", "plausible")


def _broker(config: AgentConfig, identity: Identity) -> Finding:
    host, port = identity.reply.broker.host, identity.reply.broker.port
    if config.broker is not None:
        host, port = config.broker.host, config.broker.port
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return bad("broker", f"{host}:{port} isn't reached ({error}): check network and firewall")
    return good("broker", f"{host}:{port} is reached")


def _parts(
    config: AgentConfig, opener: AnyOpener, folder: Path, person: Person
) -> Iterator[Finding]:
    if _agent_runs(folder):
        yield good("parts", "not opened: the agent runs and owns them; see its log and status")
        return
    parts = open_parts(config, opener, opener)
    seen: Queue[PartEvent] = Queue()
    try:
        parts.start(seen.put)
        yield from look_at_parts(parts, seen, person)
    finally:
        parts.close()


def _agent_runs(folder: Path) -> bool:
    import fcntl

    try:
        with (folder / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
